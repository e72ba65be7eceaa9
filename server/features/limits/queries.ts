import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'

/** @returns what all processes have told of it */
export async function addCount(db: Db, options: { key: string; minute: Instant; count: number }): Promise<number> {
  const [row] = await db<{ count: number }[]>`
    INSERT INTO rate_counts AS r (key, minute, count) VALUES (${options.key}, ${options.minute}, ${options.count})
    ON CONFLICT (key, minute) DO UPDATE SET count = r.count + EXCLUDED.count
    RETURNING count`
  return row!.count
}

/** One more, where there are fewer than `max`. @returns whether there were */
export async function takeOne(db: Db, options: { key: string; minute: Instant; max: number }): Promise<boolean> {
  const rows = await db`
    INSERT INTO rate_counts AS r (key, minute, count) VALUES (${options.key}, ${options.minute}, 1)
    ON CONFLICT (key, minute) DO UPDATE SET count = r.count + 1 WHERE r.count < ${options.max}
    RETURNING count`
  return rows.length > 0
}

export async function deleteCounts(db: Db, options: { before: Instant }): Promise<void> {
  await db`DELETE FROM rate_counts WHERE minute < ${options.before}`
}
