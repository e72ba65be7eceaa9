/** What is held about people, over plain values. */

/** How long whose touches were is kept where a brand says nothing. */
export const RETENTION_UNTOLD = { visitorDays: 400, touchDays: 1095 }

/** So long after a plan's window evidence may still come late, and an order be disputed. */
const LATE_DAYS = 60

/** The least days that a brand may keep touches for: what a commission may still need stays. */
export const leastDays = (windowsDays: readonly number[]): number => Math.max(0, ...windowsDays) + LATE_DAYS

/** A column as the API writes it. */
export const camelCase = (column: string): string =>
  column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** How rows of a table belong to a person: by a number of his, by an id of his in WeCom, by an id of its own kind. */
export interface PersonalTable {
  table: string
  by: readonly (
    | { column: string; is: 'member' | 'person' | 'contact' | 'unionid' | 'openid' | 'external_userid' | 'visitor' }
    | { column: string; is: 'order' }
  )[]
  /** Columns that are left out: hashes, and what only the service needs. */
  without?: readonly string[]
}

const ids = [
  { column: 'member_no', is: 'member' },
  { column: 'unionid', is: 'unionid' },
  { column: 'openid', is: 'openid' },
  { column: 'external_userid', is: 'external_userid' },
  { column: 'visitor_id', is: 'visitor' },
] as const
const member = [{ column: 'member_no', is: 'member' }] as const
const contact = [{ column: 'external_userid', is: 'external_userid' }] as const

/** Where personal data of customers is kept: what a copy holds. A test holds it against the tables. */
export const PERSONAL_TABLES: readonly PersonalTable[] = [
  { table: 'members', by: member, without: ['phone_hash'] },
  { table: 'member_consents', by: member },
  { table: 'member_merges', by: [...member, { column: 'into_member_no', is: 'member' }] },
  { table: 'identities', by: member },
  { table: 'member_assignments', by: member },
  { table: 'derived_assignments', by: member },
  { table: 'member_answers', by: member },
  { table: 'member_notes', by: member },
  {
    table: 'orders',
    by: [{ column: 'buyer', is: 'person' }],
    without: ['phone_hash', 'roles', 'associates', 'closers'],
  },
  { table: 'order_revisions', by: [{ column: 'order_no', is: 'order' }], without: ['phone_hash', 'content_hash'] },
  { table: 'refund_revisions', by: [{ column: 'order_no', is: 'order' }], without: ['content_hash'] },
  { table: 'touches', by: ids },
  { table: 'coupon_events', by: member, without: ['content_hash'] },
  { table: 'reward_entitlements', by: [...member, ...contact] },
  { table: 'tasks', by: member },
  { table: 'task_events', by: member },
  { table: 'task_rule_members', by: member },
  { table: 'handover_members', by: member },
  { table: 'transfer_items', by: [...member, { column: 'item_id', is: 'contact' }], without: ['lease_id'] },
  { table: 'share_links', by: [{ column: 'sent_to_external_userid', is: 'external_userid' }] },
  { table: 'post_recipients', by: [{ column: 'recipient', is: 'contact' }] },
  { table: 'friend_events', by: contact },
  { table: 'customer_links', by: [...contact, ...member] },
  { table: 'channel_welcomes', by: contact, without: ['code_encrypted'] },
  { table: 'channel_chats', by: contact },
  { table: 'wecom_customers', by: [...contact, { column: 'unionid', is: 'unionid' }] },
  { table: 'wecom_friends', by: contact },
  { table: 'wecom_group_members', by: [{ column: 'member_id', is: 'contact' }] },
  { table: 'associates', by: member, without: ['kinds', 'employments'] },
  { table: 'erasures', by: member, without: ['under_way'] },
]

/** Tables with a column named like a person's that hold nothing else about him, and why a copy leaves them out. */
export const WITHOUT_PERSON: Readonly<Record<string, string>> = {
  friend_changes: 'a lock for seconds',
}
