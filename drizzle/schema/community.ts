import { sql } from 'drizzle-orm'
import { index, integer, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { brandIdColumn, instantColumn, textColumn, uuidColumn } from '../columns.ts'

/**
 * One row is a store's community as it stood at the end of a day of the brand's calendar. Taken once, after the day, from
 * what was known then; what is not told by day anywhere else (how many there were in all) is read from here.
 */
export const communityDays = pgTable(
  'community_days',
  {
    brandId: brandIdColumn(),
    storeCode: textColumn('store_code').notNull(),
    /** `YYYY-MM-DD` */
    day: textColumn('day').notNull(),
    /** Whose home store it was. */
    members: integer('members').notNull(),
    /** Those of them with a touch or an order in the 30 days before the day's end. */
    activeMembers: integer('active_members').notNull(),
    /** Friendships of the store's associates. */
    friends: integer('friends').notNull(),
    friendsAdded: integer('friends_added').notNull(),
    /** Ended by the customer. */
    friendsLost: integer('friends_lost').notNull(),
    groups: integer('groups').notNull(),
    /** Customers in them, one in two groups twice. */
    groupMembers: integer('group_members').notNull(),
    groupJoined: integer('group_joined').notNull(),
    groupLeft: integer('group_left').notNull(),
    takenAt: instantColumn('taken_at').notNull(),
  },
  row => [
    primaryKey({ columns: [row.brandId, row.storeCode, row.day] }),
    index('community_days_by_day').on(row.brandId, row.day, row.storeCode), // which stores a day still lacks
  ],
)

/**
 * One row is what WeCom counted for a store's associates on a day before the mirror began: its statistics know of
 * friendships and groups that were over by then. WeCom forgets them after 180 days.
 */
export const communityStatistics = pgTable(
  'community_statistics',
  {
    brandId: brandIdColumn(),
    storeCode: textColumn('store_code').notNull(),
    /** `YYYY-MM-DD` */
    day: textColumn('day').notNull(),
    /** new_contact_cnt; null here and below: WeCom did not say. */
    friendsAdded: integer('friends_added'),
    /** negative_feedback_cnt: customers who deleted or blocked. */
    friendsLost: integer('friends_lost'),
    /** chat_total */
    groups: integer('groups'),
    /** member_total, people of the brand too. */
    groupMembers: integer('group_members'),
    /** new_member_cnt */
    groupJoined: integer('group_joined'),
    fetchedAt: instantColumn('fetched_at').notNull(),
  },
  row => [primaryKey({ columns: [row.brandId, row.storeCode, row.day] })],
)

/** One row says how far WeCom's statistics of a store's past days are read. */
export const communityFills = pgTable(
  'community_fills',
  {
    brandId: brandIdColumn(),
    storeCode: textColumn('store_code').notNull(),
    /** The next day to ask for. */
    nextDay: textColumn('next_day').notNull(),
    /** The day on which the mirror began: from then on it knows better. */
    endDay: textColumn('end_day').notNull(),
    /** Not before; also until when a process that took it has time. */
    dueAt: instantColumn('due_at').notNull(),
    /** Why WeCom refused the last time. */
    errcode: integer('errcode'),
    finishedAt: instantColumn('finished_at'),
  },
  row => [
    primaryKey({ columns: [row.brandId, row.storeCode] }),
    index('community_fills_open')
      .on(row.brandId, row.dueAt)
      .where(sql`finished_at IS NULL`),
  ],
)

/**
 * One row is a group as the mini program knows it, and which chat of WeCom's that is: asked for once, after a touch named
 * it. A touch that names no chat is from the chat of its opengid.
 */
export const groupOpengids = pgTable(
  'group_opengids',
  {
    brandId: brandIdColumn(),
    opengid: textColumn('opengid').notNull(),
    /** `waiting`, `known`, or `none`: WeCom says that it is no customer group of the corporation's. */
    status: textColumn('status').notNull(),
    chatId: textColumn('chat_id'),
    tries: integer('tries').notNull(),
    dueAt: instantColumn('due_at').notNull(),
    firstToldAt: instantColumn('first_told_at').notNull(),
    answeredAt: instantColumn('answered_at'),
  },
  row => [
    primaryKey({ columns: [row.brandId, row.opengid] }),
    index('group_opengids_waiting')
      .on(row.brandId, row.dueAt)
      .where(sql`status = 'waiting'`),
    index('group_opengids_by_chat')
      .on(row.brandId, row.chatId)
      .where(sql`chat_id IS NOT NULL`),
  ],
)

/** One row says that somebody changes what WeCom has of a friendship right now: two changes go one after the other. */
export const friendChanges = pgTable(
  'friend_changes',
  {
    brandId: brandIdColumn(),
    userid: textColumn('userid').notNull(),
    externalUserid: textColumn('external_userid').notNull(),
    changeId: uuidColumn('change_id').notNull(),
    /** A process that died is waited for no longer. */
    leasedUntil: instantColumn('leased_until').notNull(),
  },
  row => [primaryKey({ columns: [row.brandId, row.userid, row.externalUserid] })],
)
