import { DAY_MS, MINUTE_MS, type Instant } from '../../lib/time.ts'

/** WeCom's rules of giving customers and groups to a colleague, over plain values. */

export type TransferKind = 'on_job' | 'resigned'
export type ItemKind = 'customer' | 'group'
export const ITEM_STATES = ['waiting', 'asked', 'done', 'refused', 'taker_full', 'failed'] as const
/** As it is shown; `asking` is shown as asked: WeCom was asked, and did not answer yet. */
export type ShownState = (typeof ITEM_STATES)[number]
export type ItemState = ShownState | 'asking'
/** `wecom`: see the errcode; `twice`: known here; `no_record`: WeCom knows of none; `no_end`: a week without an end. */
export type ItemFault = 'wecom' | 'twice' | 'no_record' | 'no_end'

/** What WeCom takes in one call. */
export const PER_CALL = 100
/** How much of WeCom's list of customers without a taker is read. */
export const PER_LIST_PAGE = 1000
export const UNASSIGNED_PAGES_MAX = 20
/** So many groups of one owner a day; counted over 24 hours, which is never more than WeCom allows. */
export const GROUPS_A_DAY = 300
const OFTEN_DAYS = 90
const OFTEN_MAX = 2
/** The customer may refuse for so long. */
const TAKEOVER_MS = DAY_MS
/** After a lost answer WeCom's own list may still be behind. */
export const LOOK_AFTER_MS = MINUTE_MS
/** Clocks differ. */
const SLACK_MS = 5 * MINUTE_MS
/** When nobody waits any longer for an end. */
const GIVE_UP_MS = 7 * DAY_MS

export const oftenSince = (now: Instant): Instant => now - OFTEN_DAYS * DAY_MS

/**
 * Which of WeCom's calls are for an associate. Two sources have to agree: whom the app does not see may have left, or
 * be outside of its visible range.
 */
export function kindOf(
  staff: { goneAt: Instant | null } | null,
  worksHere: boolean,
): TransferKind | 'unknown' | 'out_of_sight' {
  if (staff === null) return 'unknown'
  if (staff.goneAt === null) return 'on_job'
  return worksHere ? 'out_of_sight' : 'resigned'
}

/**
 * Whether WeCom would refuse, since the customer (or group) of somebody employed was transferred twice in 90 days.
 *
 * @param takeovers when he was
 * @returns from when on he may be again; null: now
 */
export function oftenUntil(takeovers: readonly Instant[], now: Instant): Instant | null {
  const recent = takeovers.filter(at => at > oftenSince(now)).sort((a, b) => b - a)
  return recent.length < OFTEN_MAX ? null : recent[OFTEN_MAX - 1]! + OFTEN_DAYS * DAY_MS
}

/** What becomes of an item. */
export interface ItemChange {
  state: ItemState
  takeoverAt?: Instant
  fault?: ItemFault
  errcode?: number
}

/** He is being transferred already: as good as asked. What comes of it tells whether it is ours. */
const UNDER_WAY: ReadonlySet<number> = new Set([40100, 40129])
const TAKER_FULL = 40099
const PASSING: ReadonlySet<number> = new Set([-1, 45009, 45033])

/** WeCom's answer about one customer. */
export function customerAsked(errcode: number): ItemChange {
  if (errcode === 0) return { state: 'asked' }
  if (UNDER_WAY.has(errcode)) return { state: 'asked', errcode }
  if (PASSING.has(errcode)) return { state: 'waiting' }
  if (errcode === TAKER_FULL) return { state: 'taker_full', errcode }
  return { state: 'failed', fault: 'wecom', errcode }
}

/** One customer of `transfer_result`. */
export interface ResultRecord {
  status: number
  /** null: not said. */
  takeoverAt: Instant | null
}

/**
 * What WeCom's list says of a customer who was asked for, or of whom nobody knows whether he was. The list has what was
 * before as well: what was done before he was asked for is not this transfer.
 *
 * @returns null where nothing is new
 */
export function customerSeen(
  item: { state: ItemState; askedAt: Instant; errcode: number | null },
  records: readonly ResultRecord[],
  now: Instant,
): ItemChange | null {
  const isLate = now - item.askedAt > GIVE_UP_MS
  const own = records.filter(
    ({ status, takeoverAt }) => status !== 1 || takeoverAt === null || takeoverAt >= item.askedAt - SLACK_MS,
  )
  const of = (...statuses: number[]) => own.find(record => statuses.includes(record.status))
  const waiting = of(2)
  if (waiting && !isLate) {
    return { state: 'asked', ...(waiting.takeoverAt === null ? {} : { takeoverAt: waiting.takeoverAt }) }
  }
  const done = of(1)
  if (done) return { state: 'done', takeoverAt: Math.min(done.takeoverAt ?? now, now) }
  if (of(3)) return { state: 'refused' }
  if (of(4)) return { state: 'taker_full' }
  if (isLate) return { state: 'failed', fault: 'no_end' }
  if (now - item.askedAt < LOOK_AFTER_MS) return null
  // WeCom did not hear of it.
  if (item.state === 'asking') return { state: 'waiting' }
  if (item.errcode !== null && UNDER_WAY.has(item.errcode)) {
    return { state: 'failed', fault: 'wecom', errcode: item.errcode }
  }
  return of(5) ? { state: 'failed', fault: 'no_record' } : null
}

/** What an event says of a customer who was asked for. */
export const failureOf = (failReason: string | null): ItemChange | null =>
  failReason === 'customer_refused'
    ? { state: 'refused' }
    : failReason === 'customer_limit_exceed'
      ? { state: 'taker_full' }
      : null

/** The owner is who he was; the group is inherited already; it is being inherited: who owns it tells. */
const ASK_WHO_OWNS: ReadonlySet<number> = new Set([90504, 90507, 90508])
const BEING_INHERITED = 90507

/** WeCom's answer about one group; null: it is no failure. Groups change hands at once. */
export function groupAsked(errcode: number | null): ItemChange {
  if (errcode === null) return { state: 'done' }
  if (ASK_WHO_OWNS.has(errcode)) return { state: 'asking', errcode }
  if (PASSING.has(errcode)) return { state: 'waiting' }
  return { state: 'failed', fault: 'wecom', errcode }
}

/** What a group's owner says of a transfer of which nobody knows whether WeCom made it. null: nothing is new. */
export function groupSeen(
  item: { askedAt: Instant; errcode: number | null },
  isTakers: boolean,
  now: Instant,
): ItemChange | null {
  if (isTakers) return { state: 'done' }
  if (now - item.askedAt < LOOK_AFTER_MS) return null
  if (item.errcode === null) return { state: 'waiting' }
  if (item.errcode !== BEING_INHERITED) return { state: 'failed', fault: 'wecom', errcode: item.errcode }
  return now - item.askedAt > GIVE_UP_MS ? { state: 'failed', fault: 'no_end' } : null
}

export const isEnded = (state: ItemState): boolean => !['waiting', 'asking', 'asked'].includes(state)

const FIRST_POLL_MS = 10 * MINUTE_MS
const EARLY_MS = 240 * MINUTE_MS
const OFTEN_MS = 30 * MINUTE_MS
const LATE_MS = 360 * MINUTE_MS

/** When WeCom is first asked how it goes with who was asked for now: it is not ready at once. */
export const firstPoll = (now: Instant): Instant => now + FIRST_POLL_MS

/**
 * When WeCom is asked again: now and then while customers may refuse, when they are to change hands, then every half
 * hour, and after six hours four times a day.
 *
 * @param takeovers when those still open are to change hands, as far as WeCom said so
 * @param askedAt when the last of them was asked for
 */
export function nextPoll(takeovers: readonly Instant[], askedAt: Instant, now: Instant): Instant {
  const expected = takeovers.length > 0 ? takeovers : [askedAt + TAKEOVER_MS]
  const coming = expected.filter(at => at > now)
  if (coming.length > 0) return Math.min(now + EARLY_MS, Math.min(...coming) + MINUTE_MS)
  return now < Math.max(...expected) + LATE_MS ? now + OFTEN_MS : now + LATE_MS
}

/** After what time WeCom is tried again where it could not be asked. */
export const againAfter = (tries: number): number => Math.min(30_000 * 2 ** Math.min(tries, 10), 30 * MINUTE_MS)

/** In plain words, what somebody can do about it. */
interface Advice {
  zh: string
  en: string
}

const TWICE: Advice = {
  zh: '同一客户（或客户群）90 天内最多在职转接 2 次：到期后再试，或由原导购继续服务。',
  en: 'Within 90 days a customer (or group) of somebody employed can be transferred twice: try again when they are over.',
}
const FULL: Advice = {
  zh: '接替导购的客户数已达上限：换一位导购接替，或在企业微信为其扩容后重试。',
  en: 'The taker has as many customers as WeCom allows: choose another, or have the limit raised and try again.',
}
const REFUSED: Advice = {
  zh: '客户拒绝了转接，仍由原导购服务；请勿反复打扰。',
  en: 'The customer refused and stays where he was; do not press him.',
}
const NO_RECORD: Advice = {
  zh: '企业微信没有这次转接的记录：可以重试。',
  en: 'WeCom has no record of this transfer: try again.',
}
const NO_END: Advice = {
  zh: '一周内企业微信没有给出结果：在管理后台「客户联系 → 在职继承 / 离职继承」查看后再决定是否重试。',
  en: 'WeCom said for a week nothing of how it ended: look under 客户联系 → 在职继承 / 离职继承 before you try again.',
}

/** By errcode, where it means something of its own for a transfer. */
const ADVICE: Readonly<Record<number, Advice>> = {
  40097: {
    zh: '企业微信认为该成员还没有离职：等待下一次同步后重新发起。',
    en: 'To WeCom he has not left: wait for the next sync, and make another transfer.',
  },
  40098: {
    zh: '接替导购还没有实名认证：请本人在企业微信完成实名后重试。',
    en: 'The taker is not real-name verified: he does so in WeCom, then try again.',
  },
  40099: FULL,
  40100: {
    zh: '客户正在另一次转接中：等它结束后再试。',
    en: 'Another transfer of him is under way: wait for its end.',
  },
  40128: TWICE,
  40129: {
    zh: '客户正在另一次转接中：等它结束后再试。',
    en: 'Another transfer of him is under way: wait for its end.',
  },
  40130: { zh: '原导购和接替导购是同一个人。', en: 'Both are the same person.' },
  40131: {
    zh: '客户已不是原导购的好友：无需转接。',
    en: 'He is no friend of that associate any more: there is nothing to transfer.',
  },
  40143: {
    zh: '接替导购被企业微信限制使用客户联系：换一位导购。',
    en: 'WeCom has banned the taker from having customers: choose another.',
  },
  84083: {
    zh: '接替导购没有客户联系权限：在「客户联系 → 权限配置」加入后重试。',
    en: 'The taker may not have customers: let him under 客户联系 → 权限配置, then try again.',
  },
  90500: {
    zh: '企业微信认为群主还没有离职：等待下一次同步后重新发起。',
    en: 'To WeCom the owner has not left: wait for the next sync, and make another transfer.',
  },
  90502: {
    zh: '企业微信认为群主已经离职：等待下一次同步后重新发起。',
    en: 'To WeCom the owner has left: wait for the next sync, and make another transfer.',
  },
  90503: { zh: '群已满员，请先移出部分成员再试。', en: 'The group is full: make room in it, then try again.' },
  90504: { zh: '群主没有变化：请重试。', en: 'The owner has not changed: try again.' },
  90507: { zh: '该群正在继承中，稍后自动确认。', en: 'The group is being inherited; it is looked at again.' },
  90508: { zh: '该群已由他人继承。', en: 'Somebody else has inherited the group.' },
  90510: {
    zh: '企业一年内没有使用，企业微信不允许继承。',
    en: 'The corporation was idle for a year; WeCom does not allow it.',
  },
}

/**
 * What to do about an item that did not come to a good end.
 *
 * @returns null where that is nothing, or where only the errcode tells and this table does not have it
 */
export function adviceFor(item: { state: ItemState; fault: ItemFault | null; errcode: number | null }): Advice | null {
  if (item.state === 'refused') return REFUSED
  if (item.state === 'taker_full') return FULL
  if (item.state !== 'failed') return null
  if (item.fault === 'twice') return TWICE
  if (item.fault === 'no_record') return NO_RECORD
  if (item.fault === 'no_end') return NO_END
  return item.errcode === null ? null : (ADVICE[item.errcode] ?? null)
}
