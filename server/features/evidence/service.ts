import type { Db, Tx } from '../../database.ts'
import type { ItemResult } from '../../lib/items.ts'
import type { Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import type { Mark } from './queries.ts'

export { createBareMembers, insertMarks, type BookingReason, type Mark } from './queries.ts'

/** What a batch of items is taken with: one transaction, one instant. */
export interface TakeContext {
  tx: Tx
  brandId: number
  now: Instant
  /** Who sent it, for the record. */
  actor: string
  vault: Vault
  /** Where short links begin. */
  publicUrl: string
  /** Evidence came that may change orders; written with the batch. */
  mark(mark: Mark): void
  /** An associate's target of a month changed: his bonus may. */
  month(key: { associateId: string; month: string }): void
  /** Orders to be booked before the answer. */
  reconcileNow(order: OrderKey): void
}

export interface OrderKey {
  source: string
  orderNo: string
}

/** Takes valid items in order and says of each what became of it. */
export type Take<Item> = (context: TakeContext, items: readonly Item[]) => Promise<ItemResult[]>

/** Lets one transaction of a brand at a time through; for kinds that come rarely and whose rules span rows. */
export async function takeTurns(db: Db, brandId: number, what: string): Promise<void> {
  await db`SELECT pg_advisory_xact_lock(${brandId}::int, hashtext(${what}))`
}
