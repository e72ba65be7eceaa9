import { formatFen, formatMoment, formatRate } from '../../../sidebar/lib/format.ts'
import type { Locale } from '../../../sidebar/lib/locale.ts'
import type {
  Attribution,
  DraftPlan,
  DraftReward,
  DraftRule,
  DraftTiers,
  PlanRule,
  Reward,
  RewardWhen,
  TierStep,
  When,
  WhenKey,
} from './plan.ts'

/** A plan in sentences. Pure; each key of the schema has its words in both languages, or this does not compile. */

type Clauses<T> = { [K in keyof Required<T>]: (value: Required<T>[K]) => string }
type Words<T extends string> = Record<T, string>

interface Phrases {
  roles: Words<PlanRule['role']>
  bearers: Words<PlanRule['bearer'] | Reward['bearer']>
  channels: Words<NonNullable<When['channels']>[number]>
  storeTypes: Words<NonNullable<When['homeStoreTypes']>[number]>
  associateKinds: Words<NonNullable<When['associateKinds']>[number]>
  touchKinds: Words<NonNullable<Attribution['kinds']>[number]>
  events: Words<Reward['event']>
  recipients: Words<Reward['to']>
  when: Clauses<When>
  rewardWhen: Clauses<RewardWhen>
  and: string
  /** Where something is not filled in yet. */
  blank: string
  list: (values: readonly string[]) => string
  rule: (parts: { when: string; role: string; pay: string; bearer: string }) => string
  ofNet: (rate: string) => string
  perUnit: (amount: string) => string
  nothing: string
  span: (from: string, to: string | null) => string
  name: (code: string, version: string) => string
  model: Record<Attribution['model'], (days: string) => string>
  kinds: (kinds: string) => string
  minMinutesInStore: (minutes: string) => string
  hold: Record<'paid' | 'completed', (days: string) => string>
  sameAssociate: Words<'sum' | 'highest'>
  lineCap: (rate: string) => string
  noCap: string
  tiers: Record<'marginal' | 'whole', (roles: string, bearer: string) => string>
  step: {
    first: (to: string, rate: string) => string
    between: (from: string, to: string, rate: string) => string
    last: (from: string, rate: string) => string
    reached: (from: string, rate: string) => string
  }
  ofTarget: (rate: string) => string
  reward: (parts: { when: string; event: string; amount: string; to: string; bearer: string }) => string
  keepDays: (days: string) => string
}

const zhStoreTypes = { direct: '直营店', franchise: '加盟店' }
const zhKinds = { store: '门店导购', office: '办公室员工', customer: '推广的顾客' }
const zhChannels = { online: '线上订单', in_store: '到店订单' }
const anyOf = (values: readonly string[], words: Record<string, string>, or: string) =>
  values.map(value => words[value] ?? value).join(or)
const named = (values: readonly string[]) => listed(values, '、', count => `等 ${count} 项`)
const namedEn = (values: readonly string[]) => listed(values, ', ', count => `… (${count} in all)`)
const SHOWN = 12

function listed(values: readonly string[], joiner: string, rest: (count: number) => string): string {
  const shown = values.slice(0, SHOWN).join(joiner)
  return values.length > SHOWN ? `${shown} ${rest(values.length)}` : shown
}

const zh: Phrases = {
  roles: {
    sharer: '分享导购',
    closer: '成交导购',
    attributed: '归属导购',
    opener: '开卡导购',
    inviter: '邀请人',
    selling_store: '成交门店',
    home_store: '服务门店',
    opening_store: '开卡门店',
    sharer_store: '分享导购的门店',
    headquarters: '总部',
  },
  bearers: {
    headquarters: '总部',
    selling_store: '成交门店',
    home_store: '服务门店',
    sharer_store: '分享导购的门店',
    associate_store: '导购所在门店',
  },
  channels: zhChannels,
  storeTypes: zhStoreTypes,
  associateKinds: zhKinds,
  touchKinds: {
    click: '打开链接',
    visit: '访问小程序',
    scan: '扫码',
    live_enter: '进直播间',
    coupon_claim: '领券',
    sent: '导购发送',
  },
  events: { member_enrolled: '新开一名会员', friend_added: '新加一名好友', task_done: '完成一项任务' },
  recipients: { associate: '导购', associate_store: '导购所在门店' },
  when: {
    channels: values => anyOf(values, zhChannels, '或'),
    skus: values => `商品是 ${named(values)}`,
    categories: values => `品类是 ${named(values)}`,
    memberLevels: values => `会员等级是 ${named(values)}`,
    sellingStores: values => `成交门店是 ${named(values)}`,
    homeStores: values => `服务门店是 ${named(values)}`,
    sellingStoreTypes: values => `成交门店是${anyOf(values, zhStoreTypes, '或')}`,
    homeStoreTypes: values => `服务门店是${anyOf(values, zhStoreTypes, '或')}`,
    sellingRegions: values => `成交门店在 ${named(values)}`,
    sellingFranchisees: values => `成交门店属于加盟商 ${named(values)}`,
    associateKinds: values => `拿提成的是${anyOf(values, zhKinds, '或')}`,
    shared: value => (value ? '有导购分享过' : '没有导购分享过'),
    sharerIsAttributed: value => (value ? '分享导购就是归属导购' : '分享导购和归属导购是两个人'),
    sharerAtHomeStore: value => (value ? '分享导购就在服务门店' : '分享导购不在服务门店'),
    soldAtHomeStore: value => (value ? '在服务门店成交' : '在别的门店成交'),
    firstOrder: value => (value ? '会员首单' : '会员复购'),
    minPaidBps: value => `实付不低于吊牌价的 ${formatRate(value)}`,
    maxPaidBps: value => `实付低于吊牌价的 ${formatRate(value)}`,
  },
  rewardWhen: {
    associateKinds: values => `是${anyOf(values, zhKinds, '或')}`,
    stores: values => `在门店 ${named(values)}`,
    storeTypes: values => `在${anyOf(values, zhStoreTypes, '或')}`,
    regions: values => `门店在 ${named(values)}`,
    tasks: values => `任务是 ${named(values)}`,
  },
  and: '，且',
  blank: '（未填）',
  list: values => values.join('、'),
  rule: ({ when, role, pay, bearer }) => `${when === '' ? '' : `${when}：`}${role}得${pay}，由${bearer}承担。`,
  ofNet: rate => `净额的 ${rate}`,
  perUnit: amount => `每件 ${amount}`,
  nothing: ' 0，不计提成',
  span: (from, to) => (to === null ? `${from} 起付款的订单适用，没有截止。` : `${from} 起、${to} 之前付款的订单适用。`),
  name: (code, version) => `方案 ${code} 第 ${version} 版。`,
  model: {
    last_touch: days => `付款前 ${days} 天内，顾客最后一次打开的分享算数，发它的人是分享导购。`,
    first_touch: days => `付款前 ${days} 天内，顾客第一次打开的分享算数，发它的人是分享导购。`,
  },
  kinds: kinds => `算数的触点：${kinds}。`,
  minMinutesInStore: minutes => `到店订单付款前 ${minutes} 分钟内的触点不算，免得在收银台扫码抢走成交导购的功劳。`,
  hold: {
    paid: days => `付款满 ${days} 天后，提成可以结算。`,
    completed: days => `订单完成满 ${days} 天后，提成可以结算。`,
  },
  sameAssociate: {
    sum: '同一名导购在一行里兼有几个角色时，各项提成都给。',
    highest: '同一名导购在一行里兼有几个角色时，只给最高的一项。',
  },
  lineCap: rate => `每一行给导购的提成合计最多是净额的 ${rate}，超出时按比例减少。`,
  noCap: '每一行给导购的提成合计没有封顶。',
  tiers: {
    marginal: (roles, bearer) => `月度阶梯奖：导购作为${roles}的当月净额，每一段按各自的比例计奖，由${bearer}承担。`,
    whole: (roles, bearer) =>
      `月度阶梯奖：导购作为${roles}的当月净额，达到哪一档就全额按那一档的比例计奖，由${bearer}承担。`,
  },
  step: {
    first: (to, rate) => `不到 ${to} 的部分 ${rate}`,
    between: (from, to, rate) => `${from} 到 ${to} 的部分 ${rate}`,
    last: (from, rate) => `${from} 以上的部分 ${rate}`,
    reached: (from, rate) => `达到 ${from}：${rate}`,
  },
  ofTarget: rate => `月目标的 ${rate}`,
  reward: ({ when, event, amount, to, bearer }) =>
    `导购${when === '' ? '' : `（${when}）`}每${event}，奖励${to} ${amount}，由${bearer}承担。`,
  keepDays: days => `好友不到 ${days} 天就离开的，奖励收回。`,
}

const enStoreTypes = { direct: 'a direct store', franchise: 'a franchise store' }
const enKinds = { store: 'a store associate', office: 'office staff', customer: 'a customer who promotes' }
const enChannels = { online: 'online orders', in_store: 'in-store orders' }

const en: Phrases = {
  roles: {
    sharer: 'the sharer',
    closer: 'the closer',
    attributed: 'the attributed associate',
    opener: 'the opening associate',
    inviter: 'the inviter',
    selling_store: 'the selling store',
    home_store: 'the home store',
    opening_store: 'the opening store',
    sharer_store: "the sharer's store",
    headquarters: 'headquarters',
  },
  bearers: {
    headquarters: 'headquarters',
    selling_store: 'the selling store',
    home_store: 'the home store',
    sharer_store: "the sharer's store",
    associate_store: "the associate's store",
  },
  channels: enChannels,
  storeTypes: enStoreTypes,
  associateKinds: enKinds,
  touchKinds: {
    click: 'opening a link',
    visit: 'a visit to the mini program',
    scan: 'a scan',
    live_enter: 'entering a live stream',
    coupon_claim: 'claiming a coupon',
    sent: "the associate's own sending",
  },
  events: { member_enrolled: 'member enrolled', friend_added: 'friend added', task_done: 'task done' },
  recipients: { associate: 'the associate', associate_store: "the associate's store" },
  when: {
    channels: values => anyOf(values, enChannels, ' or '),
    skus: values => `the product is ${namedEn(values)}`,
    categories: values => `the category is ${namedEn(values)}`,
    memberLevels: values => `the member's level is ${namedEn(values)}`,
    sellingStores: values => `sold by ${namedEn(values)}`,
    homeStores: values => `the home store is ${namedEn(values)}`,
    sellingStoreTypes: values => `sold by ${anyOf(values, enStoreTypes, ' or ')}`,
    homeStoreTypes: values => `the home store is ${anyOf(values, enStoreTypes, ' or ')}`,
    sellingRegions: values => `sold in ${namedEn(values)}`,
    sellingFranchisees: values => `sold by a store of franchisee ${namedEn(values)}`,
    associateKinds: values => `who is paid is ${anyOf(values, enKinds, ' or ')}`,
    shared: value => (value ? 'somebody shared' : 'nobody shared'),
    sharerIsAttributed: value =>
      value ? 'sharer and attributed associate are one' : 'sharer and attributed associate are two',
    sharerAtHomeStore: value => (value ? 'the sharer works at the home store' : 'the sharer works elsewhere'),
    soldAtHomeStore: value => (value ? 'sold at the home store' : 'sold at another store than the home store'),
    firstOrder: value => (value ? "the member's first order" : 'a later order of the member'),
    minPaidBps: value => `at least ${formatRate(value)} of the list price was paid`,
    maxPaidBps: value => `less than ${formatRate(value)} of the list price was paid`,
  },
  rewardWhen: {
    associateKinds: values => `being ${anyOf(values, enKinds, ' or ')}`,
    stores: values => `of store ${namedEn(values)}`,
    storeTypes: values => `of ${anyOf(values, enStoreTypes, ' or ')}`,
    regions: values => `of a store in ${namedEn(values)}`,
    tasks: values => `for tasks ${namedEn(values)}`,
  },
  and: ', and ',
  blank: '(not filled in)',
  list: values => values.join(', '),
  rule: ({ when, role, pay, bearer }) =>
    `${when === '' ? '' : `${capital(when)}: `}${when === '' ? capital(role) : role} gets ${pay}, borne by ${bearer}.`,
  ofNet: rate => `${rate} of net`,
  perUnit: amount => `${amount} a piece`,
  nothing: 'nothing',
  span: (from, to) =>
    to === null ? `For orders paid from ${from}, without end.` : `For orders paid from ${from} until ${to}.`,
  name: (code, version) => `Plan ${code}, version ${version}.`,
  model: {
    last_touch: days =>
      `Who sent the share that the customer opened last within ${days} days before paying is the sharer.`,
    first_touch: days =>
      `Who sent the share that the customer opened first within ${days} days before paying is the sharer.`,
  },
  kinds: kinds => `What counts as a touch: ${kinds}.`,
  minMinutesInStore: minutes =>
    `In store, touches within ${minutes} minutes before paying do not count, so that a scan at the till takes nothing from the closer.`,
  hold: {
    paid: days => `What is owed can be settled ${days} days after payment.`,
    completed: days => `What is owed can be settled ${days} days after the order is completed.`,
  },
  sameAssociate: {
    sum: 'An associate in several roles of a line gets all of them.',
    highest: 'An associate in several roles of a line gets the highest alone.',
  },
  lineCap: rate => `A line pays associates at most ${rate} of its net together; beyond it all shrink alike.`,
  noCap: 'What a line pays to associates is not capped.',
  tiers: {
    marginal: (roles, bearer) =>
      `Monthly tiers on an associate's net of the month as ${roles}: each part at its own rate, borne by ${bearer}.`,
    whole: (roles, bearer) =>
      `Monthly tiers on an associate's net of the month as ${roles}: all of it at the rate of the step reached, borne by ${bearer}.`,
  },
  step: {
    first: (to, rate) => `Below ${to}: ${rate}`,
    between: (from, to, rate) => `From ${from} to ${to}: ${rate}`,
    last: (from, rate) => `From ${from} up: ${rate}`,
    reached: (from, rate) => `On reaching ${from}: ${rate}`,
  },
  ofTarget: rate => `${rate} of the month's target`,
  reward: ({ when, event, amount, to, bearer }) =>
    `For each ${event} by an associate${when === '' ? '' : ` ${when}`}, ${to} gets ${amount}, borne by ${bearer}.`,
  keepDays: days => `Taken back where the friend leaves before ${days} days.`,
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

const phrases: Record<Locale, Phrases> = { zh, en }
export const phrasesOf = (locale: Locale): Phrases => phrases[locale]

/** The keys of `when` in the order in which they are said and offered. */
export const whenKeys = Object.keys(zh.when) as WhenKey[]
export const rewardWhenKeys = Object.keys(zh.rewardWhen) as (keyof RewardWhen)[]

/** How instants are told. */
export interface Telling {
  locale: Locale
  timeZone: string
}

function conditionOf<T extends object>(
  when: T | undefined,
  clauses: Clauses<T>,
  keys: readonly (keyof T)[],
  and: string,
) {
  const said = keys.flatMap(key => {
    const value = when?.[key]
    return value === undefined || value === null ? [] : [clauses[key](value as Required<T>[keyof T])]
  })
  return said.join(and)
}

const count = (value: number | undefined, { blank }: Phrases) => (value === undefined ? blank : String(value))
const word = <K extends string>(words: Record<K, string>, key: K | undefined, { blank }: Phrases): string =>
  key === undefined ? blank : (words[key] ?? key)

/** 线上订单，且品类是 shoes：分享导购得净额的 6%，由总部承担。 */
export function ruleSentence(rule: DraftRule, locale: Locale): string {
  const own = phrases[locale]
  const { rateBps, perUnitFen } = rule
  const pay =
    rateBps === undefined && perUnitFen === undefined
      ? own.blank
      : rateBps === 0 || perUnitFen === 0
        ? own.nothing
        : perUnitFen === undefined
          ? own.ofNet(formatRate(rateBps!))
          : own.perUnit(formatFen(perUnitFen))
  return own.rule({
    when: conditionOf(rule.when, own.when, whenKeys, own.and),
    role: word(own.roles, rule.role, own),
    pay,
    bearer: word(own.bearers, rule.bearer, own),
  })
}

export function rewardSentence(reward: DraftReward, locale: Locale): string {
  const own = phrases[locale]
  const sentence = own.reward({
    when: conditionOf(reward.when, own.rewardWhen, rewardWhenKeys, own.and),
    event: word(own.events, reward.event, own),
    amount: reward.amountFen === undefined ? own.blank : formatFen(reward.amountFen),
    to: word(own.recipients, reward.to, own),
    bearer: word(own.bearers, reward.bearer, own),
  })
  if (reward.keepDays === undefined) return sentence
  return `${sentence}${locale === 'en' ? ' ' : ''}${own.keepDays(String(reward.keepDays))}`
}

/** What the steps are of, then one sentence a step. */
export function tierSentences(tiers: DraftTiers, locale: Locale): string[] {
  const own = phrases[locale]
  const steps = tiers.steps ?? []
  const mode = tiers.mode ?? 'marginal'
  const roles = own.list((tiers.roles ?? []).map(role => own.roles[role]))
  const from = (step: Partial<TierStep>) =>
    step.fromAttainmentBps !== undefined
      ? own.ofTarget(formatRate(step.fromAttainmentBps))
      : step.fromFen === undefined
        ? own.blank
        : formatFen(step.fromFen)
  const said = steps.map((step, i) => {
    const rate = step.rateBps === undefined ? own.blank : formatRate(step.rateBps)
    if (mode === 'whole') return own.step.reached(from(step), rate)
    const next = steps[i + 1]
    if (next === undefined) return own.step.last(from(step), rate)
    return i === 0 ? own.step.first(from(next), rate) : own.step.between(from(step), from(next), rate)
  })
  return [own.tiers[mode](roles === '' ? own.blank : roles, word(own.bearers, tiers.bearer, own)), ...said]
}

/** What holds for every order: each under a name of its own, so that two versions can be held against each other. */
export function termSentences(plan: DraftPlan, { locale, timeZone }: Telling): { id: string; text: string }[] {
  const own = phrases[locale]
  const { attribution = {} } = plan
  const moment = (instant: string) => formatMoment(instant, timeZone, locale, null)
  const terms = {
    name: own.name(plan.code ?? own.blank, count(plan.version, own)),
    span: own.span(
      plan.effectiveFrom === undefined ? own.blank : momentOr(plan.effectiveFrom, moment, own),
      plan.effectiveTo == null ? null : momentOr(plan.effectiveTo, moment, own),
    ),
    model: own.model[attribution.model ?? 'last_touch'](count(attribution.windowDays, own)),
    kinds: attribution.kinds && own.kinds(own.list(attribution.kinds.map(kind => own.touchKinds[kind]))),
    minMinutesInStore: attribution.minMinutesInStore && own.minMinutesInStore(String(attribution.minMinutesInStore)),
    hold: own.hold[plan.holdFrom ?? 'paid'](count(plan.holdDays, own)),
    sameAssociate: own.sameAssociate[plan.sameAssociate ?? 'sum'],
    lineCap: plan.lineCapBps === undefined ? own.noCap : own.lineCap(formatRate(plan.lineCapBps)),
  }
  return Object.entries(terms).flatMap(([id, text]) => (typeof text === 'string' ? [{ id, text }] : []))
}

const momentOr = (instant: string, moment: (instant: string) => string, { blank }: Phrases) =>
  Number.isNaN(Date.parse(instant)) ? blank : moment(instant)
