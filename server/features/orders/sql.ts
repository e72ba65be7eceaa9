import type { Db } from '../../database.ts'
import type { Span } from '../../lib/calendar.ts'
import { formatInstant } from '../../lib/time.ts'
import type { Scope } from '../auth/domain.ts'

/** Parts of statements in which orders are `o`: what every figure and list has to say alike. */

/** The orders that somebody may see: his stores' as seller or home store, else those on which he holds a role. */
export function visibleOrders(db: Db, scope: Scope) {
  if (scope.reach === 'brand') return db`true`
  if (scope.reach === 'self') return db`o.associates @> ARRAY[${scope.associateId}]::text[]`
  const storeCodes = scope.storeCodes as string[]
  return db`(o.selling_store = ANY (${storeCodes}::text[]) OR o.roles ->> 'home_store' = ANY (${storeCodes}::text[]))`
}

/** Orders that count: uncancelled, with net above 0. */
export const isCounted = (db: Db, brandId: number) =>
  db`o.brand_id = ${brandId} AND o.revision IS NOT NULL AND NOT o.cancelled AND o.net_fen > 0`

/** The bounds as values of their type, so that a plan can be made with them. */
export const isPaidWithin = (db: Db, { from, to }: Span) => db`
  o.paid_at >= ${formatInstant(from)}::text::timestamptz AND o.paid_at < ${formatInstant(to)}::text::timestamptz`
