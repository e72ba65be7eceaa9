import type { DatedEntry } from '../../../drizzle/schema/stores.ts'
import type { TaskSegment, TaskTarget } from '../../../drizzle/schema/tasks.ts'
import type { Db } from '../../database.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import type { Scope } from '../auth/domain.ts'
import type { KeptTask, RuleKind, TaskKind } from './domain.ts'

interface Options {
  brandId: number
}

const json = (rows: unknown) => JSON.stringify(rows)
const instant = (db: Db, at: Instant) => db`${formatInstant(at)}::text::timestamptz`

export async function selectBrandIds(db: Db): Promise<number[]> {
  const rows = await db<{ brandId: number }[]>`SELECT brand_id AS "brandId" FROM brands ORDER BY 1`
  return rows.map(row => row.brandId)
}

// ---------------------------------------------------------------------------------------------- rules

export interface RuleRow {
  ruleId: string
  kind: RuleKind
  days: number | null
  segment: TaskSegment | null
  title: string
  text: string
  target: TaskTarget | null
  priority: number
  firstDay: string
  lastDay: string | null
  storeCodes: string[] | null
  isOn: boolean
  nightlyMax: number | null
  createdAt: Instant
  updatedAt: Instant
  endedAt: Instant | null
}

const RULE_COLUMNS = `rule_id AS "ruleId", kind, days, segment, title, text, target, priority, first_day AS "firstDay",
  last_day AS "lastDay", store_codes AS "storeCodes", is_on AS "isOn", nightly_max AS "nightlyMax", created_at AS "createdAt", updated_at AS "updatedAt",
  ended_at AS "endedAt"`

/** Newest first; of stores those that are for some of them. */
export async function selectRules(
  db: Db,
  options: Options & { storeCodes: readonly string[] | null; after: string | null; limit: number },
) {
  const { brandId, storeCodes, after, limit } = options
  return await db<RuleRow[]>`
    SELECT ${db.unsafe(RULE_COLUMNS)} FROM task_rules
    WHERE brand_id = ${brandId} ${after === null ? db`` : db`AND rule_id < ${after}`}
      ${storeCodes === null ? db`` : db`AND (store_codes IS NULL OR store_codes && ${storeCodes as string[]}::text[])`}
    ORDER BY rule_id DESC LIMIT ${limit}`
}

/** Those that make tasks, or may have open ones. */
export async function selectLivingRules(db: Db, { brandId }: Options) {
  return await db<RuleRow[]>`
    SELECT ${db.unsafe(RULE_COLUMNS)} FROM task_rules WHERE brand_id = ${brandId} AND ended_at IS NULL`
}

export async function selectRule(db: Db, { brandId, ruleId }: Options & { ruleId: string }) {
  const [row] = await db<RuleRow[]>`
    SELECT ${db.unsafe(RULE_COLUMNS)} FROM task_rules WHERE brand_id = ${brandId} AND rule_id = ${ruleId}`
  return row ?? null
}

export async function lockRule(db: Db, { brandId, ruleId }: Options & { ruleId: string }) {
  const [row] = await db<RuleRow[]>`
    SELECT ${db.unsafe(RULE_COLUMNS)} FROM task_rules WHERE brand_id = ${brandId} AND rule_id = ${ruleId} FOR UPDATE`
  return row ?? null
}

/** Made, or brought to what it is now. */
export async function writeRule(db: Db, { brandId, rule }: Options & { rule: RuleRow }) {
  const row = {
    ...rule,
    createdAt: formatInstant(rule.createdAt),
    updatedAt: formatInstant(rule.updatedAt),
    endedAt: rule.endedAt === null ? null : formatInstant(rule.endedAt),
  }
  await db`
    INSERT INTO task_rules (brand_id, rule_id, kind, days, segment, title, text, target, priority, first_day, last_day,
      store_codes, is_on, nightly_max, created_at, updated_at, ended_at)
    SELECT ${brandId}, "ruleId", kind, days, segment, title, text, target, priority, "firstDay", "lastDay", "storeCodes",
      "isOn", "nightlyMax", "createdAt", "updatedAt", "endedAt"
    FROM jsonb_to_record(${json(row)}::text::jsonb) AS row ("ruleId" uuid, kind text, days int, segment jsonb, title text,
      text text, target jsonb, priority int, "firstDay" text, "lastDay" text, "storeCodes" text[], "isOn" boolean,
      "nightlyMax" int, "createdAt" timestamptz, "updatedAt" timestamptz, "endedAt" timestamptz)
    ON CONFLICT (brand_id, rule_id) DO UPDATE SET days = EXCLUDED.days, segment = EXCLUDED.segment,
      title = EXCLUDED.title, text = EXCLUDED.text, target = EXCLUDED.target, priority = EXCLUDED.priority,
      first_day = EXCLUDED.first_day, last_day = EXCLUDED.last_day, store_codes = EXCLUDED.store_codes,
      is_on = EXCLUDED.is_on, nightly_max = EXCLUDED.nightly_max, updated_at = EXCLUDED.updated_at,
      ended_at = EXCLUDED.ended_at`
}

/** A rule's list becomes these. @returns how many of them are members */
export async function replaceListed(
  db: Db,
  { brandId, ruleId, memberNos }: Options & { ruleId: string; memberNos: readonly string[] },
): Promise<number> {
  await db`DELETE FROM task_rule_members WHERE brand_id = ${brandId} AND rule_id = ${ruleId}`
  const rows = await db`
    INSERT INTO task_rule_members (brand_id, rule_id, member_no)
    SELECT DISTINCT ${brandId}::int, ${ruleId}::text::uuid, m.member_no FROM members AS m
    WHERE m.brand_id = ${brandId} AND m.member_no = ANY (${memberNos as string[]}::text[]) RETURNING 1`
  return rows.length
}

/** Those of these numbers that no member has; so many at most. */
export async function selectUnknownMembers(
  db: Db,
  { brandId, memberNos, limit }: Options & { memberNos: readonly string[]; limit: number },
) {
  const rows = await db<{ memberNo: string }[]>`
    SELECT asked.member_no AS "memberNo" FROM unnest(${memberNos as string[]}::text[]) WITH ORDINALITY AS asked (member_no, place)
    WHERE NOT EXISTS (SELECT FROM members AS m WHERE m.brand_id = ${brandId} AND m.member_no = asked.member_no)
    ORDER BY asked.place LIMIT ${limit}`
  return rows.map(row => row.memberNo)
}

/** On which rules' lists these people are, under any number of theirs. */
export async function selectListings(db: Db, { brandId, memberNos }: Options & { memberNos: readonly string[] }) {
  return await db<{ memberNo: string; ruleId: string }[]>`
    SELECT DISTINCT number.last_member_no AS "memberNo", l.rule_id AS "ruleId"
    FROM members AS number
    JOIN task_rule_members AS l ON l.brand_id = ${brandId} AND l.member_no = number.member_no
    WHERE number.brand_id = ${brandId} AND number.last_member_no = ANY (${memberNos as string[]}::text[])`
}

/** What these rules have made for the bearers of a night so far. */
export async function selectMadeOn(
  db: Db,
  { brandId, ruleIds, day }: Options & { ruleIds: readonly string[]; day: string },
) {
  if (ruleIds.length === 0) return []
  return await db<{ ruleId: string; associateId: string | null; storeCode: string | null; count: number }[]>`
    SELECT rule_id AS "ruleId", associate_id AS "associateId",
      CASE WHEN associate_id IS NULL THEN store_code END AS "storeCode", count(*) FROM tasks
    WHERE brand_id = ${brandId} AND rule_id = ANY (${ruleIds as string[]}::text[]::uuid[]) AND made_day = ${day}
    GROUP BY 1, 2, 3`
}

export interface RuleCounts {
  ruleId: string
  made: number
  open: number
  overdue: number
  done: number
  skipped: number
  closed: number
}

const COUNTS = (db: Db, today: string) => db`
  count(*) AS made, count(*) FILTER (WHERE state = 'open') AS open,
  count(*) FILTER (WHERE state = 'open' AND due_day < ${today}) AS overdue,
  count(*) FILTER (WHERE state = 'done') AS done, count(*) FILTER (WHERE state = 'skipped') AS skipped,
  count(*) FILTER (WHERE state = 'closed') AS closed`

const inStores = (db: Db, storeCodes: readonly string[] | null) =>
  storeCodes === null ? db`` : db`AND store_code = ANY (${storeCodes as string[]}::text[])`

/** What became of the tasks of these rules, of these stores; null: of all. */
export async function selectRuleCounts(
  db: Db,
  options: Options & { ruleIds: readonly string[]; storeCodes: readonly string[] | null; today: string },
) {
  const { brandId, ruleIds, storeCodes, today } = options
  if (ruleIds.length === 0) return []
  return await db<RuleCounts[]>`
    SELECT rule_id AS "ruleId", ${COUNTS(db, today)} FROM tasks
    WHERE brand_id = ${brandId} AND rule_id = ANY (${ruleIds as string[]}::text[]::uuid[]) ${inStores(db, storeCodes)}
    GROUP BY rule_id`
}

/** How many are on the lists of these rules. */
export async function selectListSizes(db: Db, { brandId, ruleIds }: Options & { ruleIds: readonly string[] }) {
  if (ruleIds.length === 0) return []
  return await db<{ ruleId: string; count: number }[]>`
    SELECT rule_id AS "ruleId", count(*) FROM task_rule_members
    WHERE brand_id = ${brandId} AND rule_id = ANY (${ruleIds as string[]}::text[]::uuid[]) GROUP BY rule_id`
}

export async function closeTasksOfRule(
  db: Db,
  { brandId, ruleId, reason, now }: Options & { ruleId: string; reason: string; now: Instant },
) {
  await db`
    UPDATE tasks SET state = 'closed', reason = ${reason}, state_by = 'service', state_at = ${now}
    WHERE brand_id = ${brandId} AND rule_id = ${ruleId} AND state = 'open'`
}

export interface CompletionRow {
  storeCode: string | null
  name: string | null
  made: number
  open: number
  overdue: number
  done: number
  skipped: number
  closed: number
}

/** By store, those of no store last. */
export async function selectCompletion(
  db: Db,
  options: Options & {
    ruleId: string
    storeCodes: readonly string[] | null
    today: string
    after: string | null | undefined
    limit: number
  },
) {
  const { brandId, ruleId, storeCodes, today, after, limit } = options
  if (after === null) return []
  return await db<CompletionRow[]>`
    SELECT t.store_code AS "storeCode", s.name, t.made, t.open, t.overdue, t.done, t.skipped, t.closed
    FROM (
      SELECT store_code, ${COUNTS(db, today)}
      FROM tasks WHERE brand_id = ${brandId} AND rule_id = ${ruleId} ${inStores(db, storeCodes)}
        ${after === undefined ? db`` : db`AND (store_code > ${after} OR store_code IS NULL)`}
      GROUP BY store_code
    ) AS t
    LEFT JOIN stores AS s ON s.brand_id = ${brandId} AND s.store_code = t.store_code
    ORDER BY t.store_code NULLS LAST LIMIT ${limit}`
}

export interface PersonCompletionRow extends Omit<CompletionRow, 'storeCode'> {
  /** null: nobody's, for the store's manager. */
  associateId: string | null
}

/** Of one store, by associate; those of nobody last. */
export async function selectPersonCompletion(
  db: Db,
  options: Options & {
    ruleId: string
    storeCode: string
    today: string
    after: string | null | undefined
    limit: number
  },
) {
  const { brandId, ruleId, storeCode, today, after, limit } = options
  if (after === null) return []
  return await db<PersonCompletionRow[]>`
    SELECT t.associate_id AS "associateId", a.name, t.made, t.open, t.overdue, t.done, t.skipped, t.closed
    FROM (
      SELECT associate_id, ${COUNTS(db, today)}
      FROM tasks WHERE brand_id = ${brandId} AND rule_id = ${ruleId} AND store_code = ${storeCode}
        ${after === undefined ? db`` : db`AND (associate_id > ${after} OR associate_id IS NULL)`}
      GROUP BY associate_id
    ) AS t
    LEFT JOIN associates AS a ON a.brand_id = ${brandId} AND a.associate_id = t.associate_id
    ORDER BY t.associate_id NULLS LAST LIMIT ${limit}`
}

// --------------------------------------------------------------------------------------------- making

/** Takes a day's making, where nobody has it now and it is not done. @returns from where to go on; null: not ours */
export async function takeRun(
  db: Db,
  { brandId, day, now, until }: Options & { day: string; now: Instant; until: Instant },
): Promise<string | null> {
  const [row] = await db<{ position: string }[]>`
    INSERT INTO task_runs AS run (brand_id, day, position, leased_until) VALUES (${brandId}, ${day}, '', ${until})
    ON CONFLICT (brand_id, day) DO UPDATE SET leased_until = EXCLUDED.leased_until
    WHERE run.finished_at IS NULL AND run.leased_until <= ${instant(db, now)}
    RETURNING position`
  return row?.position ?? null
}

export async function updateRun(
  db: Db,
  options: Options & { day: string; position: string; until: Instant; finishedAt: Instant | null },
) {
  await db`
    UPDATE task_runs SET position = GREATEST(position, ${options.position}), leased_until = ${options.until},
      finished_at = COALESCE(finished_at, ${options.finishedAt})
    WHERE brand_id = ${options.brandId} AND day = ${options.day}`
}

/** Members by number, those who were merged into others left out, and contacts of whom nothing else is known. */
export async function selectMemberNos(
  db: Db,
  { brandId, after, limit }: Options & { after: string; limit: number },
): Promise<string[]> {
  const rows = await db<{ memberNo: string }[]>`
    SELECT member_no AS "memberNo" FROM members
    WHERE brand_id = ${brandId} AND member_no > ${after} AND last_member_no = member_no AND member_no NOT LIKE 'contact:%'
      AND erased_at IS NULL
    ORDER BY member_no LIMIT ${limit}`
  return rows.map(row => row.memberNo)
}

/** Members who have open tasks of rules, by number, each with the number that he goes by now. */
export async function selectMembersWithTasks(
  db: Db,
  { brandId, after, limit }: Options & { after: string; limit: number },
) {
  return await db<{ memberNo: string; lastMemberNo: string }[]>`
    SELECT own.member_no AS "memberNo", m.last_member_no AS "lastMemberNo" FROM (
      SELECT DISTINCT member_no FROM tasks
      WHERE brand_id = ${brandId} AND state = 'open' AND rule_id IS NOT NULL AND member_no > ${after}
      ORDER BY member_no LIMIT ${limit}
    ) AS own
    JOIN members AS m ON m.brand_id = ${brandId} AND m.member_no = own.member_no
    ORDER BY own.member_no`
}

export interface MemberFacts {
  memberNo: string
  lastMemberNo: string
  levels: DatedEntry[]
  birthMonth: number | null
  birthDay: number | null
  tags: string[]
  consentMarketing: boolean | null
  homeStore: string | null
  /** The day of the brand's calendar. */
  lastPurchaseDay: string | null
}

/** What rules ask of these members, who go by their last numbers. */
export async function selectMemberFacts(
  db: Db,
  { brandId, memberNos, zone, now }: Options & { memberNos: readonly string[]; zone: string; now: Instant },
) {
  return await db<MemberFacts[]>`
    SELECT m.member_no AS "memberNo", m.last_member_no AS "lastMemberNo", m.levels, m.birth_month AS "birthMonth",
      m.birth_day AS "birthDay", m.tags, m.consent_marketing AS "consentMarketing",
      COALESCE(home.home_store, m.opening_store) AS "homeStore",
      to_char(bought.paid_at AT TIME ZONE ${zone}::text, 'YYYY-MM-DD') AS "lastPurchaseDay"
    FROM members AS m
    LEFT JOIN LATERAL (
      SELECT a.home_store FROM members AS number
      JOIN member_assignments AS a ON a.brand_id = ${brandId} AND a.member_no = number.member_no
      WHERE number.brand_id = ${brandId} AND number.last_member_no = m.member_no AND a.home_store_told
        AND a.from_at <= ${instant(db, now)}
      ORDER BY a.from_at DESC, a.member_no DESC LIMIT 1
    ) AS home ON true
    LEFT JOIN LATERAL (
      SELECT last.paid_at FROM members AS number
      CROSS JOIN LATERAL (
        SELECT o.paid_at FROM orders AS o
        WHERE o.brand_id = ${brandId} AND o.buyer = number.member_no AND o.revision IS NOT NULL AND NOT o.cancelled
          AND o.net_fen > 0 AND o.paid_at <= ${instant(db, now)}
        ORDER BY o.paid_at DESC LIMIT 1
      ) AS last
      WHERE number.brand_id = ${brandId} AND number.last_member_no = m.member_no
      ORDER BY last.paid_at DESC LIMIT 1
    ) AS bought ON true
    WHERE m.brand_id = ${brandId} AND m.member_no = ANY (${memberNos as string[]}::text[])`
}

/** A friendship as it was last told, of a contact who is linked to a member now. */
export interface FriendshipRow {
  memberNo: string
  externalUserid: string
  associateId: string
  isOver: boolean
  at: Instant
}

/** Friendships of these people as last told; at one instant an end is the last. */
export async function selectFriendships(db: Db, { brandId, memberNos }: Options & { memberNos: readonly string[] }) {
  return await db<FriendshipRow[]>`
    WITH contact AS MATERIALIZED (
      SELECT DISTINCT number.last_member_no AS member_no, i.value
      FROM members AS number
      JOIN identities AS i ON i.brand_id = ${brandId} AND i.member_no = number.member_no AND i.kind = 'external_userid'
      WHERE number.brand_id = ${brandId} AND number.last_member_no = ANY (${memberNos as string[]}::text[])
        AND number.last_member_no = (
          SELECT holder.last_member_no FROM identities AS link
          JOIN members AS holder ON holder.brand_id = ${brandId} AND holder.member_no = link.member_no
          WHERE link.brand_id = ${brandId} AND link.kind = 'external_userid' AND link.value = i.value
          ORDER BY link.at DESC, holder.last_member_no DESC LIMIT 1)
    )
    SELECT DISTINCT ON (contact.member_no, contact.value, f.associate_id) contact.member_no AS "memberNo",
      contact.value AS "externalUserid", f.associate_id AS "associateId", f.kind = 'ended' AS "isOver", f.at
    FROM contact
    JOIN friend_events AS f ON f.brand_id = ${brandId} AND f.external_userid = contact.value
    ORDER BY contact.member_no, contact.value, f.associate_id, f.at DESC, f.kind DESC`
}

/** What rules made for these members; open ones of old numbers too. */
export async function selectTasksOf(db: Db, { brandId, memberNos }: Options & { memberNos: readonly string[] }) {
  return await db<(KeptTask & { memberNo: string })[]>`
    SELECT number.last_member_no AS "memberNo", t.task_id AS "taskId", t.rule_id AS "ruleId", t.occasion,
      t.made_day AS "madeDay", t.due_day AS "dueDay", t.state = 'open' AS "isOpen", t.associate_id AS "associateId",
      t.store_code AS "storeCode"
    FROM members AS number
    JOIN tasks AS t ON t.brand_id = ${brandId} AND t.member_no = number.member_no AND t.rule_id IS NOT NULL
    WHERE number.brand_id = ${brandId} AND number.last_member_no = ANY (${memberNos as string[]}::text[])
    ORDER BY t.task_id`
}

export interface NewTaskRow {
  taskId: string
  kind: TaskKind
  ruleId: string | null
  memberNo: string
  occasion: string
  title: string
  text: string
  target: TaskTarget | null
  priority: number
  associateId: string | null
  storeCode: string | null
  madeDay: string
  dueDay: string
}

/** One that another process made at the same moment, or that fits no more, is left out. @returns those that are new */
export async function insertTasks(
  db: Db,
  { brandId, now, rows }: Options & { now: Instant; rows: readonly NewTaskRow[] },
) {
  if (rows.length === 0) return []
  return await db<{ taskId: string; associateId: string | null; storeCode: string | null }[]>`
    INSERT INTO tasks (brand_id, task_id, kind, rule_id, member_no, occasion, title, text, target, priority, associate_id,
      store_code, made_day, due_day, created_at, state, state_at)
    SELECT ${brandId}, "taskId", kind, "ruleId", "memberNo", occasion, title, text, NULLIF(target, 'null'::jsonb), priority,
      "associateId", "storeCode", "madeDay", "dueDay", ${now}, 'open', ${now}
    FROM jsonb_to_recordset(${json(rows)}::text::jsonb) AS row ("taskId" uuid, kind text, "ruleId" uuid, "memberNo" text,
      occasion text, title text, text text, target jsonb, priority int, "associateId" text, "storeCode" text,
      "madeDay" text, "dueDay" text)
    ORDER BY "memberNo" COLLATE "C"
    ON CONFLICT DO NOTHING RETURNING task_id AS "taskId", associate_id AS "associateId",
      store_code AS "storeCode"`
}

/** The managers of these stores. */
export async function selectManagers(db: Db, { brandId, storeCodes }: Options & { storeCodes: readonly string[] }) {
  if (storeCodes.length === 0) return []
  return await db<{ associateId: string; storeCode: string }[]>`
    SELECT associate_id AS "associateId", store_code AS "storeCode" FROM associates
    WHERE brand_id = ${brandId} AND store_code = ANY (${storeCodes as string[]}::text[]) AND role = 'manager'
    ORDER BY associate_id`
}

export async function closeTasks(
  db: Db,
  { brandId, now, rows }: Options & { now: Instant; rows: readonly { taskId: string; reason: string }[] },
) {
  if (rows.length === 0) return
  await db`
    UPDATE tasks AS t SET state = 'closed', reason = row.reason, state_by = 'service', state_at = ${now}
    FROM jsonb_to_recordset(${json(rows)}::text::jsonb) AS row ("taskId" uuid, reason text)
    WHERE t.brand_id = ${brandId} AND t.task_id = row."taskId" AND t.state = 'open'`
}

export async function moveTasks(
  db: Db,
  {
    brandId,
    rows,
  }: Options & { rows: readonly { taskId: string; associateId: string | null; storeCode: string | null }[] },
) {
  if (rows.length === 0) return
  await db`
    UPDATE tasks AS t SET associate_id = row."associateId", store_code = row."storeCode"
    FROM jsonb_to_recordset(${json(rows)}::text::jsonb) AS row ("taskId" uuid, "associateId" text, "storeCode" text)
    WHERE t.brand_id = ${brandId} AND t.task_id = row."taskId" AND t.state = 'open'`
}

// ---------------------------------------------------------------------------------------------- tasks

export interface TaskRow {
  taskId: string
  kind: TaskKind
  ruleId: string | null
  memberNo: string
  lastMemberNo: string
  name: string | null
  occasion: string
  title: string
  text: string
  target: TaskTarget | null
  targetName: string | null
  priority: number
  associateId: string | null
  associateName: string | null
  storeCode: string | null
  dueDay: string
  state: 'open' | 'done' | 'skipped' | 'closed'
  reason: string | null
  linkCode: string | null
  stateBy: string | null
  stateAt: Instant
}

/** His own for an associate; those of his stores, and his own, for who answers for stores. */
const visibleTasks = (db: Db, scope: Scope) =>
  scope.reach === 'brand'
    ? db`true`
    : scope.reach === 'self'
      ? db`t.associate_id = ${scope.associateId}`
      : db`t.store_code = ANY (${scope.storeCodes as string[]}::text[])`

const selectWhere = (db: Db, brandId: number, rest: ReturnType<Db>) => db<TaskRow[]>`
  SELECT t.task_id AS "taskId", t.kind, t.rule_id AS "ruleId", t.member_no AS "memberNo",
    m.last_member_no AS "lastMemberNo", last.name, t.occasion, t.title, t.text, t.target, p.name AS "targetName",
    t.priority, t.associate_id AS "associateId", a.name AS "associateName", t.store_code AS "storeCode",
    t.due_day AS "dueDay", t.state, t.reason, t.link_code AS "linkCode", t.state_by AS "stateBy", t.state_at AS "stateAt"
  FROM tasks AS t
  JOIN members AS m ON m.brand_id = ${brandId} AND m.member_no = t.member_no
  JOIN members AS last ON last.brand_id = ${brandId} AND last.member_no = m.last_member_no
  LEFT JOIN associates AS a ON a.brand_id = ${brandId} AND a.associate_id = t.associate_id
  LEFT JOIN products AS p ON p.brand_id = ${brandId} AND p.sku = t.target ->> 'ref'
  WHERE t.brand_id = ${brandId} ${rest}`

/** Which tasks one asks for. */
export interface Wanted {
  scope: Scope
  /** This associate's alone. */
  associateId: string | null
  memberNo: string | null
}

const wantedTasks = (db: Db, { scope, associateId, memberNo }: Wanted) => db`
  ${visibleTasks(db, scope)} ${associateId === null ? db`` : db`AND t.associate_id = ${associateId}`}
  ${
    memberNo === null
      ? db``
      : db`AND t.member_no IN (
          SELECT other.member_no FROM members AS asked
          JOIN members AS other ON other.brand_id = ${scope.brandId} AND other.last_member_no = asked.last_member_no
          WHERE asked.brand_id = ${scope.brandId} AND asked.member_no = ${memberNo})`
  }`

/** By the day they are due, the most important of a day first. */
export async function selectOpenTasks(
  db: Db,
  options: Wanted & { after: { dueDay: string; rank: number; taskId: string } | null; limit: number },
) {
  const { scope, after, limit } = options
  return await selectWhere(
    db,
    scope.brandId,
    db`AND t.state = 'open' AND ${wantedTasks(db, options)}
      ${after ? db`AND (t.due_day, -t.priority, t.task_id) > (${after.dueDay}, ${after.rank}::int, ${after.taskId}::uuid)` : db``}
      ORDER BY t.due_day, -t.priority, t.task_id LIMIT ${limit}`,
  )
}

/** Newest first. */
export async function selectEndedTasks(
  db: Db,
  options: Wanted & { after: { at: string; taskId: string } | null; limit: number },
) {
  const { scope, after, limit } = options
  return await selectWhere(
    db,
    scope.brandId,
    db`AND t.state <> 'open' AND ${wantedTasks(db, options)}
      ${after ? db`AND (t.state_at, t.task_id) < (${after.at}::text::timestamptz, ${after.taskId}::uuid)` : db``}
      ORDER BY t.state_at DESC, t.task_id DESC LIMIT ${limit}`,
  )
}

export async function selectTaskCounts(db: Db, options: Wanted & { today: string }) {
  const { scope, today } = options
  const [row] = await db<{ overdue: number; today: number; later: number }[]>`
    SELECT count(*) FILTER (WHERE t.due_day < ${today}) AS overdue, count(*) FILTER (WHERE t.due_day = ${today}) AS today,
      count(*) FILTER (WHERE t.due_day > ${today}) AS later
    FROM tasks AS t WHERE t.brand_id = ${scope.brandId} AND t.state = 'open' AND ${wantedTasks(db, options)}`
  return row!
}

export async function selectTask(db: Db, { scope, taskId }: { scope: Scope; taskId: string }) {
  const [row] = await selectWhere(db, scope.brandId, db`AND t.task_id = ${taskId} AND ${visibleTasks(db, scope)}`)
  return row ?? null
}

/** Holds a task until the transaction ends. */
export async function lockTask(db: Db, { brandId, taskId }: Options & { taskId: string }) {
  await db`SELECT 1 FROM tasks WHERE brand_id = ${brandId} AND task_id = ${taskId} FOR UPDATE`
}

export async function updateTaskState(
  db: Db,
  options: Options & {
    taskId: string
    state: TaskRow['state']
    reason: string | null
    linkCode: string | null
    by: string
    at: Instant
  },
) {
  await db`
    UPDATE tasks SET state = ${options.state}, reason = ${options.reason}, link_code = ${options.linkCode},
      state_by = ${options.by}, state_at = ${options.at}
    WHERE brand_id = ${options.brandId} AND task_id = ${options.taskId}`
}

/** Whether a link of this associate went to one of a member's contacts, by the share's own record. */
export async function selectWasSentTo(
  db: Db,
  options: Options & { associateId: string; linkCode: string; memberNo: string },
): Promise<boolean> {
  const { brandId, associateId, linkCode, memberNo } = options
  const rows = await db`
    SELECT 1 FROM share_links AS l
    JOIN touch_keys AS sent ON sent.brand_id = ${brandId} AND sent.touch_id = 'sent-' || l.link_code
    JOIN identities AS i ON i.brand_id = ${brandId} AND i.kind = 'external_userid' AND i.value = l.sent_to_external_userid
    JOIN members AS m ON m.brand_id = ${brandId} AND m.member_no = i.member_no
    WHERE l.brand_id = ${brandId} AND l.link_code = ${linkCode} AND l.associate_id = ${associateId}
      AND m.last_member_no = ${memberNo} LIMIT 1`
  return rows.length > 0
}
