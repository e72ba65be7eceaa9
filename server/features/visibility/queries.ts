import type { Db } from '../../database.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import type { Visibility } from './domain.ts'

export async function selectVisibility(db: Db, { brandId }: { brandId: number }) {
  const [row] = await db<Visibility[]>`
    SELECT whole_phone AS "wholePhone", ranks FROM visibility_settings
    WHERE brand_id = ${brandId} ORDER BY told_at DESC, setting_id DESC LIMIT 1`
  return row ?? null
}

export async function insertVisibility(
  db: Db,
  { brandId, visibility, toldBy, now }: { brandId: number; visibility: Visibility; toldBy: string; now: Instant },
) {
  // After the one before also where both are told within a millisecond.
  await db`
    INSERT INTO visibility_settings (brand_id, setting_id, whole_phone, ranks, told_by, told_at)
    SELECT ${brandId}, ${uuidv7(now)}, ${visibility.wholePhone}, ${visibility.ranks}, ${toldBy},
      GREATEST(${formatInstant(now)}::text::timestamptz, max(told_at) + interval '1 ms')
    FROM visibility_settings WHERE brand_id = ${brandId}`
}
