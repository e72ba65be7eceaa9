import type { Pool } from '../../database.ts'
import type { ItemResult } from '../../lib/items.ts'
import type { Instant } from '../../lib/time.ts'
import { storableText } from './domain.ts'
import { upsertIntake, type IntakeRow } from './queries.ts'

/** Counts what comes in. */
export interface IntakeMeter {
  /** Counts a batch that was answered. */
  count(batch: {
    brandId: number
    kind: string
    actor: string
    items: readonly unknown[]
    results: readonly ItemResult[]
    now: Instant
  }): void
  /** Writes down what was counted. */
  flush(): Promise<void>
}

const FLUSH_MS = 2000
/** Somebody who sends another source with each item must not fill the table. */
const ROWS_MAX = 500
const MANY = '…'
const WITH_SOURCE = new Set(['orders', 'refunds'])

/**
 * Counted in memory and added every few seconds: a row that every batch would have to lock would have all senders wait
 * for each other. What a process that is killed had counted is lost; nothing hangs on it.
 */
export function buildIntakeMeter(options: { pool: Pool; onError: (error: unknown) => void }): IntakeMeter {
  const { pool, onError } = options
  let rows = new Map<string, IntakeRow>()
  let timer: NodeJS.Timeout | null = null
  let writing = Promise.resolve()

  const rowOf = (brandId: number, kind: string, source: string, sentBy: string, now: Instant): IntakeRow => {
    const key = JSON.stringify([brandId, kind, source, sentBy])
    const found = rows.get(key)
    if (found) return found
    if (rows.size >= ROWS_MAX && source !== '' && source !== MANY) return rowOf(brandId, kind, MANY, sentBy, now)
    const row = { brandId, kind, source, sentBy, created: 0, updated: 0, unchanged: 0, rejected: 0, lastAt: now, lastRejectedAt: null } // prettier-ignore
    rows.set(key, row)
    return row
  }
  const flush = () => {
    if (timer) clearTimeout(timer)
    timer = null
    const full = [...rows.values()]
    rows = new Map()
    if (full.length > 0) writing = writing.then(() => upsertIntake(pool, full)).catch(onError)
    return writing
  }
  return {
    count({ brandId, kind, actor, items, results, now }) {
      for (const [i, { status }] of results.entries()) {
        const row = rowOf(brandId, kind, WITH_SOURCE.has(kind) ? sourceOf(items[i]) : '', actor, now)
        row[status] += 1
        row.lastAt = Math.max(row.lastAt, now)
        if (status === 'rejected') row.lastRejectedAt = now
      }
      timer ??= setTimeout(() => void flush(), FLUSH_MS).unref()
    },
    flush,
  }
}

function sourceOf(item: unknown): string {
  const source = (item as { source?: unknown } | null | undefined)?.source
  return typeof source === 'string' ? storableText(source.slice(0, 64)) : ''
}
