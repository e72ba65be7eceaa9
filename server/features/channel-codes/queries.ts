import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Scope } from '../auth/domain.ts'
import type { KeptEmployment } from '../stores/domain.ts'
import type { Code, CodeKind, Told } from './domain.ts'

interface Options {
  brandId: number
}

// ----------------------------------------------------------------------------------------------------- codes

export interface CodeRow extends Code {
  codeId: string
  campaign: string | null
  configId: string | null
  url: string | null
  told: Told | null
  begunAt: Instant | null
  isDue: boolean
  tries: number
  fault: string | null
  errcode: number | null
  address: string | null
  profileOpens: number
  friendRequests: number
  createdBy: string
  createdAt: Instant
  changedAt: Instant
}

const CODE_COLUMNS = `c.code_id AS "codeId", c.kind, c.name, c.campaign, c.associate_id AS "associateId",
  c.store_code AS "storeCode", c.state, c.skip_verify AS "skipVerify", c.chat_ids AS "chatIds", c.room_name AS "roomName",
  c.room_number AS "roomNumber", c.is_active AS "isActive", c.deleted_at AS "deletedAt", c.config_id AS "configId", c.url,
  c.told, c.begun_at AS "begunAt", c.is_due AS "isDue", c.tries, c.fault, c.errcode, c.address,
  c.profile_opens AS "profileOpens", c.friend_requests AS "friendRequests", c.created_by AS "createdBy",
  c.created_at AS "createdAt", c.changed_at AS "changedAt"`

export interface NewCode {
  codeId: string
  kind: CodeKind
  name: string
  campaign: string | null
  associateId: string | null
  storeCode: string | null
  state: string
  skipVerify: boolean
  chatIds: readonly string[]
  roomName: string | null
  roomNumber: number | null
}

/** @returns false where there is one of this id */
export async function insertCode(
  db: Db,
  { brandId, code, createdBy, now }: Options & { code: NewCode; createdBy: string; now: Instant },
): Promise<boolean> {
  const rows = await db`
    INSERT INTO channel_codes (brand_id, code_id, kind, name, campaign, associate_id, store_code, state, skip_verify,
      chat_ids, room_name, room_number, is_active, is_due, due_at, tries, profile_opens, friend_requests, created_by,
      created_at, changed_at)
    VALUES (${brandId}, ${code.codeId}, ${code.kind}, ${code.name}, ${code.campaign}, ${code.associateId},
      ${code.storeCode}, ${code.state}, ${code.skipVerify}, ${code.chatIds as string[]}::text[], ${code.roomName},
      ${code.roomNumber}, true, true, ${now}, 0, 0, 0, ${createdBy}, ${now}, ${now})
    ON CONFLICT (brand_id, code_id) DO NOTHING RETURNING code_id`
  return rows.length > 0
}

/** A code that its reader may see; null where there is none. Those that were deleted are gone. */
export async function selectCode(db: Db, { scope, codeId }: { scope: Scope; codeId: string }) {
  const [row] = await db<CodeRow[]>`
    SELECT ${db.unsafe(CODE_COLUMNS)} FROM channel_codes AS c
    WHERE c.brand_id = ${scope.brandId} AND c.code_id = ${codeId} AND c.deleted_at IS NULL AND ${visible(db, scope)}`
  return row ?? null
}

/** The same, of any, for a change. */
export async function lockCode(db: Db, { brandId, codeId }: Options & { codeId: string }) {
  const [row] = await db<CodeRow[]>`
    SELECT ${db.unsafe(CODE_COLUMNS)} FROM channel_codes AS c
    WHERE c.brand_id = ${brandId} AND c.code_id = ${codeId} FOR UPDATE`
  return row ?? null
}

/** An associate's own, those of a store's and of who works there now, or all. */
const visible = (db: Db, scope: Scope) => {
  if (scope.reach === 'brand') return db`true`
  if (scope.reach === 'self') return db`c.associate_id = ${scope.associateId}`
  return db`(c.store_code = ANY (${scope.storeCodes as string[]}::text[]) OR EXISTS (
    SELECT FROM associates AS a
    WHERE a.brand_id = ${scope.brandId} AND a.associate_id = c.associate_id
      AND a.store_code = ANY (${scope.storeCodes as string[]}::text[])))`
}

export interface CodeFilter {
  associate: string | null
  storeCode: string | null
  kind: CodeKind | null
  campaign: string | null
}

/** Newest first; of a store also its associates'. */
export async function selectCodes(
  db: Db,
  options: { scope: Scope; filter: CodeFilter; after: { at: string; codeId: string } | null; limit: number },
) {
  const { scope, filter, after, limit } = options
  const { brandId } = scope
  const { associate, storeCode, kind, campaign } = filter
  return await db<CodeRow[]>`
    SELECT ${db.unsafe(CODE_COLUMNS)} FROM channel_codes AS c
    WHERE c.brand_id = ${brandId} AND c.deleted_at IS NULL AND ${visible(db, scope)}
      ${associate === null ? db`` : db`AND c.associate_id = ${associate}`}
      ${
        storeCode === null
          ? db``
          : db`AND (c.store_code = ${storeCode} OR EXISTS (
              SELECT FROM associates AS a WHERE a.brand_id = ${brandId} AND a.associate_id = c.associate_id
                AND a.store_code = ${storeCode}))`
      }
      ${kind === null ? db`` : db`AND c.kind = ${kind}`}
      ${campaign === null ? db`` : db`AND c.campaign = ${campaign}`}
      ${
        after === null
          ? db``
          : db`AND (c.created_at, c.code_id) < (${after.at}::text::timestamptz, ${after.codeId}::text::uuid)`
      }
    ORDER BY c.created_at DESC, c.code_id DESC LIMIT ${limit}`
}

export type CodeChange = Pick<
  CodeRow,
  'name' | 'campaign' | 'skipVerify' | 'chatIds' | 'roomName' | 'roomNumber' | 'isActive' | 'deletedAt'
>

export async function updateCode(
  db: Db,
  { brandId, codeId, change, now }: Options & { codeId: string; change: CodeChange; now: Instant },
) {
  const { name, campaign, skipVerify, chatIds, roomName, roomNumber, isActive, deletedAt } = change
  await db`
    UPDATE channel_codes SET name = ${name}, campaign = ${campaign}, skip_verify = ${skipVerify},
      chat_ids = ${chatIds as string[]}::text[], room_name = ${roomName}, room_number = ${roomNumber},
      is_active = ${isActive}, deleted_at = ${deletedAt}, changed_at = ${now},
      is_due = true, due_at = CASE WHEN lease_id IS NULL THEN ${now} ELSE due_at END, tries = 0
    WHERE brand_id = ${brandId} AND code_id = ${codeId}`
}

// --------------------------------------------------------------------------------------- what WeCom is told

/** Lends a code that is due to one process; `codeId` names one, whether or not it waits for another try. */
export async function claimCode(
  db: Db,
  options: Options & { codeId: string | null; leaseId: string; now: Instant; leasedUntil: Instant },
) {
  const { brandId, codeId, leaseId, now, leasedUntil } = options
  const [row] = await db<CodeRow[]>`
    UPDATE channel_codes AS c SET lease_id = ${leaseId}, due_at = ${leasedUntil}
    WHERE c.brand_id = ${brandId} AND c.code_id = (
      SELECT code_id FROM channel_codes
      WHERE brand_id = ${brandId} AND is_due
        ${codeId === null ? db`AND due_at <= ${now}` : db`AND code_id = ${codeId} AND (lease_id IS NULL OR due_at <= ${now})`}
      ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING ${db.unsafe(CODE_COLUMNS)}`
  return row ?? null
}

interface Leased extends Options {
  codeId: string
  leaseId: string
}

/** From now on WeCom may have one of which we do not know. */
export async function updateBegun(db: Db, { brandId, codeId, leaseId, now }: Leased & { now: Instant }) {
  const rows = await db`
    UPDATE channel_codes SET begun_at = ${now}
    WHERE brand_id = ${brandId} AND code_id = ${codeId} AND lease_id = ${leaseId} RETURNING code_id`
  return rows.length > 0
}

/** What WeCom has now. @returns false where another process has the code meanwhile */
export async function updateInWecom(
  db: Db,
  options: Leased & { configId: string | null; url: string | null; told: Told | null; begunAt: Instant | null },
): Promise<boolean> {
  const { brandId, codeId, leaseId, configId, url, told, begunAt } = options
  const rows = await db`
    UPDATE channel_codes SET config_id = ${configId}, url = ${url},
      told = ${told === null ? null : JSON.stringify(told)}::text::jsonb, begun_at = ${begunAt}
    WHERE brand_id = ${brandId} AND code_id = ${codeId} AND lease_id = ${leaseId} RETURNING code_id`
  return rows.length > 0
}

/** The process is done with it. Where somebody changed the code meanwhile it is due at once. */
export async function releaseCode(
  db: Db,
  options: Leased & {
    isDue: boolean
    dueAt: Instant
    fault: string | null
    errcode: number | null
    address: string | null
    hasFailed: boolean
    /** As it was when it was taken. */
    changedAt: Instant
  },
) {
  const { brandId, codeId, leaseId, isDue, dueAt, fault, errcode, address, hasFailed, changedAt } = options
  await db`
    UPDATE channel_codes SET lease_id = NULL, is_due = ${isDue} OR changed_at <> ${changedAt},
      due_at = CASE WHEN changed_at <> ${changedAt} THEN changed_at ELSE ${dueAt} END,
      tries = CASE WHEN ${hasFailed} THEN tries + 1 ELSE 0 END,
      fault = ${fault}, errcode = ${errcode}, address = ${address}
    WHERE brand_id = ${brandId} AND code_id = ${codeId} AND lease_id = ${leaseId}`
}

/** Those of these ids of WeCom's that are known here. */
export async function selectKnownConfigs(db: Db, { brandId, configIds }: Options & { configIds: readonly string[] }) {
  const rows = await db<{ configId: string }[]>`
    SELECT config_id AS "configId" FROM channel_codes
    WHERE brand_id = ${brandId} AND config_id = ANY (${configIds as string[]}::text[])`
  return new Set(rows.map(row => row.configId))
}

/** All that lead to people, page by page: who they are may have changed. */
export async function selectStandingCodes(
  db: Db,
  { brandId, after, limit }: Options & { after: string | null; limit: number },
) {
  return await db<CodeRow[]>`
    SELECT ${db.unsafe(CODE_COLUMNS)} FROM channel_codes AS c
    WHERE c.brand_id = ${brandId} AND c.is_active AND c.deleted_at IS NULL AND NOT c.is_due
      AND c.kind <> 'group_join_way' ${after === null ? db`` : db`AND c.code_id > ${after}::text::uuid`}
    ORDER BY c.code_id LIMIT ${limit}`
}

export async function updateDue(
  db: Db,
  { brandId, codeIds, now }: Options & { codeIds: readonly string[]; now: Instant },
) {
  await db`
    UPDATE channel_codes SET is_due = true, due_at = ${now}
    WHERE brand_id = ${brandId} AND NOT is_due AND code_id = ANY (${codeIds as string[]}::text[]::uuid[])`
}

/** WeCom has it no more, by an administrator's hand: it is made again when somebody says so. */
export async function updateRemoved(db: Db, { brandId, configId }: Options & { configId: string }) {
  await db`
    UPDATE channel_codes SET config_id = NULL, url = NULL, told = NULL, is_active = false, fault = 'removed'
    WHERE brand_id = ${brandId} AND config_id = ${configId}`
}

export async function updateFault(db: Db, { brandId, configId, fault }: Options & { configId: string; fault: string }) {
  await db`
    UPDATE channel_codes SET fault = ${fault} WHERE brand_id = ${brandId} AND config_id = ${configId} AND deleted_at IS NULL`
}

/** Links may bring customers again. */
export async function updateAvailable(db: Db, { brandId }: Options) {
  await db`UPDATE channel_codes SET fault = NULL WHERE brand_id = ${brandId} AND fault = 'unavailable'`
}

export async function countOnCode(
  db: Db,
  { brandId, state, what }: Options & { state: string; what: 'profile_opens' | 'friend_requests' },
) {
  await db`
    UPDATE channel_codes SET ${db(what)} = ${db(what)} + 1 WHERE brand_id = ${brandId} AND state = ${state}`
}

// ---------------------------------------------------------------------------------------------------- people

export interface ColleagueRow {
  associateId: string
  storeCode: string | null
  role: string
  employments: KeptEmployment[]
  kind: string | null
  /** Gone from WeCom, or may not have customers; null: WeCom was not asked yet. */
  isOut: boolean | null
}

/** Associates of these stores, and these associates. */
export async function selectColleagues(
  db: Db,
  { brandId, storeCodes, associateIds }: Options & { storeCodes: readonly string[]; associateIds: readonly string[] },
) {
  return await db<ColleagueRow[]>`
    SELECT a.associate_id AS "associateId", a.store_code AS "storeCode", a.role, a.employments,
      a.kinds -> -1 ->> 'value' AS kind,
      s.gone_at IS NOT NULL OR (NOT s.may_follow AND EXISTS (
        SELECT FROM wecom_staff AS any_ WHERE any_.brand_id = ${brandId} AND any_.may_follow)) AS "isOut"
    FROM associates AS a
    LEFT JOIN wecom_staff AS s ON s.brand_id = ${brandId} AND s.userid = a.associate_id
    WHERE a.brand_id = ${brandId}
      AND (a.store_code = ANY (${storeCodes as string[]}::text[]) OR a.associate_id = ANY (${associateIds as string[]}::text[]))
    ORDER BY a.associate_id`
}

// --------------------------------------------------------------------------------------------------- figures

export interface CodeFigures {
  state: string
  added: number
  lost: number
  chats: number
  enrolled: number
}

/**
 * What came of codes, from the evidence of friendships alone: a code is found by the state that they carry, whatever
 * came first here. Lost: ended by the customer, and not begun again since. Enrolled: became members after they were
 * added.
 */
export async function selectFigures(db: Db, { brandId, states }: Options & { states: readonly string[] }) {
  if (states.length === 0) return []
  return await db<CodeFigures[]>`
    WITH added AS (
      SELECT f.state, f.associate_id, f.external_userid, f.at FROM friend_events AS f
      WHERE f.brand_id = ${brandId} AND f.state = ANY (${states as string[]}::text[]) AND f.kind = 'added'
    ), last AS (
      SELECT state, associate_id, external_userid, max(at) AS at, min(at) AS first_at FROM added GROUP BY 1, 2, 3
    )
    SELECT last.state, count(*) AS added,
      count(*) FILTER (WHERE EXISTS (
        SELECT FROM friend_events AS e
        WHERE e.brand_id = ${brandId} AND e.external_userid = last.external_userid AND e.associate_id = last.associate_id
          AND e.kind = 'ended' AND e.ended_by = 'customer' AND e.at >= last.at
          AND NOT EXISTS (
            SELECT FROM friend_events AS again
            WHERE again.brand_id = ${brandId} AND again.external_userid = last.external_userid
              AND again.associate_id = last.associate_id AND again.kind = 'added' AND again.at > e.at))) AS lost,
      count(*) FILTER (WHERE EXISTS (
        SELECT FROM channel_chats AS chat
        WHERE chat.brand_id = ${brandId} AND chat.external_userid = last.external_userid
          AND chat.userid = last.associate_id AND chat.at >= last.first_at)) AS chats,
      count(DISTINCT member.last_member_no) AS enrolled
    FROM last
    LEFT JOIN LATERAL (${enrolledBy(db, brandId, db`last`)}) AS member ON true
    GROUP BY last.state`
}

/** The member that a contact is linked to, where he joined after he was added. */
const enrolledBy = (db: Db, brandId: number, row: ReturnType<Db>) => db`
  SELECT person.last_member_no FROM (
    SELECT m.last_member_no FROM identities AS i
    JOIN members AS m ON m.brand_id = ${brandId} AND m.member_no = i.member_no
    WHERE i.brand_id = ${brandId} AND i.kind = 'external_userid' AND i.value = ${row}.external_userid
    ORDER BY i.at DESC, m.last_member_no DESC LIMIT 1
  ) AS person
  JOIN members AS own ON own.brand_id = ${brandId} AND own.member_no = person.last_member_no
  WHERE own.joined_at >= ${row}.first_at`

/** Who came to groups by join ways, and left. */
export async function selectGroupFigures(db: Db, { brandId, states }: Options & { states: readonly string[] }) {
  if (states.length === 0) return []
  return await db<{ state: string; added: number; lost: number }[]>`
    SELECT state, count(*) AS added, count(*) FILTER (WHERE left_at IS NOT NULL) AS lost FROM wecom_group_members
    WHERE brand_id = ${brandId} AND state = ANY (${states as string[]}::text[]) AND NOT is_staff GROUP BY state`
}

export interface CameRow {
  externalUserid: string
  associateId: string
  storeCode: string | null
  at: Instant
  lostAt: Instant | null
  memberNo: string | null
}

/** Who came by a code, newest first. */
export async function selectCame(
  db: Db,
  options: Options & {
    state: string
    after: { at: string; externalUserid: string; associateId: string } | null
    limit: number
  },
) {
  const { brandId, state, after, limit } = options
  return await db<CameRow[]>`
    WITH came AS (
      SELECT external_userid, associate_id, max(at) AS at, min(at) AS first_at FROM friend_events
      WHERE brand_id = ${brandId} AND state = ${state} AND kind = 'added' GROUP BY 1, 2
    ), page AS (
      SELECT * FROM came
      ${
        after === null
          ? db``
          : db`WHERE (at, external_userid, associate_id)
              < (${after.at}::text::timestamptz, ${after.externalUserid}, ${after.associateId})`
      }
      ORDER BY at DESC, external_userid DESC, associate_id DESC LIMIT ${limit}
    )
    SELECT page.external_userid AS "externalUserid", page.associate_id AS "associateId",
      COALESCE(c.store_code, a.store_code) AS "storeCode", page.at,
      (SELECT min(e.at) FROM friend_events AS e
        WHERE e.brand_id = ${brandId} AND e.external_userid = page.external_userid
          AND e.associate_id = page.associate_id AND e.kind = 'ended' AND e.ended_by = 'customer' AND e.at >= page.at
      ) AS "lostAt", member.last_member_no AS "memberNo"
    FROM page
    JOIN channel_codes AS c ON c.brand_id = ${brandId} AND c.state = ${state}
    LEFT JOIN associates AS a ON a.brand_id = ${brandId} AND a.associate_id = page.associate_id
    LEFT JOIN LATERAL (${enrolledBy(db, brandId, db`page`)}) AS member ON true
    ORDER BY page.at DESC, page.external_userid DESC, page.associate_id DESC`
}

// -------------------------------------------------------------------------------------------------- welcomes

export type WelcomeStatus = 'waiting' | 'sending' | 'sent' | 'late' | 'needless' | 'refused' | 'unsure'

export interface NewWelcome {
  externalUserid: string
  userid: string
  at: Instant
  state: string | null
  codeEncrypted: Buffer
}

/** Writes a welcome down, once; not where this friend was welcomed since `unlessSince`. */
export async function insertWelcome(
  db: Db,
  { brandId, welcome, unlessSince, now }: Options & { welcome: NewWelcome; unlessSince: Instant; now: Instant },
) {
  const { externalUserid, userid, at, state, codeEncrypted } = welcome
  const rows = await db`
    INSERT INTO channel_welcomes (brand_id, external_userid, userid, at, state, code_encrypted, status, received_at)
    SELECT ${brandId}, ${externalUserid}, ${userid}, ${at}, ${state}, ${codeEncrypted}, 'waiting', ${now}
    WHERE NOT EXISTS (
      SELECT FROM channel_welcomes
      WHERE brand_id = ${brandId} AND external_userid = ${externalUserid} AND userid = ${userid} AND at >= ${unlessSince}
        AND status IN ('waiting', 'sending', 'sent', 'unsure'))
    ON CONFLICT DO NOTHING RETURNING at`
  if (rows.length > 0) await db`SELECT pg_notify('daogou_welcomes', ${String(brandId)}::text)`
}

export interface WelcomeRow extends NewWelcome {
  receivedAt: Instant
}

/** Takes the oldest welcome that waits. From here on it is never taken again, whatever becomes of this process. */
export async function claimWelcome(db: Db, { brandId }: Options) {
  const [row] = await db<WelcomeRow[]>`
    UPDATE channel_welcomes AS w SET status = 'sending'
    FROM (
      SELECT external_userid, userid, at FROM channel_welcomes
      WHERE brand_id = ${brandId} AND status = 'waiting' AND ended_at IS NULL
      ORDER BY at LIMIT 1 FOR UPDATE SKIP LOCKED
    ) AS next
    WHERE w.brand_id = ${brandId} AND w.external_userid = next.external_userid AND w.userid = next.userid AND w.at = next.at
    RETURNING w.external_userid AS "externalUserid", w.userid, w.at, w.state, w.code_encrypted AS "codeEncrypted",
      w.received_at AS "receivedAt"`
  return row ?? null
}

interface WelcomeKey extends Options {
  externalUserid: string
  userid: string
  at: Instant
}

export async function finishWelcome(
  db: Db,
  options: WelcomeKey & { status: WelcomeStatus; errcode: number | null; linkCode: string | null; now: Instant },
) {
  const { brandId, externalUserid, userid, at, status, errcode, linkCode, now } = options
  await db`
    UPDATE channel_welcomes SET status = ${status}, errcode = ${errcode}, link_code = ${linkCode}, code_encrypted = NULL,
      ended_at = ${now}
    WHERE brand_id = ${brandId} AND external_userid = ${externalUserid} AND userid = ${userid} AND at = ${at}`
}

/** What a process that died was sending may have been sent. @returns how many */
export async function updateLostWelcomes(
  db: Db,
  { brandId, before, now }: Options & { before: Instant; now: Instant },
) {
  const rows = await db`
    UPDATE channel_welcomes SET status = 'unsure', code_encrypted = NULL, ended_at = ${now}
    WHERE brand_id = ${brandId} AND status = 'sending' AND ended_at IS NULL AND received_at < ${before} RETURNING at`
  return rows.length
}

/** Of all brands. */
export async function deleteOldWelcomes(db: Db, { before }: { before: Instant }) {
  for (const { brandId } of await db<{ brandId: number }[]>`SELECT brand_id AS "brandId" FROM brands`) {
    await db`DELETE FROM channel_welcomes WHERE brand_id = ${brandId} AND received_at < ${before}`
  }
}

export async function selectWelcomeLink(
  db: Db,
  { brandId, associateId, targetHash }: Options & { associateId: string; targetHash: string },
) {
  const [row] = await db<{ linkCode: string; isRevoked: boolean }[]>`
    SELECT w.link_code AS "linkCode", l.revoked_at IS NOT NULL AS "isRevoked" FROM channel_welcome_links AS w
    JOIN share_links AS l ON l.brand_id = ${brandId} AND l.link_code = w.link_code
    WHERE w.brand_id = ${brandId} AND w.associate_id = ${associateId} AND w.target_hash = ${targetHash}`
  return row ?? null
}

export async function updateWelcomeLink(
  db: Db,
  {
    brandId,
    associateId,
    targetHash,
    linkCode,
  }: Options & { associateId: string; targetHash: string; linkCode: string },
) {
  await db`
    UPDATE channel_welcome_links SET link_code = ${linkCode}
    WHERE brand_id = ${brandId} AND associate_id = ${associateId} AND target_hash = ${targetHash}`
}

export async function insertWelcomeLink(
  db: Db,
  {
    brandId,
    associateId,
    targetHash,
    linkCode,
  }: Options & { associateId: string; targetHash: string; linkCode: string },
) {
  await db`
    INSERT INTO channel_welcome_links (brand_id, associate_id, target_hash, link_code)
    VALUES (${brandId}, ${associateId}, ${targetHash}, ${linkCode})`
}

export interface SettingsRow {
  isOn: boolean
  text: string
  title: string | null
  path: string | null
  url: string | null
  imageUrl: string | null
  changedBy: string
  changedAt: Instant
}

export async function selectWelcomeSettings(db: Db, { brandId }: Options) {
  const [row] = await db<SettingsRow[]>`
    SELECT is_on AS "isOn", text, title, path, url, image_url AS "imageUrl", changed_by AS "changedBy",
      changed_at AS "changedAt"
    FROM channel_welcome_settings WHERE brand_id = ${brandId}`
  return row ?? null
}

export async function upsertWelcomeSettings(db: Db, { brandId, row }: Options & { row: SettingsRow }) {
  await db`
    INSERT INTO channel_welcome_settings (brand_id, is_on, text, title, path, url, image_url, changed_by, changed_at)
    VALUES (${brandId}, ${row.isOn}, ${row.text}, ${row.title}, ${row.path}, ${row.url}, ${row.imageUrl},
      ${row.changedBy}, ${row.changedAt})
    ON CONFLICT (brand_id) DO UPDATE SET is_on = EXCLUDED.is_on, text = EXCLUDED.text, title = EXCLUDED.title,
      path = EXCLUDED.path, url = EXCLUDED.url, image_url = EXCLUDED.image_url, changed_by = EXCLUDED.changed_by,
      changed_at = EXCLUDED.changed_at`
}

/** The store of the code that a state belongs to. */
export async function selectStoreOfState(db: Db, { brandId, state }: Options & { state: string }) {
  const [row] = await db<{ storeCode: string | null }[]>`
    SELECT store_code AS "storeCode" FROM channel_codes WHERE brand_id = ${brandId} AND state = ${state}`
  return row?.storeCode ?? null
}

// ------------------------------------------------------------------------------------------- files and quota

export async function selectMedia(db: Db, { brandId, contentHash }: Options & { contentHash: string }) {
  const [row] = await db<{ mediaId: string; expiresAt: Instant }[]>`
    SELECT media_id AS "mediaId", expires_at AS "expiresAt" FROM wecom_media
    WHERE brand_id = ${brandId} AND content_hash = ${contentHash}`
  return row ?? null
}

export async function upsertMedia(
  db: Db,
  options: Options & { contentHash: string; mediaId: string; expiresAt: Instant },
) {
  await db`
    INSERT INTO wecom_media (brand_id, content_hash, media_id, expires_at)
    VALUES (${options.brandId}, ${options.contentHash}, ${options.mediaId}, ${options.expiresAt})
    ON CONFLICT (brand_id, content_hash) DO UPDATE SET media_id = EXCLUDED.media_id, expires_at = EXCLUDED.expires_at`
}

export async function insertChat(
  db: Db,
  { brandId, externalUserid, userid, at }: Options & { externalUserid: string; userid: string; at: Instant },
) {
  await db`
    INSERT INTO channel_chats (brand_id, external_userid, userid, at)
    VALUES (${brandId}, ${externalUserid}, ${userid}, ${at}) ON CONFLICT DO NOTHING`
}

/** What is newer stays. */
export async function upsertQuota(
  db: Db,
  options: Options & { total: number | null; balance: number | null; event: string; now: Instant },
) {
  const { brandId, total, balance, event, now } = options
  await db`
    INSERT INTO channel_quotas AS q (brand_id, total, balance, event, seen_at)
    VALUES (${brandId}, ${total}, ${balance}, ${event}, ${now})
    ON CONFLICT (brand_id) DO UPDATE SET total = COALESCE(EXCLUDED.total, q.total),
      balance = COALESCE(EXCLUDED.balance, q.balance), event = EXCLUDED.event, seen_at = EXCLUDED.seen_at
    WHERE q.seen_at <= EXCLUDED.seen_at`
}

/** How codes and welcomes stand. */
export async function selectChannelHealth(db: Db, { brandId, since }: Options & { since: Instant }) {
  const [codes, welcomes, quota] = await Promise.all([
    db<{ active: number; waiting: number; failing: number }[]>`
      SELECT count(*) FILTER (WHERE is_active AND config_id IS NOT NULL AND fault IS NULL) AS active,
        count(*) FILTER (WHERE is_active AND config_id IS NULL AND fault IS NULL) AS waiting,
        count(*) FILTER (WHERE fault IS NOT NULL) AS failing
      FROM channel_codes WHERE brand_id = ${brandId} AND deleted_at IS NULL`,
    db<{ status: WelcomeStatus; count: number }[]>`
      SELECT status, count(*) FROM channel_welcomes
      WHERE brand_id = ${brandId} AND received_at >= ${since} GROUP BY status`,
    db<{ total: number | null; balance: number | null; event: string; seenAt: Instant }[]>`
      SELECT total, balance, event, seen_at AS "seenAt" FROM channel_quotas WHERE brand_id = ${brandId}`,
  ])
  return { codes: codes[0]!, welcomes, quota: quota[0] ?? null }
}
