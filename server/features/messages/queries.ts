import type { Db } from '../../database.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import type { DropReason, Fact, MessageKind, MessageSettings } from './domain.ts'
import { beginning, insertOpeningsOf, isHeard, NOTE_COLUMNS } from './sql.ts'

interface Options {
  brandId: number
}

// --------------------------------------------------------------------------------------------- writing down

export interface NoteRow {
  kind: MessageKind
  associateId: string
  occasion: string
  at: Instant
  details: Record<string, unknown>
}

/** Each occasion once for each recipient, whoever writes it down, and however often. */
export async function insertNotes(
  db: Db,
  options: Options & { now: Instant; rows: readonly NoteRow[]; isImported: boolean },
) {
  const { brandId, rows } = options
  await db`
    INSERT INTO associate_messages (${db.unsafe(NOTE_COLUMNS)})
    SELECT ${brandId}, "associateId", kind, occasion, at, details, ${beginning(db, options)}
    FROM jsonb_to_recordset(${JSON.stringify(rows.map(row => ({ ...row, at: formatInstant(row.at) })))}::text::jsonb)
      AS row ("associateId" text, kind text, occasion text, at timestamptz, details jsonb)
    WHERE ${isHeard(db, brandId)}
    ORDER BY "associateId" COLLATE "C", kind COLLATE "C", occasion COLLATE "C"
    ON CONFLICT DO NOTHING`
}

export interface OpeningRow {
  linkCode: string
  /** Who it was, by the best of his ids. */
  customer: string
  memberNo: string | null
  at: Instant
  details: Record<string, unknown>
}

/** Customers who opened links, for those whose links they are. */
export async function insertOpenings(
  db: Db,
  options: Options & { now: Instant; rows: readonly OpeningRow[]; isImported: boolean },
) {
  const rows = options.rows.map(row => ({ ...row, at: formatInstant(row.at) }))
  const openings: ReturnType<Db> = db`(
    SELECT "linkCode" AS link_code, customer, "memberNo" AS member_no, at, details
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
      AS row ("linkCode" text, customer text, "memberNo" text, at timestamptz, details jsonb))`
  await insertOpeningsOf(db, openings, options)
}

/** Everybody who is to be paid by a settlement that was approved. */
export async function insertStatementNotes(db: Db, options: Options & { now: Instant; settlementId: string }) {
  const { brandId, now, settlementId } = options
  await db`
    INSERT INTO associate_messages (${db.unsafe(NOTE_COLUMNS)})
    SELECT ${brandId}::int, s.payee, 'statement_ready', s.settlement_id::text, ${now},
      jsonb_build_object('settlementId', s.settlement_id), ${beginning(db, { now, isImported: false })}
    FROM settlement_statements AS s
    WHERE s.brand_id = ${brandId} AND s.settlement_id = ${settlementId} AND s.payee_kind = 'associate' AND NOT s.carried
      AND s.total_fen > 0 AND ${isHeard(db, brandId)}
    ORDER BY s.payee
    ON CONFLICT DO NOTHING`
}

// --------------------------------------------------------------------------------------------------- sending

/** Puts off everything that is due. */
export async function updateHeld(db: Db, { brandId, now, until }: Options & { now: Instant; until: Instant }) {
  await db`
    UPDATE associate_messages SET is_held = true, due_at = ${until}
    WHERE brand_id = ${brandId} AND status = 'waiting' AND due_at <= ${now}`
}

/** Some of those for whom something is due. */
export async function selectDueAssociates(db: Db, options: Options & { now: Instant; limit: number }) {
  const rows = await db<{ associateId: string }[]>`
    SELECT associate_id AS "associateId", min(due_at) AS due FROM (
      SELECT associate_id, due_at FROM associate_messages
      WHERE brand_id = ${options.brandId} AND status = 'waiting' AND due_at <= ${options.now}
      ORDER BY due_at LIMIT 200
    ) AS first
    GROUP BY associate_id ORDER BY due LIMIT ${options.limit}`
  return rows.map(row => row.associateId)
}

/** @returns false where another process is at this person's messages */
export async function tryLockAssociate(db: Db, { brandId, associateId }: Options & { associateId: string }) {
  const [row] = await db<{ isMine: boolean }[]>`
    SELECT pg_try_advisory_xact_lock(${brandId}::int, hashtext(${`messages ${associateId}`})) AS "isMine"`
  return row!.isMine
}

interface OfAssociate extends Options {
  associateId: string
}

export interface WaitingRow {
  kind: MessageKind
  occasion: string
  at: Instant
  isHeld: boolean
}

/** What is due for him, oldest first. */
export async function selectWaiting(db: Db, options: OfAssociate & { now: Instant; limit: number }) {
  return await db<WaitingRow[]>`
    SELECT kind, occasion, at, is_held AS "isHeld" FROM associate_messages
    WHERE brand_id = ${options.brandId} AND associate_id = ${options.associateId} AND status = 'waiting'
      AND due_at <= ${options.now}
    ORDER BY at, kind, occasion LIMIT ${options.limit}`
}

/** When his cards of each kind went. */
export async function selectCards(db: Db, options: OfAssociate & { since: Instant }) {
  return await db<{ kind: MessageKind; at: Instant }[]>`
    SELECT kind, sending_at AS at FROM associate_messages
    WHERE brand_id = ${options.brandId} AND associate_id = ${options.associateId} AND sending_at > ${options.since}
    GROUP BY kind, card_id, sending_at`
}

/** Who is told: what he does not want, and whether he works here and reads WeCom. */
export async function selectReader(db: Db, { brandId, associateId, now }: OfAssociate & { now: Instant }) {
  const [row] = await db<{ offKinds: MessageKind[] | null; isHere: boolean }[]>`
    SELECT choice.off_kinds AS "offKinds",
      COALESCE(a.kinds -> -1 ->> 'value', 'store') <> 'customer' AND s.gone_at IS NULL
      AND EXISTS (
        SELECT FROM jsonb_to_recordset(a.employments) AS job ("activeFrom" timestamptz, "activeTo" timestamptz)
        WHERE job."activeFrom" <= ${now} AND (job."activeTo" IS NULL OR job."activeTo" > ${now})) AS "isHere"
    FROM associates AS a
    LEFT JOIN wecom_staff AS s ON s.brand_id = ${brandId} AND s.userid = a.associate_id
    LEFT JOIN message_choices AS choice ON choice.brand_id = ${brandId} AND choice.associate_id = a.associate_id
    WHERE a.brand_id = ${brandId} AND a.associate_id = ${associateId}`
  return { offKinds: row?.offKinds ?? [], isHere: row?.isHere ?? false }
}

interface Ended extends OfAssociate {
  now: Instant
}

export async function updateDropped(
  db: Db,
  options: Ended & { rows: readonly { kind: string; occasion: string; reason: DropReason }[] },
) {
  const { brandId, associateId, now, rows } = options
  if (rows.length === 0) return
  await db`
    UPDATE associate_messages AS m SET status = 'dropped', reason = row.reason, ended_at = ${now}
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) AS row (kind text, occasion text, reason text)
    WHERE m.brand_id = ${brandId} AND m.associate_id = ${associateId} AND m.kind = row.kind
      AND m.occasion = row.occasion AND m.status = 'waiting'`
}

export async function updateDue(
  db: Db,
  options: OfAssociate & { rows: readonly { kind: string; occasion: string; until: Instant }[] },
) {
  const { brandId, associateId, rows } = options
  if (rows.length === 0) return
  await db`
    UPDATE associate_messages AS m SET is_held = true, due_at = row.until
    FROM jsonb_to_recordset(${JSON.stringify(rows.map(row => ({ ...row, until: formatInstant(row.until) })))}::text::jsonb)
      AS row (kind text, occasion text, until timestamptz)
    WHERE m.brand_id = ${brandId} AND m.associate_id = ${associateId} AND m.kind = row.kind
      AND m.occasion = row.occasion AND m.status = 'waiting'`
}

/** From now on WeCom may have it. */
export async function updateSending(
  db: Db,
  options: Ended & { cardId: string; rows: readonly { kind: string; occasion: string }[] },
) {
  const { brandId, associateId, cardId, now, rows } = options
  await db`
    UPDATE associate_messages AS m SET status = 'sending', card_id = ${cardId}, sending_at = ${now}
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) AS row (kind text, occasion text)
    WHERE m.brand_id = ${brandId} AND m.associate_id = ${associateId} AND m.kind = row.kind
      AND m.occasion = row.occasion AND m.status = 'waiting'`
}

interface OfCard extends OfAssociate {
  cardId: string
  errcode: number | null
  address: string | null
}

export async function updateEnded(
  db: Db,
  options: OfCard & { status: 'sent' | 'refused' | 'unsure'; reason: string | null; now: Instant },
) {
  const { brandId, associateId, cardId, status, reason, errcode, address, now } = options
  await db`
    UPDATE associate_messages SET status = ${status}, reason = ${reason}, errcode = ${errcode}, address = ${address},
      ended_at = ${now}
    WHERE brand_id = ${brandId} AND associate_id = ${associateId} AND card_id = ${cardId} AND status = 'sending'`
}

/** WeCom did not take the card: what was on it waits again. */
export async function updateWaitingAgain(db: Db, options: OfCard & { dueAt: Instant }) {
  const { brandId, associateId, cardId, errcode, address, dueAt } = options
  await db`
    UPDATE associate_messages SET status = 'waiting', card_id = NULL, sending_at = NULL, errcode = ${errcode},
      address = ${address}, due_at = ${dueAt}
    WHERE brand_id = ${brandId} AND associate_id = ${associateId} AND card_id = ${cardId} AND status = 'sending'`
}

/** Of cards whose process died nobody knows whether they went. @returns how many */
export async function updateLost(db: Db, { brandId, before, now }: Options & { before: Instant; now: Instant }) {
  const [row] = await db<{ count: number }[]>`
    WITH lost AS (
      UPDATE associate_messages SET status = 'unsure', ended_at = ${now}
      WHERE brand_id = ${brandId} AND status = 'sending' AND sending_at < ${before} RETURNING card_id
    )
    SELECT count(DISTINCT card_id) AS count FROM lost`
  return row!.count
}

export async function deleteOldMessages(db: Db, { before }: { before: Instant }) {
  await db`
    DELETE FROM associate_messages
    WHERE brand_id IN (SELECT brand_id FROM brands) AND created_at < ${before}`
}

// ----------------------------------------------------------------------------------------------------- facts

/**
 * What is so now of what waits; an occasion that is over has none: a sale that went to another, a friend who came back, a
 * task that is done.
 */
export async function selectFacts(
  db: Db,
  options: OfAssociate & { messages: readonly { kind: MessageKind; occasion: string }[] },
): Promise<Map<string, Fact>> {
  const { brandId, associateId, messages } = options
  const facts = new Map<string, Fact>()
  for (const kind of new Set(messages.map(message => message.kind))) {
    const occasions = messages.filter(message => message.kind === kind).map(message => message.occasion)
    const own = rowsOf(db, { brandId, associateId, kind, occasions })
    const rows = await READERS[kind](db, { brandId, associateId, own })
    for (const { occasion, ...fact } of rows) facts.set(factKey({ kind, occasion }), { kind, ...fact } as Fact)
  }
  return facts
}

export const factKey = ({ kind, occasion }: { kind: MessageKind; occasion: string }) => `${kind} ${occasion}`

const rowsOf = (
  db: Db,
  { brandId, associateId, kind, occasions }: OfAssociate & { kind: MessageKind; occasions: readonly string[] },
) => db`
  SELECT m.occasion, m.at, m.details FROM associate_messages AS m
  WHERE m.brand_id = ${brandId} AND m.associate_id = ${associateId} AND m.kind = ${kind}
    AND m.occasion = ANY (${occasions as string[]}::text[])`

type FactRow = { occasion: string } & Record<string, unknown>
type Reader = (db: Db, options: OfAssociate & { own: ReturnType<typeof rowsOf> }) => Promise<readonly FactRow[]>

const READERS: Record<MessageKind, Reader> = {
  // Named is only who is his friend, by the contact that the touch told of or its unionid; no member who does not agree.
  link_opened: (db, { brandId, associateId, own }) => db<FactRow[]>`
    SELECT own.occasion, link.target ->> 'title' AS title, customer.name AS "customerName",
      customer.external_userid AS "externalUserid"
    FROM (${own}) AS own
    JOIN share_links AS link ON link.brand_id = ${brandId} AND link.link_code = own.details ->> 'linkCode'
    LEFT JOIN LATERAL (
      SELECT c.external_userid, c.name FROM wecom_customers AS c
      JOIN wecom_friends AS f ON f.brand_id = ${brandId} AND f.userid = ${associateId}
        AND f.external_userid = c.external_userid AND f.ended_at IS NULL
      WHERE c.brand_id = ${brandId}
        AND (c.external_userid = own.details ->> 'externalUserid' OR c.unionid = own.details ->> 'unionid')
        -- What a member looks at is told of him only while he agrees to it.
        AND COALESCE((
          SELECT last.member_no LIKE 'contact:%' OR last.consent_tracking IS TRUE
          FROM identities AS link
          JOIN members AS named ON named.brand_id = ${brandId} AND named.member_no = link.member_no
          JOIN members AS last ON last.brand_id = ${brandId} AND last.member_no = named.last_member_no
          WHERE link.brand_id = ${brandId} AND link.kind = 'external_userid' AND link.value = c.external_userid
          ORDER BY link.at DESC, link.member_no DESC LIMIT 1), true)
      ORDER BY c.external_userid LIMIT 1
    ) AS customer ON true
    WHERE link.associate_id = ${associateId}`,

  sold: (db, { brandId, associateId, own }) => db<FactRow[]>`
    SELECT own.occasion, o.relation, COALESCE((
      SELECT sum(e.amount_fen) FROM entitlements AS e
      WHERE e.brand_id = ${brandId} AND e.source = o.source AND e.order_no = o.order_no AND e.payee_kind = 'associate'
        AND e.payee = ${associateId}), 0)::bigint AS "amountFen"
    FROM (${own}) AS own
    JOIN orders AS o ON o.brand_id = ${brandId} AND o.source = own.details ->> 'source'
      AND o.order_no = own.details ->> 'orderNo'
    WHERE NOT o.cancelled AND o.associates @> ARRAY[${associateId}]`,

  friend_lost: (db, { brandId, associateId, own }) => db<FactRow[]>`
    SELECT own.occasion, own.details ->> 'externalUserid' AS "externalUserid", c.name AS "customerName"
    FROM (${own}) AS own
    LEFT JOIN wecom_customers AS c ON c.brand_id = ${brandId} AND c.external_userid = own.details ->> 'externalUserid'
    WHERE NOT EXISTS (
      SELECT FROM friend_events AS f
      WHERE f.brand_id = ${brandId} AND f.associate_id = ${associateId}
        AND f.external_userid = own.details ->> 'externalUserid' AND f.kind = 'added' AND f.at > own.at)`,

  task_new: (db, { brandId, associateId, own }) => db<FactRow[]>`
    SELECT own.occasion, t.title, t.associate_id IS NOT NULL AS "isHis" FROM (${own}) AS own
    JOIN tasks AS t ON t.brand_id = ${brandId} AND t.task_id = (own.details ->> 'taskId')::uuid
    WHERE t.state = 'open' AND (t.associate_id = ${associateId} OR t.associate_id IS NULL AND t.store_code IN (
      SELECT store_code FROM associates
      WHERE brand_id = ${brandId} AND associate_id = ${associateId} AND role = 'manager'))`,

  dispute_decided: (db, { own }) => db<FactRow[]>`
    SELECT own.occasion, own.details ->> 'outcome' AS outcome, own.details ->> 'orderNo' AS "orderNo",
      (own.details ->> 'isFiler')::boolean AS "isFiler", (own.details ->> 'changeFen')::bigint AS "changeFen"
    FROM (${own}) AS own`,

  statement_ready: (db, { brandId, associateId, own }) => db<FactRow[]>`
    SELECT own.occasion, s.total_fen AS "totalFen" FROM (${own}) AS own
    JOIN settlement_statements AS s ON s.brand_id = ${brandId}
      AND s.settlement_id = (own.details ->> 'settlementId')::uuid AND s.payee_kind = 'associate'
      AND s.payee = ${associateId}`,
}

// -------------------------------------------------------------------------------------------------- settings

export interface SettingsRow extends MessageSettings {
  changedBy: string
  changedAt: Instant
}

export async function selectSettings(db: Db, { brandId }: Options) {
  const [row] = await db<SettingsRow[]>`
    SELECT quiet_from AS "quietFrom", quiet_to AS "quietTo", off_kinds AS "offKinds", digest_above AS "digestAbove",
      digest_minutes AS "digestMinutes", changed_by AS "changedBy", changed_at AS "changedAt"
    FROM message_settings WHERE brand_id = ${brandId}`
  return row ?? null
}

export async function upsertSettings(db: Db, { brandId, row }: Options & { row: SettingsRow }) {
  await db`
    INSERT INTO message_settings (brand_id, quiet_from, quiet_to, off_kinds, digest_above, digest_minutes, changed_by,
      changed_at)
    VALUES (${brandId}, ${row.quietFrom}, ${row.quietTo}, ${row.offKinds as string[]}::text[], ${row.digestAbove},
      ${row.digestMinutes}, ${row.changedBy}, ${row.changedAt})
    ON CONFLICT (brand_id) DO UPDATE SET quiet_from = EXCLUDED.quiet_from, quiet_to = EXCLUDED.quiet_to,
      off_kinds = EXCLUDED.off_kinds, digest_above = EXCLUDED.digest_above, digest_minutes = EXCLUDED.digest_minutes,
      changed_by = EXCLUDED.changed_by, changed_at = EXCLUDED.changed_at`
}

export async function selectChoice(db: Db, { brandId, associateId }: OfAssociate) {
  const [row] = await db<{ offKinds: MessageKind[] }[]>`
    SELECT off_kinds AS "offKinds" FROM message_choices WHERE brand_id = ${brandId} AND associate_id = ${associateId}`
  return row?.offKinds ?? []
}

export async function upsertChoice(
  db: Db,
  { brandId, associateId, offKinds, now }: OfAssociate & { offKinds: readonly MessageKind[]; now: Instant },
) {
  await db`
    INSERT INTO message_choices (brand_id, associate_id, off_kinds, changed_at)
    VALUES (${brandId}, ${associateId}, ${offKinds as string[]}::text[], ${now})
    ON CONFLICT (brand_id, associate_id) DO UPDATE SET off_kinds = EXCLUDED.off_kinds, changed_at = EXCLUDED.changed_at`
}

/** How many there are in each state of those written down since then, and WeCom's last refusal among them. */
export async function selectMessageHealth(db: Db, { brandId, since }: Options & { since: Instant }) {
  const [counts, [fault]] = await Promise.all([
    db<{ status: string; count: number }[]>`
      SELECT status, count(*) AS count FROM associate_messages
      WHERE brand_id = ${brandId} AND created_at >= ${since} GROUP BY status`,
    db<{ errcode: number; address: string | null }[]>`
      SELECT errcode, address FROM associate_messages
      WHERE brand_id = ${brandId} AND created_at >= ${since} AND errcode IS NOT NULL AND status IN ('waiting', 'refused')
      ORDER BY COALESCE(ended_at, due_at) DESC LIMIT 1`,
  ])
  return { counts, fault: fault ?? null }
}
