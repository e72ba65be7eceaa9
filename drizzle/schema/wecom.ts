import { sql } from 'drizzle-orm'
import { boolean, index, integer, jsonb, pgTable, primaryKey, uniqueIndex } from 'drizzle-orm/pg-core'
import { brandIdColumn, bytesColumn, instantColumn, textColumn, textListColumn, uuidColumn } from '../columns.ts'

/** One row is a token or ticket of WeCom that all processes share; see server/features/wecom. */
export const wecomTokens = pgTable(
  'wecom_tokens',
  {
    brandId: brandIdColumn(),
    /** `access_token`, `jsapi_ticket`, `agent_ticket`; `mini_program_token` is WeChat's. */
    kind: textColumn('kind').notNull(),
    valueEncrypted: bytesColumn('value_encrypted').notNull(),
    expiresAt: instantColumn('expires_at').notNull(),
    fetchedAt: instantColumn('fetched_at').notNull(),
  },
  token => [primaryKey({ columns: [token.brandId, token.kind] })],
)

/** One row is how much of WeCom's limit of one API is spent, by all processes together; see server/features/wecom/buckets.ts. */
export const wecomBuckets = pgTable(
  'wecom_buckets',
  {
    brandId: brandIdColumn(),
    /** As `externalcontact/get`. */
    api: textColumn('api').notNull(),
    /** Up to when the allowance is used up: in the past, the bucket is full. */
    spentUntil: instantColumn('spent_until').notNull(),
    /** WeCom said that it had been too much (45009): nobody calls before. */
    blockedUntil: instantColumn('blocked_until'),
  },
  bucket => [primaryKey({ columns: [bucket.brandId, bucket.api] })],
)

/** One row is one event that WeCom called back with. Kept from before WeCom was answered until 30 days after it was dealt with. */
export const wecomInbox = pgTable(
  'wecom_inbox',
  {
    brandId: brandIdColumn(),
    messageId: uuidColumn('message_id').notNull(),
    /** SHA-256 of what tells one event from another: WeCom sends one again where it thinks we did not hear. */
    dedupeKey: textColumn('dedupe_key').notNull(),
    /** As `change_external_contact/add_external_contact`. */
    event: textColumn('event').notNull(),
    /** Whom it is about: events of one lane are dealt with one after the other. */
    lane: textColumn('lane').notNull(),
    /** Its fields as JSON, encrypted: some events carry phone numbers. */
    contentEncrypted: bytesColumn('content_encrypted').notNull(),
    /** When it happened, as WeCom says. */
    at: instantColumn('at').notNull(),
    receivedAt: instantColumn('received_at').notNull(),
    /** `waiting`, `done`, `unhandled` (no rule for it) or `set_aside` (it failed each time). */
    status: textColumn('status').notNull(),
    /** How often it failed. */
    tries: integer('tries').notNull(),
    /** Not before; also until when a process that took it has time. */
    dueAt: instantColumn('due_at').notNull(),
    /** Who took it; a process that comes back too late finds another's. */
    leaseId: uuidColumn('lease_id'),
    /** Why it failed, or is unhandled. */
    reason: textColumn('reason'),
    finishedAt: instantColumn('finished_at'),
  },
  message => [
    primaryKey({ columns: [message.brandId, message.messageId] }),
    uniqueIndex('wecom_inbox_once').on(message.brandId, message.dedupeKey),
    index('wecom_inbox_waiting')
      .on(message.brandId, message.lane, message.at, message.messageId) // the head of each lane
      .where(sql`status = 'waiting'`),
    index('wecom_inbox_in_turn')
      .on(message.brandId, message.at, message.messageId) // the oldest of all lanes
      .where(sql`status = 'waiting'`),
    index('wecom_inbox_by_status').on(message.brandId, message.status, message.messageId),
  ],
)

/** One row is one department of the corporation, as WeCom last said. */
export const wecomDepartments = pgTable(
  'wecom_departments',
  {
    brandId: brandIdColumn(),
    departmentId: integer('department_id').notNull(),
    name: textColumn('name').notNull(),
    parentId: integer('parent_id').notNull(),
    seenAt: instantColumn('seen_at').notNull(),
  },
  department => [primaryKey({ columns: [department.brandId, department.departmentId] })],
)

/** One row is one WeCom user whom the app may see, or could once. */
export const wecomStaff = pgTable(
  'wecom_staff',
  {
    brandId: brandIdColumn(),
    userid: textColumn('userid').notNull(),
    name: textColumn('name').notNull(),
    departmentIds: jsonb('department_ids').$type<number[]>().notNull(),
    /** He may have customers (客户联系). */
    mayFollow: boolean('may_follow').notNull(),
    /** Since when he is out of sight: he left, or the app's visible range changed. */
    goneAt: instantColumn('gone_at'),
    seenAt: instantColumn('seen_at').notNull(),
    /** WeCom calls him so since then. */
    renamedTo: textColumn('renamed_to'),
    renamedAt: instantColumn('renamed_at'),
  },
  person => [
    primaryKey({ columns: [person.brandId, person.userid] }),
    index('wecom_staff_renamed')
      .on(person.brandId, person.renamedTo)
      .where(sql`renamed_to IS NOT NULL`),
  ],
)

/** One row is one external contact, as WeCom last said. */
export const wecomCustomers = pgTable(
  'wecom_customers',
  {
    brandId: brandIdColumn(),
    externalUserid: textColumn('external_userid').notNull(),
    name: textColumn('name'),
    avatarUrl: textColumn('avatar_url'),
    /** 1 of WeChat, 2 of WeCom. */
    type: integer('type'),
    unionid: textColumn('unionid'),
    seenAt: instantColumn('seen_at').notNull(),
  },
  customer => [
    primaryKey({ columns: [customer.brandId, customer.externalUserid] }),
    index('wecom_customers_by_unionid')
      .on(customer.brandId, customer.unionid)
      .where(sql`unionid IS NOT NULL`),
  ],
)

/** One row is the friendship of a WeCom user and a customer, as WeCom last said; what was before is in friend_events. */
export const wecomFriends = pgTable(
  'wecom_friends',
  {
    brandId: brandIdColumn(),
    userid: textColumn('userid').notNull(),
    externalUserid: textColumn('external_userid').notNull(),
    since: instantColumn('since').notNull(),
    /** WeCom's number of the way in which they met. */
    addWay: integer('add_way'),
    /** What the way of adding was given as its state. */
    state: textColumn('state'),
    remark: textColumn('remark'),
    description: textColumn('description'),
    tagIds: textListColumn('tag_ids').notNull(),
    endedAt: instantColumn('ended_at'),
    /** `customer`, `associate` or `transfer` to a colleague; null where WeCom only shows that it is over. */
    endedBy: textColumn('ended_by'),
    /** Whether friend_events has what this row says: not while nobody told of the associate. */
    isTold: boolean('is_told').notNull(),
    seenAt: instantColumn('seen_at').notNull(),
  },
  friend => [
    primaryKey({ columns: [friend.brandId, friend.userid, friend.externalUserid] }),
    index('wecom_friends_by_customer').on(friend.brandId, friend.externalUserid),
    index('wecom_friends_untold')
      .on(friend.brandId, friend.userid, friend.externalUserid)
      .where(sql`NOT is_told`),
  ],
)

/** One row is one customer group, as WeCom last said. */
export const wecomGroups = pgTable(
  'wecom_groups',
  {
    brandId: brandIdColumn(),
    chatId: textColumn('chat_id').notNull(),
    name: textColumn('name').notNull(),
    owner: textColumn('owner'),
    createdAt: instantColumn('created_at').notNull(),
    dissolvedAt: instantColumn('dissolved_at'),
    /** WeCom's version of the list of members. */
    version: textColumn('version'),
    seenAt: instantColumn('seen_at').notNull(),
  },
  group => [primaryKey({ columns: [group.brandId, group.chatId] })],
)

/** One row is one time that somebody was in a group: who comes again has another. */
export const wecomGroupMembers = pgTable(
  'wecom_group_members',
  {
    brandId: brandIdColumn(),
    chatId: textColumn('chat_id').notNull(),
    /** A userid or an external_userid. */
    memberId: textColumn('member_id').notNull(),
    joinedAt: instantColumn('joined_at').notNull(),
    isStaff: boolean('is_staff').notNull(),
    name: textColumn('name'),
    /** 1 invited, 2 by a link, 3 by a code. */
    joinScene: integer('join_scene'),
    invitedBy: textColumn('invited_by'),
    /** What the way of joining was given as its state. */
    state: textColumn('state'),
    leftAt: instantColumn('left_at'),
    /** Whether he was removed; null where WeCom only shows that he is gone. */
    wasRemoved: boolean('was_removed'),
  },
  member => [
    primaryKey({ columns: [member.brandId, member.chatId, member.memberId, member.joinedAt] }),
    index('wecom_group_members_by_person').on(member.brandId, member.memberId),
    index('wecom_group_members_by_state')
      .on(member.brandId, member.state)
      .where(sql`state IS NOT NULL`),
  ],
)

/** One row is one tag of the corporation. */
export const wecomTags = pgTable(
  'wecom_tags',
  {
    brandId: brandIdColumn(),
    tagId: textColumn('tag_id').notNull(),
    name: textColumn('name').notNull(),
    groupId: textColumn('group_id').notNull(),
    groupName: textColumn('group_name').notNull(),
    position: integer('position').notNull(),
  },
  tag => [primaryKey({ columns: [tag.brandId, tag.tagId] })],
)

/** One row is one walk through what WeCom has, page by page; it can be taken up where it stopped. */
export const wecomSyncs = pgTable(
  'wecom_syncs',
  {
    brandId: brandIdColumn(),
    syncId: uuidColumn('sync_id').notNull(),
    /** `first`, `nightly`, `staff` (people alone). */
    kind: textColumn('kind').notNull(),
    /** `running`, `done`, or `partial` where WeCom refused something. */
    status: textColumn('status').notNull(),
    stage: textColumn('stage').notNull(),
    /** Where in the stage. */
    position: jsonb('position').$type<Record<string, unknown>>().notNull(),
    /** What was seen so far, by kind. */
    counts: jsonb('counts').$type<Record<string, number>>().notNull(),
    /** What was other than the mirror had it, by kind. */
    repairs: jsonb('repairs').$type<Record<string, number>>().notNull(),
    /** What WeCom refused. */
    faults: jsonb('faults')
      .$type<{ stage: string; errcode: number | null; address: string | null; subject: string | null }[]>()
      .notNull(),
    startedAt: instantColumn('started_at').notNull(),
    stageStartedAt: instantColumn('stage_started_at').notNull(),
    finishedAt: instantColumn('finished_at'),
    leaseId: uuidColumn('lease_id'),
    leasedUntil: instantColumn('leased_until').notNull(),
  },
  sync => [
    primaryKey({ columns: [sync.brandId, sync.syncId] }),
    uniqueIndex('wecom_syncs_one_at_a_time')
      .on(sync.brandId)
      .where(sql`status = 'running'`),
    index('wecom_syncs_by_start').on(sync.brandId, sync.startedAt),
  ],
)

/** One row is one time that an associate said by hand who a friend of his is. */
export const customerLinks = pgTable(
  'customer_links',
  {
    brandId: brandIdColumn(),
    externalUserid: textColumn('external_userid').notNull(),
    at: instantColumn('at').notNull(),
    memberNo: textColumn('member_no').notNull(),
    /** Whose contact it was taken for until then; null: nobody's. */
    memberBefore: textColumn('member_before'),
    linkedBy: textColumn('linked_by').notNull(),
    undoneAt: instantColumn('undone_at'),
    undoneBy: textColumn('undone_by'),
  },
  link => [primaryKey({ columns: [link.brandId, link.externalUserid, link.at] })],
)
