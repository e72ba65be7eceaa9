import { sql } from 'drizzle-orm'
import { boolean, index, integer, jsonb, pgTable, primaryKey, uniqueIndex } from 'drizzle-orm/pg-core'
import { brandIdColumn, bytesColumn, instantColumn, textColumn, textListColumn, uuidColumn } from '../columns.ts'

/**
 * One row is one code by which customers come to an associate, a store or a group. What it is to be is written first,
 * with the state that tells its customers; WeCom is told of it afterwards.
 */
export const channelCodes = pgTable(
  'channel_codes',
  {
    brandId: brandIdColumn(),
    codeId: uuidColumn('code_id').notNull(),
    /** `contact_way`, `acquisition_link` or `group_join_way`. */
    kind: textColumn('kind').notNull(),
    name: textColumn('name').notNull(),
    campaign: textColumn('campaign'),
    /** Whose it is: one of the two. */
    associateId: textColumn('associate_id'),
    storeCode: textColumn('store_code'),
    /** What WeCom gives back with everybody who came by it. Ours alone, and never used again. */
    state: textColumn('state').notNull(),
    /** Whether customers are friends without being let in. */
    skipVerify: boolean('skip_verify').notNull(),
    /** The groups that a join way leads to. */
    chatIds: textListColumn('chat_ids').notNull(),
    /** How WeCom names the groups that it makes when those are full; null: it makes none. */
    roomName: textColumn('room_name'),
    roomNumber: integer('room_number'),
    isActive: boolean('is_active').notNull(),
    deletedAt: instantColumn('deleted_at'),
    /** WeCom's id of it; null: WeCom has none. */
    configId: textColumn('config_id'),
    /** Its picture, or the link's address. */
    url: textColumn('url'),
    /** What WeCom was told last. */
    told: jsonb('told').$type<Record<string, unknown>>(),
    /** WeCom was asked to make it since then, and nobody knows what came of it: it is looked for first. */
    begunAt: instantColumn('begun_at'),
    /** Whether WeCom may have something else than what it is to be. */
    isDue: boolean('is_due').notNull(),
    /** Not before; also until when a process that took it has time. */
    dueAt: instantColumn('due_at').notNull(),
    tries: integer('tries').notNull(),
    leaseId: uuidColumn('lease_id'),
    /** Why it is not what it is to be: `refused` by WeCom (`errcode`), `nobody` can be added, `removed` in WeCom. */
    fault: textColumn('fault'),
    errcode: integer('errcode'),
    address: textColumn('address'),
    /** Customers who opened the profile by an acquisition link, and who asked to be let in. */
    profileOpens: integer('profile_opens').notNull(),
    friendRequests: integer('friend_requests').notNull(),
    createdBy: textColumn('created_by').notNull(),
    createdAt: instantColumn('created_at').notNull(),
    changedAt: instantColumn('changed_at').notNull(),
  },
  code => [
    primaryKey({ columns: [code.brandId, code.codeId] }),
    uniqueIndex('channel_codes_by_state').on(code.brandId, code.state),
    index('channel_codes_by_config').on(code.brandId, code.configId),
    index('channel_codes_by_associate').on(code.brandId, code.associateId, code.codeId),
    index('channel_codes_by_store').on(code.brandId, code.storeCode, code.codeId),
    index('channel_codes_due')
      .on(code.brandId, code.dueAt)
      .where(sql`is_due`),
  ],
)

/** One row is one welcome that may be said once, within seconds of a new friendship. Kept for 90 days. */
export const channelWelcomes = pgTable(
  'channel_welcomes',
  {
    brandId: brandIdColumn(),
    externalUserid: textColumn('external_userid').notNull(),
    userid: textColumn('userid').notNull(),
    /** When the friendship began, as the event says. */
    at: instantColumn('at').notNull(),
    state: textColumn('state'),
    /** WeCom's code for it; gone when it was used, or of no more use. */
    codeEncrypted: bytesColumn('code_encrypted'),
    /** `waiting`, `sending`, `sent`, `late`, `needless`, `refused`, or `unsure` where WeCom did not answer. */
    status: textColumn('status').notNull(),
    errcode: integer('errcode'),
    linkCode: textColumn('link_code'),
    receivedAt: instantColumn('received_at').notNull(),
    endedAt: instantColumn('ended_at'),
  },
  welcome => [
    primaryKey({ columns: [welcome.brandId, welcome.externalUserid, welcome.userid, welcome.at] }),
    index('channel_welcomes_open')
      .on(welcome.brandId, welcome.at)
      .where(sql`ended_at IS NULL`),
    index('channel_welcomes_by_time').on(welcome.brandId, welcome.receivedAt),
  ],
)

/** One row is the share link that an associate's welcomes carry: one for each page to which they led. */
export const channelWelcomeLinks = pgTable(
  'channel_welcome_links',
  {
    brandId: brandIdColumn(),
    associateId: textColumn('associate_id').notNull(),
    /** SHA-256 of what the link leads to. */
    targetHash: textColumn('target_hash').notNull(),
    linkCode: textColumn('link_code').notNull(),
  },
  link => [primaryKey({ columns: [link.brandId, link.associateId, link.targetHash] })],
)

/** One row is a brand's welcome: its words, and the enrolment page that goes with them. */
export const channelWelcomeSettings = pgTable(
  'channel_welcome_settings',
  {
    brandId: brandIdColumn(),
    isOn: boolean('is_on').notNull(),
    text: textColumn('text').notNull(),
    title: textColumn('title'),
    /** The enrolment page in the mini program, and on the web. */
    path: textColumn('path'),
    url: textColumn('url'),
    imageUrl: textColumn('image_url'),
    changedBy: textColumn('changed_by').notNull(),
    changedAt: instantColumn('changed_at').notNull(),
  },
  settings => [primaryKey({ columns: [settings.brandId] })],
)

/** One row says that a customer who came by an acquisition link wrote his first message. */
export const channelChats = pgTable(
  'channel_chats',
  {
    brandId: brandIdColumn(),
    externalUserid: textColumn('external_userid').notNull(),
    userid: textColumn('userid').notNull(),
    at: instantColumn('at').notNull(),
  },
  chat => [primaryKey({ columns: [chat.brandId, chat.externalUserid, chat.userid, chat.at] })],
)

/** One row is how many customers a brand's acquisition links may still bring, as WeCom last said. */
export const channelQuotas = pgTable(
  'channel_quotas',
  {
    brandId: brandIdColumn(),
    total: integer('total'),
    balance: integer('balance'),
    /** As `balance_low`; what WeCom called back with last. */
    event: textColumn('event').notNull(),
    seenAt: instantColumn('seen_at').notNull(),
  },
  quota => [primaryKey({ columns: [quota.brandId] })],
)

/** One row is a file that was uploaded to WeCom, which keeps it for three days. */
export const wecomMedia = pgTable(
  'wecom_media',
  {
    brandId: brandIdColumn(),
    /** SHA-256 of the file. */
    contentHash: textColumn('content_hash').notNull(),
    mediaId: textColumn('media_id').notNull(),
    expiresAt: instantColumn('expires_at').notNull(),
  },
  media => [primaryKey({ columns: [media.brandId, media.contentHash] })],
)
