import type { StoredLine } from '../../../drizzle/schema/orders.ts'
import type { Db, Tx } from '../../database.ts'
import type { ItemResult } from '../../lib/items.ts'
import type { Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import type { BindingMark, Mark } from './queries.ts'

export {
  erasedHash,
  idsOf,
  tombstone,
  veiled,
  veilOf,
  type CarriesIds,
  type ErasedKind,
  type ToldId,
  type Veil,
} from './erased.ts'
export {
  createBareMembers,
  insertBindingMarks,
  insertMarks,
  type BindingMark,
  type BookingReason,
  type Mark,
} from './queries.ts'

/** The actor of what is imported: of it nobody is told as of news. */
export const IMPORTER = 'import'

/** What a batch of items is taken with: one transaction, one instant. */
export interface TakeContext {
  tx: Tx
  brandId: number
  now: Instant
  /** Who sent it, for the record. */
  actor: string
  /** Tells two senders of one name apart. */
  callerId: string
  vault: Vault
  /** Where short links begin. */
  publicUrl: string
  /** Evidence came that may change orders; written with the batch. */
  mark(mark: Mark): void
  /** Evidence came that may change whose customer somebody becomes by the binding policy. */
  bind(mark: BindingMark): void
  /** Evidence came that may change rewards for events; written with the batch. */
  reward(mark: RewardMark): void
  /** An associate's target of a month changed: his bonus may. */
  month(key: { associateId: string; month: string }): void
  /** Orders to be booked before the answer. */
  reconcileNow(order: OrderKey): void
  /** An order that was not there before: it is booked, and its row made, before the answer. */
  bookNew(order: ToldOrder): void
}

export interface OrderKey {
  source: string
  orderNo: string
}

/** A revision of an order as it is kept. */
export interface ToldOrder extends OrderKey {
  revision: number
  channel: string
  memberNo: string | null
  unionid: string | null
  openid: string | null
  externalUserid: string | null
  visitorId: string | null
  phoneHash: string | null
  sellingStore: string | null
  closer: string | null
  shareCode: string | null
  paidAt: Instant
  completedAt: Instant | null
  cancelled: boolean
  lines: StoredLine[]
}

/** Whose rewards may have changed: a member's, a contact's in WeCom, of a task, of an associate, of a store's associates. */
export interface RewardMark {
  kind: 'member' | 'customer' | 'task' | 'associate' | 'store'
  key: string
}

/** Takes valid items in order and says of each what became of it. */
export type Take<Item> = (context: TakeContext, items: readonly Item[]) => Promise<ItemResult[]>

/** Lets one transaction of a brand at a time through; for kinds that come rarely and whose rules span rows. */
export async function takeTurns(db: Db, brandId: number, what: string): Promise<void> {
  await db`SELECT pg_advisory_xact_lock(${brandId}::int, hashtext(${what}))`
}
