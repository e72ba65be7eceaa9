import type { Db } from '../../database.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import type { ItemChange, ItemFault, ItemKind, ItemState, ShownState, TransferKind } from './domain.ts'

interface Options {
  brandId: number
}

type Fragment = ReturnType<Db>

const json = (rows: unknown) => JSON.stringify(rows)
const list = (texts: readonly string[]) => texts as string[]
const time = (at: Instant | null | undefined) => (at === null || at === undefined ? null : formatInstant(at))

// ------------------------------------------------------------------------------------------ what WeCom has

/** What the mirror knows of people. */
export async function selectStaff(db: Db, { brandId, userids }: Options & { userids: readonly string[] }) {
  const rows = await db<{ userid: string; mayFollow: boolean; goneAt: Instant | null }[]>`
    SELECT userid, may_follow AS "mayFollow", gone_at AS "goneAt" FROM wecom_staff
    WHERE brand_id = ${brandId} AND userid = ANY (${list(userids)}::text[])`
  return new Map(rows.map(row => [row.userid, row]))
}

/** What is somebody's, by id: friends who did not end it, groups that are not dissolved. */
const owned = (db: Db, brandId: number, associateId: string, kind: ItemKind): Fragment =>
  kind === 'customer'
    ? db`SELECT external_userid AS item_id FROM wecom_friends
        WHERE brand_id = ${brandId} AND userid = ${associateId} AND ended_at IS NULL`
    : db`SELECT chat_id AS item_id FROM wecom_groups
        WHERE brand_id = ${brandId} AND owner = ${associateId} AND dissolved_at IS NULL`

/**
 * Somebody's customers or groups, and whether a transfer of each is under way.
 *
 * @param itemIds only these; null: all
 */
export async function selectOwned(
  db: Db,
  options: Options & { associateId: string; kind: ItemKind; itemIds: readonly string[] | null; limit: number },
) {
  const { brandId, associateId, kind, itemIds, limit } = options
  return await db<{ itemId: string; isOpen: boolean }[]>`
    SELECT own.item_id AS "itemId", EXISTS (
        SELECT FROM transfer_items AS i WHERE i.brand_id = ${brandId} AND i.from_associate = ${associateId}
          AND i.kind = ${kind} AND i.item_id = own.item_id AND i.ended_at IS NULL) AS "isOpen"
    FROM (${owned(db, brandId, associateId, kind)}) AS own
    ${itemIds === null ? db`` : db`WHERE own.item_id = ANY (${list(itemIds)}::text[])`}
    ORDER BY own.item_id LIMIT ${limit}`
}

/** The member that each contact is linked to, by the link that counts; none that stands for the contact alone. */
export async function selectLinkedMembers(
  db: Db,
  { brandId, externalUserids }: Options & { externalUserids: readonly string[] },
) {
  const rows = await db<{ externalUserid: string; memberNo: string }[]>`
    SELECT "externalUserid", "memberNo" FROM (
      SELECT DISTINCT ON (i.value) i.value AS "externalUserid", person.last_member_no AS "memberNo"
      FROM identities AS i
      JOIN members AS person ON person.brand_id = ${brandId} AND person.member_no = i.member_no
      WHERE i.brand_id = ${brandId} AND i.kind = 'external_userid' AND i.value = ANY (${list(externalUserids)}::text[])
      ORDER BY i.value, i.at DESC, person.last_member_no DESC
    ) AS linked
    WHERE "memberNo" <> 'contact:' || "externalUserid"`
  return new Map(rows.map(row => [row.externalUserid, row.memberNo]))
}

// --------------------------------------------------------------------------------------------- transfers

export interface TransferRow {
  transferId: string
  kind: TransferKind
  fromAssociate: string
  fromName: string | null
  toAssociate: string
  toName: string | null
  message: string | null
  reason: string
  madeBy: string
  madeByName: string | null
  madeAt: Instant
  pollAt: Instant | null
  tries: number
  errcode: number | null
  address: string | null
  endedAt: Instant | null
  undoneAt: Instant | null
  undoneBy: string | null
  undoReason: string | null
}

const nameOf = (column: string) =>
  `(SELECT name FROM associates AS named WHERE named.brand_id = t.brand_id AND named.associate_id = t.${column})`

const COLUMNS = `${nameOf('from_associate')} AS "fromName", ${nameOf('to_associate')} AS "toName",
  ${nameOf('made_by')} AS "madeByName", t.transfer_id AS "transferId", t.kind, t.from_associate AS "fromAssociate",
  t.to_associate AS "toAssociate", t.message, t.reason, t.made_by AS "madeBy", t.made_at AS "madeAt",
  t.poll_at AS "pollAt", t.tries, t.errcode, t.address, t.ended_at AS "endedAt", t.undone_at AS "undoneAt",
  t.undone_by AS "undoneBy", t.undo_reason AS "undoReason"`

export async function insertTransfer(
  db: Db,
  options: Options & {
    transfer: Pick<
      TransferRow,
      'transferId' | 'kind' | 'fromAssociate' | 'toAssociate' | 'message' | 'reason' | 'madeBy' | 'madeAt'
    >
    requestHash: string
    items: readonly { kind: ItemKind; itemId: string }[]
  },
) {
  const { brandId, transfer, requestHash, items } = options
  const { transferId, kind, fromAssociate, toAssociate, message, reason, madeBy, madeAt } = transfer
  await db`
    INSERT INTO transfers (brand_id, transfer_id, kind, from_associate, to_associate, message, reason, request_hash,
      made_by, made_at, due_at, tries)
    VALUES (${brandId}, ${transferId}, ${kind}, ${fromAssociate}, ${toAssociate}, ${message}, ${reason}, ${requestHash},
      ${madeBy}, ${madeAt}, ${madeAt}, 0)`
  await db`
    INSERT INTO transfer_items (brand_id, transfer_id, kind, item_id, from_associate, state)
    SELECT ${brandId}, ${transferId}, kind, "itemId", ${fromAssociate}, 'waiting'
    FROM jsonb_to_recordset(${json(items)}::text::jsonb) AS row (kind text, "itemId" text)`
}

/** Lets one at a time say what becomes of an associate's customers. */
export async function lockFrom(db: Db, { brandId, fromAssociate }: Options & { fromAssociate: string }) {
  await db`SELECT pg_advisory_xact_lock(${brandId}::int, hashtext(${`transfers ${fromAssociate}`}))`
}

/** The same, asked for before and still under way. */
export async function selectSame(
  db: Db,
  { brandId, fromAssociate, requestHash }: Options & { fromAssociate: string; requestHash: string },
) {
  const [row] = await db<TransferRow[]>`
    SELECT ${db.unsafe(COLUMNS)} FROM transfers AS t
    WHERE t.brand_id = ${brandId} AND t.from_associate = ${fromAssociate} AND t.request_hash = ${requestHash}
      AND t.ended_at IS NULL
    ORDER BY t.transfer_id DESC LIMIT 1`
  return row ?? null
}

/** Of associates of these stores; null: all. */
const isOfStores = (db: Db, brandId: number, storeCodes: readonly string[] | null) =>
  storeCodes === null
    ? db`true`
    : db`t.from_associate IN (
        SELECT associate_id FROM associates
        WHERE brand_id = ${brandId} AND store_code = ANY (${list(storeCodes)}::text[]))`

export async function selectTransfer(
  db: Db,
  options: Options & { transferId: string; storeCodes: readonly string[] | null; isLocked?: boolean },
) {
  const { brandId, transferId, storeCodes, isLocked = false } = options
  const [row] = await db<TransferRow[]>`
    SELECT ${db.unsafe(COLUMNS)} FROM transfers AS t
    WHERE t.brand_id = ${brandId} AND t.transfer_id = ${transferId} AND ${isOfStores(db, brandId, storeCodes)}
    ${isLocked ? db`FOR UPDATE` : db``}`
  return row ?? null
}

/** Newest first: ids are in the order of time. */
export async function selectTransfers(
  db: Db,
  options: Options & { storeCodes: readonly string[] | null; after: string | null; limit: number },
) {
  const { brandId, storeCodes, after, limit } = options
  return await db<TransferRow[]>`
    SELECT ${db.unsafe(COLUMNS)} FROM transfers AS t
    WHERE t.brand_id = ${brandId} AND ${isOfStores(db, brandId, storeCodes)}
      ${after === null ? db`` : db`AND t.transfer_id < ${after}`}
    ORDER BY t.transfer_id DESC LIMIT ${limit}`
}

export interface ItemCount {
  transferId: string
  kind: ItemKind
  state: ItemState
  count: number
}

/** How many items of these transfers are in which state. */
export async function selectCounts(db: Db, { brandId, transferIds }: Options & { transferIds: readonly string[] }) {
  return await db<ItemCount[]>`
    SELECT transfer_id AS "transferId", kind, state, count(*) FROM transfer_items
    WHERE brand_id = ${brandId} AND transfer_id = ANY (${list(transferIds)}::uuid[])
    GROUP BY 1, 2, 3`
}

export interface ItemRow {
  itemId: string
  state: ItemState
  askedAt: Instant | null
  takeoverAt: Instant | null
  fault: ItemFault | null
  errcode: number | null
  endedAt: Instant | null
  memberNo: string | null
  returned: boolean | null
}

const ITEM_COLUMNS = `i.item_id AS "itemId", i.state, i.asked_at AS "askedAt", i.takeover_at AS "takeoverAt", i.fault,
  i.errcode, i.ended_at AS "endedAt", i.member_no AS "memberNo", i.returned`

const isShownAs = (db: Db, state: ShownState) =>
  state === 'asked' ? db`i.state IN ('asking', 'asked')` : db`i.state = ${state}`

/** By id, with the name that the mirror has. */
export async function selectItems(
  db: Db,
  options: Options & {
    transferId: string
    kind: ItemKind
    state: ShownState | null
    after: string | null
    limit: number
  },
) {
  const { brandId, transferId, kind, state, after, limit } = options
  const name: Fragment =
    kind === 'customer'
      ? db`SELECT c.name FROM wecom_customers AS c WHERE c.brand_id = ${brandId} AND c.external_userid = i.item_id`
      : db`SELECT g.name FROM wecom_groups AS g WHERE g.brand_id = ${brandId} AND g.chat_id = i.item_id`
  return await db<(ItemRow & { name: string | null })[]>`
    SELECT ${db.unsafe(ITEM_COLUMNS)}, (${name}) AS name FROM transfer_items AS i
    WHERE i.brand_id = ${brandId} AND i.transfer_id = ${transferId} AND i.kind = ${kind}
      ${state === null ? db`` : db`AND ${isShownAs(db, state)}`}
      ${after === null ? db`` : db`AND i.item_id > ${after}`}
    ORDER BY i.item_id LIMIT ${limit}`
}

/**
 * Lets items of these states be asked for once more, but for those of which another transfer is under way.
 *
 * @returns how many
 */
export async function updateRetried(
  db: Db,
  { brandId, transferId, states, now }: Options & { transferId: string; states: readonly ItemState[]; now: Instant },
): Promise<number> {
  const rows = await db`
    UPDATE transfer_items AS i SET state = 'waiting', ended_at = NULL, fault = NULL, errcode = NULL, takeover_at = NULL
    WHERE i.brand_id = ${brandId} AND i.transfer_id = ${transferId} AND i.state = ANY (${list(states)}::text[])
      AND NOT EXISTS (
        SELECT FROM transfer_items AS o WHERE o.brand_id = ${brandId} AND o.from_associate = i.from_associate
          AND o.kind = i.kind AND o.item_id = i.item_id AND o.ended_at IS NULL)
    RETURNING i.item_id`
  if (rows.length > 0) {
    await db`
      UPDATE transfers SET ended_at = NULL, due_at = LEAST(due_at, ${now})
      WHERE brand_id = ${brandId} AND transfer_id = ${transferId}`
  }
  return rows.length
}

export async function selectAssigned(db: Db, { brandId, transferId }: Options & { transferId: string }) {
  return await db<{ memberNo: string; heldBefore: string | null; takeoverAt: Instant; returned: boolean | null }[]>`
    SELECT member_no AS "memberNo", held_before AS "heldBefore", takeover_at AS "takeoverAt", returned FROM transfer_items
    WHERE brand_id = ${brandId} AND transfer_id = ${transferId} AND member_no IS NOT NULL ORDER BY item_id`
}

export async function updateUndone(
  db: Db,
  options: Options & {
    transferId: string
    undoneBy: string
    reason: string
    returned: readonly string[]
    now: Instant
  },
) {
  const { brandId, transferId, undoneBy, reason, returned, now } = options
  await db`
    UPDATE transfers SET undone_at = ${now}, undone_by = ${undoneBy}, undo_reason = ${reason}
    WHERE brand_id = ${brandId} AND transfer_id = ${transferId}`
  await db`
    UPDATE transfer_items SET returned = member_no = ANY (${list(returned)}::text[])
    WHERE brand_id = ${brandId} AND transfer_id = ${transferId} AND member_no IS NOT NULL`
}

// ------------------------------------------------------------------------------------------- carrying out

type Leased = Options & { transferId: string; leaseId: string }

/** The transfer that is due longest, for whoever takes it until then. */
export async function claimTransfer(
  db: Db,
  { brandId, leaseId, now, leasedUntil }: Options & { leaseId: string; now: Instant; leasedUntil: Instant },
) {
  const [row] = await db<TransferRow[]>`
    UPDATE transfers AS t SET lease_id = ${leaseId}, due_at = ${leasedUntil}
    WHERE t.brand_id = ${brandId} AND t.transfer_id = (
      SELECT transfer_id FROM transfers
      WHERE brand_id = ${brandId} AND ended_at IS NULL AND due_at <= ${now}
      ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING ${db.unsafe(COLUMNS)}`
  return row ?? null
}

/** Holds a transfer for a transaction. @returns null where another process works on it */
export async function lockLeased(db: Db, { brandId, transferId, leaseId }: Leased) {
  const [row] = await db<TransferRow[]>`
    SELECT ${db.unsafe(COLUMNS)} FROM transfers AS t
    WHERE t.brand_id = ${brandId} AND t.transfer_id = ${transferId} AND t.lease_id = ${leaseId} FOR UPDATE`
  return row ?? null
}

/**
 * Gives a transfer back. It is over where none of its items is open.
 *
 * @param dueAt when it is looked at again, where WeCom is not to be asked before how it goes
 */
export async function releaseTransfer(
  db: Db,
  options: Leased & {
    dueAt: Instant
    now: Instant
    hasFailed: boolean
    errcode: number | null
    address: string | null
  },
) {
  const { brandId, transferId, leaseId, dueAt, now, hasFailed, errcode, address } = options
  await db`
    UPDATE transfers AS t SET lease_id = NULL, tries = CASE WHEN ${hasFailed} THEN tries + 1 ELSE 0 END,
      errcode = ${errcode}, address = ${address},
      due_at = CASE WHEN ${hasFailed} THEN ${dueAt}::timestamptz ELSE LEAST(${dueAt}::timestamptz, COALESCE(poll_at, ${dueAt}::timestamptz)) END,
      ended_at = CASE WHEN EXISTS (
        SELECT FROM transfer_items AS i
        WHERE i.brand_id = ${brandId} AND i.transfer_id = t.transfer_id AND i.ended_at IS NULL) THEN NULL ELSE ${now}::timestamptz END
    WHERE t.brand_id = ${brandId} AND t.transfer_id = ${transferId} AND t.lease_id = ${leaseId}`
}

export async function updatePoll(
  db: Db,
  { brandId, transferId, pollAt }: Options & { transferId: string; pollAt: Instant | null },
) {
  await db`
    UPDATE transfers SET poll_at = ${pollAt} WHERE brand_id = ${brandId} AND transfer_id = ${transferId}`
}

/** WeCom is asked soon how this goes: an event spoke of it. */
export async function updateNudged(
  db: Db,
  { brandId, transferIds, at }: Options & { transferIds: readonly string[]; at: Instant },
) {
  await db`
    UPDATE transfers SET poll_at = LEAST(COALESCE(poll_at, ${at}), ${at}),
      due_at = CASE WHEN lease_id IS NULL THEN LEAST(due_at, ${at}) ELSE due_at END
    WHERE brand_id = ${brandId} AND transfer_id = ANY (${list(transferIds)}::uuid[]) AND ended_at IS NULL`
}

export interface OpenItem {
  itemId: string
  state: ItemState
  askedAt: Instant
  takeoverAt: Instant | null
  errcode: number | null
}

/** Items of a transfer that are in a state, by id. Those that wait have not been asked for: `askedAt` means nothing. */
export async function selectInState(
  db: Db,
  options: Options & {
    transferId: string
    kind: ItemKind
    states: readonly ItemState[]
    itemIds?: readonly string[]
    limit: number
  },
) {
  const { brandId, transferId, kind, states, itemIds, limit } = options
  return await db<OpenItem[]>`
    SELECT item_id AS "itemId", state, asked_at AS "askedAt", takeover_at AS "takeoverAt", errcode FROM transfer_items
    WHERE brand_id = ${brandId} AND transfer_id = ${transferId} AND kind = ${kind}
      AND state = ANY (${list(states)}::text[])
      ${itemIds ? db`AND item_id = ANY (${list(itemIds)}::text[])` : db``}
    ORDER BY item_id LIMIT ${limit}`
}

/** WeCom is asked for these from now on. */
export async function updateAsking(
  db: Db,
  options: Options & { transferId: string; kind: ItemKind; itemIds: readonly string[]; now: Instant },
) {
  const { brandId, transferId, kind, itemIds, now } = options
  await db`
    UPDATE transfer_items SET state = 'asking', asked_at = ${now}, errcode = NULL, fault = NULL
    WHERE brand_id = ${brandId} AND transfer_id = ${transferId} AND kind = ${kind} AND state = 'waiting'
      AND item_id = ANY (${list(itemIds)}::text[])`
}

/**
 * Writes what became of items that were open.
 *
 * @returns those that were
 */
export async function updateItems(
  db: Db,
  options: Options & {
    transferId: string
    kind: ItemKind
    changes: readonly (ItemChange & { itemId: string; isEnded: boolean })[]
    now: Instant
  },
): Promise<string[]> {
  const { brandId, transferId, kind, changes, now } = options
  if (changes.length === 0) return []
  const given = changes.map(({ takeoverAt, ...change }) => ({ ...change, takeoverAt: time(takeoverAt) }))
  const rows = await db<{ itemId: string }[]>`
    UPDATE transfer_items AS i SET state = row.state, fault = row.fault, errcode = row.errcode,
      takeover_at = COALESCE(row."takeoverAt", i.takeover_at),
      ended_at = CASE WHEN row."isEnded" THEN ${now}::timestamptz END
    FROM jsonb_to_recordset(${json(given)}::text::jsonb)
      AS row ("itemId" text, state text, fault text, errcode int, "takeoverAt" timestamptz, "isEnded" boolean)
    WHERE i.brand_id = ${brandId} AND i.transfer_id = ${transferId} AND i.kind = ${kind} AND i.item_id = row."itemId"
      AND i.ended_at IS NULL
    RETURNING i.item_id AS "itemId"`
  return rows.map(row => row.itemId)
}

export async function updateMembers(
  db: Db,
  options: Options & {
    transferId: string
    members: readonly { itemId: string; memberNo: string; heldBefore: string | null }[]
  },
) {
  if (options.members.length === 0) return
  await db`
    UPDATE transfer_items AS i SET member_no = row."memberNo", held_before = row."heldBefore"
    FROM jsonb_to_recordset(${json(options.members)}::text::jsonb)
      AS row ("itemId" text, "memberNo" text, "heldBefore" text)
    WHERE i.brand_id = ${options.brandId} AND i.transfer_id = ${options.transferId} AND i.kind = 'customer'
      AND i.item_id = row."itemId"`
}

/** When these changed hands since then, by whichever transfer of somebody employed. */
export async function selectTakeovers(
  db: Db,
  options: Options & { kind: ItemKind; itemIds: readonly string[]; since: Instant },
) {
  const { brandId, kind, itemIds, since } = options
  const rows = await db<{ itemId: string; takeoverAt: Instant }[]>`
    SELECT i.item_id AS "itemId", i.takeover_at AS "takeoverAt"
    FROM transfer_items AS i
    JOIN transfers AS t ON t.brand_id = ${brandId} AND t.transfer_id = i.transfer_id AND t.kind = 'on_job'
    WHERE i.brand_id = ${brandId} AND i.item_id = ANY (${list(itemIds)}::text[]) AND i.kind = ${kind}
      AND i.state = 'done' AND i.takeover_at > ${since}`
  const takeovers = new Map<string, Instant[]>()
  for (const row of rows) takeovers.set(row.itemId, [...(takeovers.get(row.itemId) ?? []), row.takeoverAt])
  return takeovers
}

/** When groups of an owner were asked for since then, oldest first, but for those that WeCom refused. */
export async function selectGroupsAsked(
  db: Db,
  { brandId, fromAssociate, since }: Options & { fromAssociate: string; since: Instant },
) {
  const rows = await db<{ askedAt: Instant }[]>`
    SELECT asked_at AS "askedAt" FROM transfer_items
    WHERE brand_id = ${brandId} AND from_associate = ${fromAssociate} AND kind = 'group' AND asked_at > ${since}
      AND state IN ('asking', 'done')
    ORDER BY asked_at`
  return rows.map(row => row.askedAt)
}

/** What there is to do about a transfer, and when. */
export async function selectAgenda(db: Db, { brandId, transferId }: Options & { transferId: string }) {
  const [row] = await db<
    {
      waitingCustomers: number
      waitingGroups: number
      askingSince: Instant | null
      askedAt: Instant | null
      takeovers: string[] | null
    }[]
  >`
    SELECT count(*) FILTER (WHERE state = 'waiting' AND kind = 'customer') AS "waitingCustomers",
      count(*) FILTER (WHERE state = 'waiting' AND kind = 'group') AS "waitingGroups",
      min(asked_at) FILTER (WHERE state = 'asking') AS "askingSince",
      max(asked_at) FILTER (WHERE state = 'asked') AS "askedAt",
      array_agg(DISTINCT (extract(epoch FROM takeover_at) * 1000)::bigint::text)
        FILTER (WHERE state = 'asked' AND takeover_at IS NOT NULL) AS takeovers
    FROM transfer_items WHERE brand_id = ${brandId} AND transfer_id = ${transferId} AND ended_at IS NULL`
  return { ...row!, takeovers: (row!.takeovers ?? []).map(Number) }
}

/** Open transfers of a customer: by whom he was served, or by who takes him over. */
export async function selectOpenOf(
  db: Db,
  { brandId, externalUserid, userid, side }: Options & { externalUserid: string; userid: string; side: 'from' | 'to' },
) {
  return await db<{ transferId: string; state: ItemState }[]>`
    SELECT i.transfer_id AS "transferId", i.state FROM transfer_items AS i
    JOIN transfers AS t ON t.brand_id = ${brandId} AND t.transfer_id = i.transfer_id
    WHERE i.brand_id = ${brandId} AND i.item_id = ${externalUserid} AND i.kind = 'customer'
      AND i.state IN ('asking', 'asked')
      AND ${side === 'from' ? db`t.from_associate` : db`t.to_associate`} = ${userid}`
}

/** Whether WeCom gave a customer to somebody at about that time: by a transfer of ours, or as it said of his end elsewhere. */
export async function selectIsGiven(
  db: Db,
  options: Options & { externalUserid: string; userid: string; from: Instant; to: Instant },
): Promise<boolean> {
  const { brandId, externalUserid, userid, from, to } = options
  const [row] = await db<{ isGiven: boolean }[]>`
    SELECT EXISTS (
      SELECT FROM transfer_items AS i
      JOIN transfers AS t ON t.brand_id = ${brandId} AND t.transfer_id = i.transfer_id AND t.to_associate = ${userid}
      WHERE i.brand_id = ${brandId} AND i.item_id = ${externalUserid} AND i.kind = 'customer'
        AND (i.state IN ('asking', 'asked') OR (i.state = 'done' AND i.takeover_at BETWEEN ${from} AND ${to}))
    ) OR EXISTS (
      SELECT FROM wecom_friends
      WHERE brand_id = ${brandId} AND external_userid = ${externalUserid} AND userid <> ${userid}
        AND ended_by = 'transfer' AND ended_at BETWEEN ${from} AND ${to}
    ) AS "isGiven"`
  return row!.isGiven
}

/** Whether we let WeCom take a customer from somebody at about that time. */
export async function selectIsTransferred(
  db: Db,
  options: Options & { externalUserid: string; userid: string; from: Instant; to: Instant },
): Promise<boolean> {
  const { brandId, externalUserid, userid, from, to } = options
  const rows = await db`
    SELECT FROM transfer_items
    WHERE brand_id = ${brandId} AND item_id = ${externalUserid} AND kind = 'customer' AND from_associate = ${userid}
      AND (state IN ('asking', 'asked') OR (state = 'done' AND takeover_at BETWEEN ${from} AND ${to}))
    LIMIT 1`
  return rows.length > 0
}
