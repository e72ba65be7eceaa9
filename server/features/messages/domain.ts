import type { Fen } from '../../lib/money.ts'
import { DAY_MS, instantOfLocal, localClock, MINUTE_MS, type Instant } from '../../lib/time.ts'
import { cutToBytes, maskDigits } from '../../lib/text.ts'

/** What is told to associates in WeCom, when, and in which words. No clock, no database. */

export const MESSAGE_KINDS = [
  'link_opened',
  'sold',
  'friend_lost',
  'task_new',
  'dispute_decided',
  'statement_ready',
] as const
export type MessageKind = (typeof MESSAGE_KINDS)[number]

/** What happened longer ago tells nobody any more, whenever it became known: history that is filled in stays silent. */
export const FRESH_MS = DAY_MS
export const isFresh = ({ at }: { at: Instant }, now: Instant): boolean => now - at < FRESH_MS

/** A customer who opens the same link again within this time tells nothing new. */
export const SAME_OPENING_MS = 6 * 60 * MINUTE_MS

export interface MessageSettings {
  /** Minutes after midnight in the brand's time zone; the same twice: never quiet. */
  quietFrom: number
  quietTo: number
  offKinds: readonly MessageKind[]
  /** So many cards of a kind within so many minutes; what comes then waits, and goes as one. */
  digestAbove: number
  digestMinutes: number
}

export const DEFAULT_SETTINGS: MessageSettings = {
  quietFrom: 21 * 60,
  quietTo: 9 * 60,
  offKinds: [],
  digestAbove: 3,
  digestMinutes: 10,
}

// ------------------------------------------------------------------------------------------------ quiet hours

const DAY_MINUTES = 24 * 60

/** When the quiet hours end that `now` lies in; null: it lies in none. */
export function quietEnd(
  now: Instant,
  { quietFrom, quietTo }: Pick<MessageSettings, 'quietFrom' | 'quietTo'>,
  zone: string,
): Instant | null {
  const local = localClock(now, zone)
  const minute = Math.floor((local % DAY_MS) / MINUTE_MS)
  const isOverMidnight = quietFrom > quietTo
  const isQuiet = isOverMidnight ? minute >= quietFrom || minute < quietTo : minute >= quietFrom && minute < quietTo
  if (!isQuiet) return null
  const midnight = local - (local % DAY_MS)
  const isTomorrow = isOverMidnight && minute >= quietFrom
  const end = instantOfLocal(midnight + (isTomorrow ? DAY_MS : 0) + quietTo * MINUTE_MS, zone)
  // Where a clock is put back over the end, the hour comes twice: it is over by the first.
  return end > now ? end : null
}

/** `21:30` as minutes after midnight; null for anything else. */
export function parseClock(text: string): number | null {
  const match = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text)
  return match ? Number(match[1]) * 60 + Number(match[2]) : null
}

export const formatClock = (minutes: number): string =>
  `${String(Math.floor(minutes / 60) % 24).padStart(2, '0')}:${String((minutes % DAY_MINUTES) % 60).padStart(2, '0')}`

// ------------------------------------------------------------------------------------------- what goes, and when

/** What a card says of one occasion. */
export type Fact =
  | { kind: 'link_opened'; title: string | null; customerName: string | null; externalUserid: string | null }
  | { kind: 'sold'; amountFen: Fen; relation: string | null }
  | { kind: 'friend_lost'; customerName: string | null; externalUserid: string }
  | { kind: 'task_new'; title: string; isHis: boolean }
  | { kind: 'dispute_decided'; outcome: string; orderNo: string; isFiler: boolean; changeFen: Fen }
  | { kind: 'statement_ready'; totalFen: Fen }

export interface Waiting {
  kind: MessageKind
  /** Its natural key among those of its kind and recipient. */
  occasion: string
  at: Instant
  /** It was put off, in quiet hours or since it was too much. */
  isHeld: boolean
  /** null: it is so no more. */
  fact: Fact | null
}

export type DropReason = 'stale' | 'turned_off' | 'gone' | 'over'

export interface Step {
  drop: { message: Waiting; reason: DropReason }[]
  hold: { message: Waiting; until: Instant }[]
  /** What goes now, as one card; empty: nothing. */
  send: Waiting[]
}

/**
 * What is to be done about the messages that wait for one person. One card at most: who asks again gets the next.
 *
 * @param options.cards when his last cards of each kind went, within the digest's minutes
 * @param options.isHere he works here, and reads WeCom
 */
export function nextStep(
  waiting: readonly Waiting[],
  options: {
    settings: MessageSettings
    /** What he turned off for himself. */
    offKinds: readonly MessageKind[]
    isHere: boolean
    cards: ReadonlyMap<MessageKind, readonly Instant[]>
    now: Instant
  },
): Step {
  const { settings, offKinds, isHere, cards, now } = options
  const reasonToDrop = (message: Waiting): DropReason | null => {
    if (!isHere) return 'gone'
    if (settings.offKinds.includes(message.kind) || offKinds.includes(message.kind)) return 'turned_off'
    if (!isFresh(message, now)) return 'stale'
    return message.fact === null ? 'over' : null
  }
  const step: Step = { drop: [], hold: [], send: [] }
  const left: Waiting[] = []
  for (const message of waiting) {
    const reason = reasonToDrop(message)
    if (reason === null) left.push(message)
    else step.drop.push({ message, reason })
  }
  left.sort((a, b) => a.at - b.at || (a.occasion < b.occasion ? -1 : 1))
  // What was put off goes as one, whatever it is of.
  const held = left.filter(message => message.isHeld)
  if (held.length > 1) return { ...step, send: held }

  for (const kind of MESSAGE_KINDS) {
    const own = left.filter(message => message.kind === kind)
    if (own.length === 0) continue
    const sent = cards.get(kind) ?? []
    const places = settings.digestAbove - sent.length
    if (places <= 0) {
      const until = Math.min(...sent) + settings.digestMinutes * MINUTE_MS
      step.hold.push(...own.map(message => ({ message, until })))
    } else if (step.send.length === 0) {
      step.send = own.length <= places ? own.slice(0, 1) : own
    }
  }
  return step
}

// ------------------------------------------------------------------------------------------------------- words

/** What WeCom takes, in bytes of UTF-8. */
const TITLE_BYTES = 128
const DESCRIPTION_BYTES = 512
/** A name or a title within a sentence. */
const NAME_BYTES = 72

/** A text card of WeCom's. */
export interface Card {
  title: string
  description: string
  url: string
  btntxt: string
}

type Line = { tone: 'gray' | 'normal' | 'highlight'; text: string }

const ESCAPED: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
const escapeHtml = (text: string) => text.replace(/[&<>"']/g, character => ESCAPED[character]!)

/** What somebody else wrote: as text, without digits that could be a phone, and not long. */
const quoted = (text: string) => {
  let name = cutToBytes(maskDigits(text.replace(/\s+/g, ' ').trim()), NAME_BYTES)
  // What is escaped takes more room.
  for (let most = NAME_BYTES; bytes(escapeHtml(name)) > NAME_BYTES && most > 8; most -= 4) name = cutToBytes(name, most)
  return escapeHtml(name)
}

const encoder = new TextEncoder()
const bytes = (text: string) => encoder.encode(text).length

/** As many of the lines as WeCom takes. */
function describe(lines: readonly Line[]): string {
  let description = ''
  for (const { tone, text } of lines) {
    const next = `${description}<div class="${tone}">${text}</div>`
    if (bytes(next) > DESCRIPTION_BYTES) break
    description = next
  }
  return description
}

const yuan = (fen: Fen) => {
  const whole = Math.floor(Math.abs(fen) / 100)
  return `${fen < 0 ? '-' : ''}¥${whole.toLocaleString('en-US')}.${String(Math.abs(fen) % 100).padStart(2, '0')}`
}

const clockText = (at: Instant, zone: string) => {
  const local = new Date(localClock(at, zone))
  const minutes = local.getUTCHours() * 60 + local.getUTCMinutes()
  return `${local.getUTCMonth() + 1}月${local.getUTCDate()}日 ${formatClock(minutes)}`
}

/** The sidebar's page of a kind. */
const PAGES: Record<MessageKind, string> = {
  link_opened: '/',
  sold: '/earnings',
  friend_lost: '/',
  task_new: '/tasks',
  dispute_decided: '/earnings',
  statement_ready: '/earnings',
}

const customerPage = (externalUserid: string | null, kind: MessageKind) =>
  externalUserid === null ? PAGES[kind] : `/customers/${encodeURIComponent(externalUserid)}`

interface Words {
  title: string
  lines: Line[]
  page: string
}

const normal = (text: string): Line => ({ tone: 'normal', text })
const highlight = (text: string): Line => ({ tone: 'highlight', text })

function wordsOf(fact: Fact): Words {
  switch (fact.kind) {
    case 'link_opened': {
      const who = fact.customerName === null ? '有顾客' : quoted(fact.customerName)
      const what = fact.title === null ? '链接' : `「${quoted(fact.title)}」`
      return {
        title: '你的链接有人打开了',
        lines: [normal(`${who}打开了你分享的${what}`)],
        page: customerPage(fact.externalUserid, fact.kind),
      }
    }
    case 'sold': {
      const relation = { direct: '线上直接', indirect: '到店间接' }[fact.relation ?? '']
      return {
        title: '你有一笔新成交',
        lines: [
          normal(relation === undefined ? '这一单算你的' : `${relation}成交，这一单算你的`),
          fact.amountFen > 0 ? highlight(`提成 ${yuan(fact.amountFen)}（税前）`) : normal('这一单没有提成'),
        ],
        page: PAGES.sold,
      }
    }
    case 'friend_lost':
      return {
        title: '有顾客删除了你',
        lines: [normal(`${fact.customerName === null ? '一位顾客' : quoted(fact.customerName)}把你从微信好友中删除了`)],
        page: customerPage(fact.externalUserid, fact.kind),
      }
    case 'task_new':
      return {
        title: fact.isHis ? '你有一个新任务' : '门店有一个新任务待分配',
        lines: [normal(quoted(fact.title))],
        page: PAGES.task_new,
      }
    case 'dispute_decided': {
      const order = `订单 ${quoted(fact.orderNo)}`
      const outcome = fact.outcome === 'upheld' ? '申诉成立' : '申诉未成立'
      const change = fact.changeFen === 0 ? [] : [highlight(`你的提成 ${fact.changeFen > 0 ? '+' : ''}${yuan(fact.changeFen)}（税前）`)] // prettier-ignore
      return {
        title: fact.isFiler ? '你的申诉有结果了' : '一笔提成因申诉有变动',
        lines: [normal(`${order}：${outcome}`), ...change],
        page: PAGES.dispute_decided,
      }
    }
    case 'statement_ready':
      return {
        title: '你的结算单出来了',
        lines: [highlight(`应发 ${yuan(fact.totalFen)}（税前）`)],
        page: PAGES.statement_ready,
      }
  }
}

const COUNTED: Record<MessageKind, (facts: readonly Fact[]) => string> = {
  link_opened: facts => `链接被打开 ${facts.length} 次`,
  sold: facts => {
    const fen = sum(facts, fact => (fact.kind === 'sold' ? fact.amountFen : 0))
    return `新成交 ${facts.length} 单，提成 ${yuan(fen)}（税前）`
  },
  friend_lost: facts => `${facts.length} 位顾客删除了你`,
  task_new: facts => `新任务 ${facts.length} 个`,
  dispute_decided: facts => `申诉结果 ${facts.length} 条`,
  statement_ready: facts => `结算单 ${facts.length} 张`,
}

const sum = (facts: readonly Fact[], of: (fact: Fact) => Fen) => facts.reduce((total, fact) => total + of(fact), 0)

/**
 * One message in a sentence, several as counts.
 *
 * @param options.cardId makes each card another one for WeCom, which drops what it was sent before
 * @param options.sidebarUrl up to the page's own path
 */
export function cardOf(
  messages: readonly Waiting[],
  options: { cardId: string; sidebarUrl: string; zone: string },
): Card {
  const facts = messages.flatMap(message => message.fact ?? [])
  const { title, lines, page } = facts.length === 1 ? wordsOf(facts[0]!) : digestOf(facts)
  const from = clockText(messages[0]!.at, options.zone)
  const to = clockText(messages.at(-1)!.at, options.zone)
  return {
    title: cutToBytes(title, TITLE_BYTES),
    description: describe([{ tone: 'gray', text: from === to ? from : `${from} 至 ${to}` }, ...lines]),
    url: `${options.sidebarUrl}#${page}?card=${options.cardId}`,
    btntxt: '查看',
  }
}

function digestOf(facts: readonly Fact[]): Words {
  const kinds = MESSAGE_KINDS.filter(kind => facts.some(fact => fact.kind === kind))
  return {
    title: `你有 ${facts.length} 条新消息`,
    lines: kinds.map(kind => normal(COUNTED[kind](facts.filter(fact => fact.kind === kind)))),
    page: kinds.length === 1 ? PAGES[kinds[0]!] : '/',
  }
}
