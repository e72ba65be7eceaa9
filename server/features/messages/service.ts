import { transact, type Db, type Pool, type Tx } from '../../database.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { DAY_MS, formatInstant, MINUTE_MS, type Instant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import type { Person } from '../auth/domain.ts'
import { DEFAULT_BRAND_SLUG, selectBrand } from '../auth/service.ts'
import { adviceOf, isForbidden, isPassing, WecomError, type Answer, type Wecom } from '../wecom/service.ts'
import {
  cardOf,
  DEFAULT_SETTINGS,
  formatClock,
  isFresh,
  MESSAGE_KINDS,
  nextStep,
  parseClock,
  quietEnd,
  type Card,
  type MessageKind,
} from './domain.ts'
import {
  deleteOldMessages,
  factKey,
  insertNotes,
  insertOpenings,
  insertStatementNotes,
  selectCards,
  selectChoice,
  selectDueAssociates,
  selectFacts,
  selectMessageHealth,
  selectReader,
  selectSettings,
  selectWaiting,
  tryLockAssociate,
  updateDropped,
  updateDue,
  updateEnded,
  updateHeld,
  updateLost,
  updateSending,
  updateWaitingAgain,
  upsertChoice,
  upsertSettings,
  type NoteRow,
} from './queries.ts'
import type { ChoiceBody, SettingsBody, ShownChoice, ShownSettings } from './schema.ts'

/**
 * What associates are told in WeCom. It is written down with what it tells of, in the same transaction, under a natural
 * key; a worker looks up what is so by then, and sends it.
 */

export type Note = NoteRow

interface Noting {
  brandId: number
  now: Instant
  /** It came by an import: nobody is told, now or later. */
  isImported?: boolean
}

/** Writes down what associates are to be told. What happened longer ago is left out. */
export async function noteMessages(tx: Tx, options: Noting & { notes: readonly Note[] }): Promise<void> {
  const { brandId, now, isImported = false } = options
  const rows = options.notes.filter(note => isFresh(note, now))
  if (rows.length > 0) await insertNotes(tx, { brandId, now, rows, isImported })
}

/** Somebody opened a link. */
export interface Opening {
  linkCode: string
  at: Instant
  memberNo: string | null
  unionid: string | null
  externalUserid: string | null
  openid: string | null
  visitorId: string | null
}

/** The same for customers who opened links. */
export async function noteOpenings(tx: Tx, options: Noting & { openings: readonly Opening[] }): Promise<void> {
  const { brandId, now, isImported = false } = options
  const rows = options.openings
    .filter(opening => isFresh(opening, now))
    .map(({ linkCode, at, memberNo, unionid, externalUserid, openid, visitorId }) => ({
      linkCode,
      customer: memberNo ?? unionid ?? externalUserid ?? openid ?? visitorId ?? '',
      memberNo,
      at,
      details: { linkCode, ...(externalUserid === null ? {} : { externalUserid }), ...(unionid === null ? {} : { unionid }) }, // prettier-ignore
    }))
  if (rows.length > 0) await insertOpenings(tx, { brandId, now, rows, isImported })
}

/** The same for everybody whom an approved settlement pays. */
export const noteStatements = (tx: Tx, options: { brandId: number; now: Instant; settlementId: string }) =>
  insertStatementNotes(tx, options)

// ---------------------------------------------------------------------------------------------------- sending

export interface Messaging {
  pool: Pool
  wecom: Wecom
  brandId: number
  publicUrl: string
  now: () => Instant
}

const PEOPLE_LOOKED_AT = 20
const MESSAGES_AT_ONCE = 500
const CALL_MS = 30_000
/** More than a call may take, and its answer be written down. */
const LOST_MS = 2 * MINUTE_MS
/** After a refusal that passes, and after one that somebody has to do something about. */
const AGAIN_MS = MINUTE_MS

/** A card that is under way. */
export interface TakenCard {
  /** @returns how many milliseconds to leave WeCom alone: somebody has to change a setting first */
  done: Promise<number>
}

/**
 * Takes the next card for somebody for whom something waits, and begins to send it. It is marked before WeCom is called,
 * so it is never sent twice: a process that dies in between leaves it as one of which nobody knows whether it went.
 *
 * @returns null where nothing is to be sent now
 */
export async function takeCard(messaging: Messaging): Promise<TakenCard | null> {
  const { pool, brandId, now } = messaging
  const at = now()
  const [settings, brand] = await Promise.all([selectSettings(pool, { brandId }), selectBrand(pool, { brandId })])
  if (!brand) return null
  const zone = brand.timezone
  // The sidebar of another brand is told which by its address.
  const query = brand.slug === DEFAULT_BRAND_SLUG ? '' : `?brand=${encodeURIComponent(brand.slug)}`
  const sidebarUrl = `${messaging.publicUrl}/sidebar/${query}`
  const until = quietEnd(at, settings ?? DEFAULT_SETTINGS, zone)
  if (until !== null) {
    await updateHeld(pool, { brandId, now: at, until })
    return null
  }
  for (;;) {
    const people = await selectDueAssociates(pool, { brandId, now: at, limit: PEOPLE_LOOKED_AT })
    let hasMoved = false
    for (const associateId of people) {
      const step = await transact(pool, tx => prepare(tx, { brandId, associateId, zone, sidebarUrl, now: at }))
      if (step === 'busy') continue
      hasMoved = true
      if (step !== null) return { done: send(messaging, { associateId, ...step }) }
    }
    if (!hasMoved) return null
  }
}

interface PreparedCard {
  cardId: string
  card: Card
}

/** Looks at what waits for one person: drops what is over, puts off what would be too much, and marks what goes now. */
async function prepare(
  tx: Tx,
  options: { brandId: number; associateId: string; zone: string; sidebarUrl: string; now: Instant },
): Promise<PreparedCard | null | 'busy'> {
  const { brandId, associateId, zone, sidebarUrl, now } = options
  const his = { brandId, associateId, now }
  if (!(await tryLockAssociate(tx, his))) return 'busy'
  const rows = await selectWaiting(tx, { ...his, limit: MESSAGES_AT_ONCE })
  const settings = (await selectSettings(tx, { brandId })) ?? DEFAULT_SETTINGS
  const since = now - settings.digestMinutes * MINUTE_MS
  const [reader, sent, facts] = await Promise.all([
    selectReader(tx, his),
    selectCards(tx, { ...his, since }),
    selectFacts(tx, { ...his, messages: rows }),
  ])
  const cards = new Map<MessageKind, Instant[]>()
  for (const card of sent) cards.set(card.kind, [...(cards.get(card.kind) ?? []), card.at])
  const waiting = rows.map(row => ({ ...row, fact: facts.get(factKey(row)) ?? null }))
  const step = nextStep(waiting, { settings, ...reader, cards, now })
  await updateDropped(tx, { ...his, rows: step.drop.map(({ message, reason }) => ({ ...keyOf(message), reason })) })
  await updateDue(tx, { ...his, rows: step.hold.map(({ message, until }) => ({ ...keyOf(message), until })) })
  if (step.send.length === 0) return null
  const cardId = uuidv7(now)
  await updateSending(tx, { ...his, cardId, rows: step.send.map(keyOf) })
  return { cardId, card: cardOf(step.send, { cardId, sidebarUrl, zone }) }
}

const keyOf = ({ kind, occasion }: { kind: MessageKind; occasion: string }) => ({ kind, occasion })

async function send(messaging: Messaging, prepared: PreparedCard & { associateId: string }): Promise<number> {
  const { pool, wecom, brandId, now } = messaging
  const { associateId, cardId, card } = prepared
  const ofCard = { brandId, associateId, cardId, errcode: null, address: null }
  const ended = async (
    status: 'sent' | 'refused' | 'unsure',
    more: { reason?: string; errcode?: number | null } = {},
  ) => {
    await updateEnded(pool, { ...ofCard, reason: null, ...more, status, now: now() })
    wecom.meter.messaged(status)
  }
  try {
    const answer = await wecom.call('message/send', {
      body: {
        touser: associateId,
        msgtype: 'textcard',
        agentid: Number(wecom.app.agentId),
        textcard: card,
        enable_duplicate_check: 1,
      },
      isHarmless: false,
      patience: 'job',
      deadlineMs: CALL_MS,
    })
    const reason = refusedIn(answer, associateId)
    if (reason === null) await ended('sent')
    else await ended('refused', { reason, errcode: ALL_INVALID })
    return 0
  } catch (error) {
    if (!(error instanceof WecomError)) throw error
    const { errcode, outcome, address } = error
    // What is asked for a token is not the card.
    const isUnknown = outcome === 'unknown' && error.api === 'message/send'
    if (isUnknown) {
      await ended('unsure')
      return 0
    }
    const mustBeMended = isForbidden(error) || errcode === WRONG_AGENT
    if (isPassing(error) || outcome === 'not_sent' || mustBeMended) {
      await updateWaitingAgain(pool, { ...ofCard, errcode, address, dueAt: now() + AGAIN_MS })
      wecom.meter.messaged('put_off')
      return mustBeMended ? AGAIN_MS : 0
    }
    await ended('refused', { reason: errcode === ALL_INVALID ? 'invalid_user' : 'refused', errcode })
    return 0
  }
}

/** None of the recipients is in the app's visible range. */
const ALL_INVALID = 81013
const WRONG_AGENT = 40056

/** WeCom says ok, and names whom it did not send it to; in small letters. */
function refusedIn(answer: Answer, associateId: string): string | null {
  const named = (field: string) => {
    const value = answer[field]
    return typeof value === 'string' && value.toLowerCase().split('|').includes(associateId.toLowerCase())
  }
  if (named('invaliduser')) return 'invalid_user'
  return named('unlicenseduser') ? 'unlicensed' : null
}

/** Says of cards whose process died that nobody knows what became of them. */
export async function endLostCards({ pool, wecom, brandId, now }: Messaging): Promise<void> {
  const at = now()
  const count = await updateLost(pool, { brandId, before: at - LOST_MS, now: at })
  for (let i = 0; i < count; i++) wecom.meter.messaged('unsure')
}

export const KEPT_DAYS = 30

export const forgetOldAssociateMessages = (db: Db, now: Instant) =>
  deleteOldMessages(db, { before: now - KEPT_DAYS * DAY_MS })

/** How a day's messages stand. */
export async function messageHealth(db: Db, { brandId, now }: { brandId: number; now: Instant }) {
  const { counts, fault } = await selectMessageHealth(db, { brandId, since: now - DAY_MS })
  const counted = new Map(counts.map(({ status, count }) => [status, count]))
  const of = (status: string) => counted.get(status) ?? 0
  return {
    waiting: of('waiting') + of('sending'),
    sent: of('sent'),
    dropped: of('dropped'),
    refused: of('refused'),
    unsure: of('unsure'),
    fault: fault && { errcode: fault.errcode, advice: adviceOf(fault) },
  }
}

// --------------------------------------------------------------------------------------------------- settings

const kindsBut = (offKinds: readonly MessageKind[]) =>
  Object.fromEntries(MESSAGE_KINDS.map(kind => [kind, !offKinds.includes(kind)])) as Record<MessageKind, boolean>

const offOf = (kinds: Record<MessageKind, boolean>) => MESSAGE_KINDS.filter(kind => !kinds[kind])

/** What a brand tells its associates, and when not. */
export async function readSettings(db: Db, brandId: number): Promise<ShownSettings> {
  const row = await selectSettings(db, { brandId })
  const { quietFrom, quietTo, offKinds, digestAbove, digestMinutes } = row ?? DEFAULT_SETTINGS
  return {
    quietFrom: formatClock(quietFrom),
    quietTo: formatClock(quietTo),
    kinds: kindsBut(offKinds),
    digestAbove,
    digestMinutes,
    changedBy: row?.changedBy ?? null,
    changedAt: row ? formatInstant(row.changedAt) : null,
  }
}

export async function changeSettings(
  pool: Pool,
  { brandId, actor, body, now }: { brandId: number; actor: string; body: SettingsBody; now: Instant },
): Promise<ShownSettings> {
  const { digestAbove, digestMinutes, kinds } = body
  const quietFrom = parseClock(body.quietFrom)!
  const quietTo = parseClock(body.quietTo)!
  await transact(pool, async tx => {
    const row = { quietFrom, quietTo, offKinds: offOf(kinds), digestAbove, digestMinutes, changedBy: actor, changedAt: now } // prettier-ignore
    await upsertSettings(tx, { brandId, row })
    await insertActivity(tx, {
      brandId,
      now,
      actor,
      action: 'messages.changed',
      subject: 'settings/messages',
      details: { ...body },
    })
  })
  return await readSettings(pool, brandId)
}

/** What somebody wants to be told. */
export async function readChoice(db: Db, brandId: number, { associateId }: Person): Promise<ShownChoice> {
  const [settings, offKinds] = await Promise.all([
    readSettings(db, brandId),
    selectChoice(db, { brandId, associateId }),
  ])
  const { quietFrom, quietTo, kinds } = settings
  return { kinds: kindsBut(offKinds), brandKinds: kinds, quietFrom, quietTo }
}

export async function changeChoice(
  db: Db,
  { brandId, person, body, now }: { brandId: number; person: Person; body: ChoiceBody; now: Instant },
): Promise<ShownChoice> {
  await upsertChoice(db, { brandId, associateId: person.associateId, offKinds: offOf(body.kinds), now })
  return await readChoice(db, brandId, person)
}
