import { conflict, contentHash, created, unchanged } from '../../lib/items.ts'
import { transact, tryAgain, type Pool, type Tx } from '../../database.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { formatInstant, parseInstant, type Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import {
  createBareMembers,
  idsOf,
  IMPORTER,
  insertMarks,
  veiled,
  veilOf,
  type Mark,
  type Take,
} from '../evidence/service.ts'
import { noteOpenings, type Opening } from '../messages/service.ts'
import { markClicks } from '../rollups/service.ts'
import {
  insertClicks,
  insertOpengids,
  insertTouches,
  selectTouchAt,
  selectTouchHashes,
  type ClickRow,
  type TouchRow,
} from './queries.ts'
import type { TouchItem } from './schema.ts'

export { resolveOpengids } from './opengids.ts'
export { notifyMarks } from './queries.ts'
export { TouchItem } from './schema.ts'

/** Touches: each touchId once; other content under one is a conflict. */
export const takeTouches: Take<TouchItem> = async (context, items) => {
  const { tx, brandId, now, vault } = context
  await createBareMembers(tx, { brandId, now, memberNos: items.flatMap(item => item.memberNo ?? []) })
  const told = items.map(rowOf)
  const ids = told.flatMap(row => idsOf(row, parseInstant(row.at)!))
  const veil = await veilOf(tx, { brandId, vault, ids, memberNos: [] })
  const rows = told.map(row => veiled(veil, row, parseInstant(row.at)!))
  const first = new Map<string, TouchRow>()
  for (const row of rows) if (!first.has(row.touchId)) first.set(row.touchId, row)
  const isNew = await insertTouches(tx, { brandId, now, rows: [...first.values()] })
  await markClicks(tx, {
    brandId,
    now,
    touches: [...first.values()].filter(row => isNew.has(row.touchId)).flatMap(clickOf),
  })
  // Which chat that is, is asked for by the worker: nobody waits for WeCom here.
  const opengids = rows.flatMap(row => (isNew.has(row.touchId) && row.chatId === null ? (row.opengid ?? []) : []))
  await insertOpengids(tx, { brandId, now, opengids: [...new Set(opengids)] })
  await noteOpenings(tx, {
    brandId,
    now,
    openings: [...first.values()].filter(row => isNew.has(row.touchId)).flatMap(openingOf),
    isImported: context.actor === IMPORTER,
  })
  const known = await selectTouchHashes(tx, {
    brandId,
    touchIds: rows.map(row => row.touchId).filter(touchId => !isNew.has(touchId)),
  })
  return rows.map(row => {
    if (isNew.has(row.touchId) && first.get(row.touchId) === row) {
      for (const mark of marksOf(row)) context.mark(mark)
      return created(row.touchId)
    }
    const hash = known.get(row.touchId) ?? first.get(row.touchId)!.contentHashHex
    return hash === row.contentHashHex
      ? unchanged(row.touchId)
      : conflict(row.touchId, 'This touchId was told before with other content.', 'touchId')
  })
}

/** What counts as one: the customer's own doing, by somebody's link. */
const clickOf = ({ linkCode, at, kind, byAssociate }: TouchRow) =>
  linkCode === null || kind === 'sent' || byAssociate ? [] : [{ linkCode, at: parseInstant(at)! }]

function rowOf(item: TouchItem): TouchRow {
  const content = { ...item, at: formatInstant(parseInstant(item.at)!) }
  return {
    touchId: item.touchId,
    at: content.at,
    kind: item.kind,
    linkCode: item.linkCode ?? null,
    memberNo: item.memberNo ?? null,
    unionid: item.unionid ?? null,
    openid: item.openid ?? null,
    externalUserid: item.externalUserid ?? null,
    visitorId: item.visitorId ?? null,
    channel: item.channel ?? null,
    chatId: item.chatId ?? null,
    opengid: item.opengid ?? null,
    page: item.page ?? null,
    byAssociate: false,
    contentHashHex: contentHash(content).toString('hex'),
  }
}

/** What the associate is told, whose link it was. */
function openingOf(row: TouchRow): Opening[] {
  if (row.linkCode === null || row.byAssociate || row.kind === 'sent') return []
  return [{ ...row, linkCode: row.linkCode, at: parseInstant(row.at)! }]
}

/** Under which ids the orders are found that a touch could win: only those paid at it or after. */
function marksOf(row: TouchRow): Mark[] {
  if (row.linkCode === null || row.byAssociate) return []
  const paidFrom = parseInstant(row.at)!
  const ids = [
    ['member', row.memberNo],
    ['unionid', row.unionid],
    ['openid', row.openid],
    ['external_userid', row.externalUserid],
    ['visitor', row.visitorId],
  ] as const
  return ids.flatMap(([kind, key]) => (key === null ? [] : [{ kind, key, paidFrom }]))
}

/** Somebody opened a short link. */
export interface Click {
  touchId: string
  linkCode: string
  visitorId: string
  at: Instant
  /** The associate opened his own link. */
  byAssociate: boolean
}

/** A click of now. */
export interface NewClick extends Click {
  /** His id did not exist a moment ago: nobody can have bought under it. */
  isNewVisitor: boolean
}

interface Clicks {
  brandId: number
  now: Instant
}

/** Keeps clicks of short links, each once by its touchId. Whoever books what they change is to be woken afterwards. */
export async function recordClicks(
  pool: Pool,
  { brandId, now, clicks }: Clicks & { clicks: readonly NewClick[] },
): Promise<void> {
  const rows = clicks.map(click => clickRow(click, click.byAssociate || click.isNewVisitor ? null : uuidv7(now)))
  await tryAgain(() => insertClicks(pool, { brandId, now, rows, rollupMarkId: uuidv7(now) }))
}

/**
 * The same for clicks that lay on the disk. Who came for the first time then may have bought since, so whatever was decided
 * meanwhile is looked at again; and who was erased since is not known any more.
 */
export async function recordLateClicks(
  pool: Pool,
  { brandId, now, vault, clicks }: Clicks & { vault: Vault; clicks: readonly Click[] },
): Promise<void> {
  const ids = clicks.map(click => ({ kind: 'visitor' as const, value: click.visitorId, at: click.at, memberNo: null }))
  await transact(pool, async tx => {
    const veil = await veilOf(tx, { brandId, vault, ids, memberNos: [] })
    const rows = clicks.map((click, i) => ({
      ...clickRow(click, click.byAssociate ? null : uuidv7(now)),
      visitorId: veil.tombOf(ids[i]!) ?? click.visitorId,
    }))
    await insertClicks(tx, { brandId, now, rows, rollupMarkId: uuidv7(now) })
  })
}

const clickRow = ({ touchId, linkCode, visitorId, at, byAssociate }: Click, markId: string | null): ClickRow => ({
  touchId,
  at,
  linkCode,
  visitorId,
  byAssociate,
  contentHashHex: contentHash({ touchId, linkCode, visitorId, at: formatInstant(at), kind: 'click' }).toString('hex'),
  markId,
})

/**
 * The associate's own sending of a link, once per link however often it is told.
 *
 * @returns when it was first told
 */
export async function recordSending(
  tx: Tx,
  options: {
    brandId: number
    now: Instant
    /** When it was sent; now where absent. */
    at?: Instant
    link: { linkCode: string; channel: string; sentToExternalUserid: string | null; sentToChatId: string | null }
  },
): Promise<Instant> {
  const { brandId, now, at = now, link } = options
  const row = rowOf({
    touchId: `sent-${link.linkCode}`,
    linkCode: link.linkCode,
    at: formatInstant(at),
    kind: 'sent',
    channel: link.channel,
    ...(link.sentToExternalUserid === null ? {} : { externalUserid: link.sentToExternalUserid }),
    ...(link.sentToChatId === null ? {} : { chatId: link.sentToChatId }),
  })
  const isNew = await insertTouches(tx, { brandId, now, rows: [row] })
  if (!isNew.has(row.touchId)) return (await selectTouchAt(tx, { brandId, touchId: row.touchId }))!
  await insertMarks(tx, { brandId, marks: marksOf(row), reason: 'evidence', now })
  return at
}
