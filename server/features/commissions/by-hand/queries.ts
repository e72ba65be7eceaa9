import type { Db } from '../../../database.ts'
import type { OrderKey } from '../../evidence/service.ts'

export interface Owed extends OrderKey {
  associateId: string
  amountFen: number
}

/** What each of these orders owes each associate now, as booked. */
export async function selectOwedToAssociates(
  db: Db,
  { brandId, orders }: { brandId: number; orders: readonly OrderKey[] },
) {
  return await db<Owed[]>`
    SELECT e.payee AS "associateId", e.source, e.order_no AS "orderNo", sum(e.amount_fen)::bigint AS "amountFen"
    FROM jsonb_to_recordset(${JSON.stringify(orders)}::text::jsonb) AS key (source text, "orderNo" text)
    JOIN entitlements AS e ON e.brand_id = ${brandId} AND e.source = key.source AND e.order_no = key."orderNo"
      AND e.payee_kind = 'associate'
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`
}
