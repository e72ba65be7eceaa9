import { sql } from 'drizzle-orm'
import { boolean, index, integer, pgTable, primaryKey, uniqueIndex } from 'drizzle-orm/pg-core'
import { brandIdColumn, instantColumn, textColumn, uuidColumn } from '../columns.ts'

/**
 * One row is one transfer: an associate's customers and groups that WeCom is asked to give to another. Written first,
 * with everything that it is about; WeCom is asked afterwards.
 */
export const transfers = pgTable(
  'transfers',
  {
    brandId: brandIdColumn(),
    transferId: uuidColumn('transfer_id').notNull(),
    /** `on_job` or `resigned`: which of WeCom's calls are made. */
    kind: textColumn('kind').notNull(),
    fromAssociate: textColumn('from_associate').notNull(),
    toAssociate: textColumn('to_associate').notNull(),
    /** What customers are told when it is done; null: WeCom's own words. */
    message: textColumn('message'),
    reason: textColumn('reason').notNull(),
    /** SHA-256 of what was asked for: the same, while it is under way, is this one. */
    requestHash: textColumn('request_hash').notNull(),
    madeBy: textColumn('made_by').notNull(),
    madeAt: instantColumn('made_at').notNull(),
    /** When it is looked at again; also until when a process that took it has time. */
    dueAt: instantColumn('due_at').notNull(),
    leaseId: uuidColumn('lease_id'),
    /** When WeCom is asked next how it goes. */
    pollAt: instantColumn('poll_at'),
    /** How often in a row WeCom could not be asked. */
    tries: integer('tries').notNull(),
    /** Why nothing can be asked at the moment: somebody has to change a setting. */
    errcode: integer('errcode'),
    address: textColumn('address'),
    /** Nothing of it is open any more. */
    endedAt: instantColumn('ended_at'),
    undoneAt: instantColumn('undone_at'),
    undoneBy: textColumn('undone_by'),
    undoReason: textColumn('undo_reason'),
  },
  transfer => [
    primaryKey({ columns: [transfer.brandId, transfer.transferId] }),
    index('transfers_due')
      .on(transfer.brandId, transfer.dueAt)
      .where(sql`ended_at IS NULL`),
    index('transfers_by_associate').on(transfer.brandId, transfer.fromAssociate, transfer.transferId),
  ],
)

/** One row is one customer or group of a transfer, and how far it is. */
export const transferItems = pgTable(
  'transfer_items',
  {
    brandId: brandIdColumn(),
    transferId: uuidColumn('transfer_id').notNull(),
    /** `customer` or `group`. */
    kind: textColumn('kind').notNull(),
    /** An external_userid or a chat id. */
    itemId: textColumn('item_id').notNull(),
    fromAssociate: textColumn('from_associate').notNull(),
    /** `waiting`, `asking` (no answer yet), `asked`, `done`, `refused`, `taker_full`, `failed`. */
    state: textColumn('state').notNull(),
    /** When WeCom was asked, or began to be. */
    askedAt: instantColumn('asked_at'),
    /** When WeCom gives him to the taker, or did. */
    takeoverAt: instantColumn('takeover_at'),
    /** Why it failed: `wecom` (`errcode`), `twice`, `no_record`, `no_end`. */
    fault: textColumn('fault'),
    errcode: integer('errcode'),
    /** Since when the row is at its end. */
    endedAt: instantColumn('ended_at'),
    /** The member who became the taker’s by it; null: nobody did. */
    memberNo: textColumn('member_no'),
    /** Whose he was; null: nobody’s. */
    heldBefore: textColumn('held_before'),
    /** Whether the member went back when it was undone. */
    returned: boolean('returned'),
  },
  item => [
    primaryKey({ columns: [item.brandId, item.transferId, item.kind, item.itemId] }),
    uniqueIndex('transfer_items_one_open')
      .on(item.brandId, item.fromAssociate, item.kind, item.itemId)
      .where(sql`ended_at IS NULL`),
    index('transfer_items_by_state').on(item.brandId, item.transferId, item.kind, item.state, item.itemId),
    index('transfer_items_by_item').on(item.brandId, item.itemId, item.kind),
    index('transfer_items_asked').on(item.brandId, item.fromAssociate, item.kind, item.askedAt),
  ],
)
