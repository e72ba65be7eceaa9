import type { ListedRule, TaskRuleBody } from '../../../server/features/task-rules/schema.ts'
import { formatCount } from '../../../sidebar/lib/format.ts'
import { page } from './messages.ts'

export const kinds = ['after_purchase', 'birthday', 'asleep', 'campaign'] as const
export type Kind = (typeof kinds)[number]

export type Standing = 'on' | 'off' | 'ended' | 'toCome' | 'past'

export function standingOf(rule: ListedRule, today: string): Standing {
  if (rule.endedAt !== null) return 'ended'
  if (rule.lastDay !== null && rule.lastDay < today) return 'past'
  if (!rule.isOn) return 'off'
  return rule.firstDay > today ? 'toCome' : 'on'
}

/** A rule in words: for whom, when, how many. */
export function describe(rule: ListedRule, today: string): string[] {
  const m = page.value
  const days = String(rule.days ?? 0)
  const when = { after_purchase: m.sayAfter(days), birthday: m.sayBirthday(days), asleep: m.sayAsleep(days) }
  return [
    ...(rule.kind === 'campaign' ? describeSegment(rule) : [when[rule.kind]]),
    ...(rule.firstDay > today ? [m.sayFrom(rule.firstDay)] : []),
    ...(rule.lastDay === null ? [] : [m.sayUntil(rule.lastDay)]),
    rule.nightlyMax === null ? m.sayNoCap : m.sayCap(String(rule.nightlyMax)),
    rule.storeCodes === null ? m.allStores : m.someStores(String(rule.storeCodes.length)),
    m.sayPriority(String(rule.priority)),
  ]
}

function describeSegment({ segment, listed }: ListedRule): string[] {
  const m = page.value
  const { levels, tags, neverBought, asleepDays, isListed } = segment ?? {}
  const said = [
    isListed && m.sayListed(formatCount(listed)),
    levels && m.sayLevels(levels.join('、')),
    tags && m.sayTags(tags.join('、')),
    neverBought && m.sayNeverBought,
    asleepDays !== undefined && m.sayAsleep(String(asleepDays)),
  ].filter(text => typeof text === 'string')
  return said.length > 0 ? said : [m.sayAll]
}

/** What is typed into the form; numbers as text. */
export interface Draft {
  kind: Kind
  days: string
  isListed: boolean
  levels: string[]
  tags: string[]
  neverBought: boolean
  asleepDays: string
  title: string
  text: string
  sku: string
  priority: string
  firstDay: string
  lastDay: string
  nightlyMax: string
  storeCodes: string[] | null
}

const defaultDays: Record<Kind, string> = { after_purchase: '3', birthday: '7', asleep: '60', campaign: '' }
const defaultCaps: Record<Kind, string> = { after_purchase: '', birthday: '', asleep: '10', campaign: '20' }
export const startOf = (kind: Kind) => ({ days: defaultDays[kind], nightlyMax: defaultCaps[kind] })

const textOf = (value: number | null | undefined) => (value == null ? '' : String(value))

export function draftOf(rule: ListedRule | null, today: string): Draft {
  return {
    kind: rule?.kind ?? 'after_purchase',
    days: rule ? textOf(rule.days) : defaultDays.after_purchase,
    isListed: rule?.segment?.isListed ?? false,
    levels: [...(rule?.segment?.levels ?? [])],
    tags: [...(rule?.segment?.tags ?? [])],
    neverBought: rule?.segment?.neverBought ?? false,
    asleepDays: textOf(rule?.segment?.asleepDays),
    title: rule?.title ?? '',
    text: rule?.text ?? '',
    sku: rule?.target?.ref ?? '',
    priority: String(rule?.priority ?? 10),
    firstDay: rule?.firstDay ?? today,
    lastDay: rule?.lastDay ?? '',
    nightlyMax: rule ? textOf(rule.nightlyMax) : defaultCaps.after_purchase,
    storeCodes: rule?.storeCodes ?? null,
  }
}

const isWhole = (text: string, least: number, most: number) =>
  /^\d{1,4}$/.test(text.trim()) && Number(text) >= least && Number(text) <= most

/** What a draft lacks; null: nothing. */
export function lackOf(draft: Draft): string | null {
  const m = page.value
  if (draft.title.trim() === '') return m.missingTitle
  if (draft.kind !== 'campaign' && !isWhole(draft.days, 0, 3650)) return m.missingDays
  if (draft.asleepDays.trim() !== '' && !isWhole(draft.asleepDays, 1, 3650)) return m.missingDays
  if (draft.kind === 'campaign' && draft.lastDay === '') return m.missingLastDay
  if (draft.lastDay !== '' && draft.lastDay < draft.firstDay) return m.badSpan
  if (!isWhole(draft.priority, 0, 1000)) return m.badPriority
  if (draft.nightlyMax.trim() !== '' && !isWhole(draft.nightlyMax, 1, 1000)) return m.badCap
  return null
}

export function bodyOf(draft: Draft): TaskRuleBody {
  const isCampaign = draft.kind === 'campaign'
  const segment = {
    ...(draft.isListed ? { isListed: true } : {}),
    ...(draft.levels.length > 0 ? { levels: draft.levels } : {}),
    ...(draft.tags.length > 0 ? { tags: draft.tags } : {}),
    ...(draft.neverBought ? { neverBought: true } : {}),
    ...(draft.asleepDays.trim() === '' ? {} : { asleepDays: Number(draft.asleepDays) }),
  }
  return {
    kind: draft.kind,
    days: isCampaign ? null : Number(draft.days),
    segment: isCampaign ? segment : null,
    title: draft.title.trim(),
    text: draft.text,
    target: draft.sku.trim() === '' ? null : { kind: 'product', ref: draft.sku.trim() },
    priority: Number(draft.priority),
    firstDay: draft.firstDay,
    lastDay: draft.lastDay === '' ? null : draft.lastDay,
    storeCodes: draft.storeCodes,
    nightlyMax: draft.nightlyMax.trim() === '' ? null : Number(draft.nightlyMax),
  }
}
