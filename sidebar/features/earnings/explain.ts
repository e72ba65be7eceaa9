import type {
  EarnedLine,
  EarnedOrder,
  EarnedPart,
  HeldRole,
  LosingTouch,
} from '../../../server/features/earnings/schema.ts'
import { countDays, formatBps, formatCount, formatDate, formatDay, formatFen, formatMoment } from '../../lib/format.ts'
import { locale } from '../../lib/locale.ts'
import { wordOfChannel, wordOfRole } from '../../lib/words.ts'
import { reasons } from './messages.ts'

/** `ground` says why, `sum` how much, `back` what a refund took, `quiet` what else was weighed and by which plan. */
export interface Sentence {
  tone: 'ground' | 'sum' | 'back' | 'quiet'
  text: string
}

export interface ExplainContext {
  timeZone: string
  /** The service's clock. */
  now: string
}

/**
 * Why an order pays me what it pays, in the order in which somebody would tell it: how it came to me, what each rule
 * gives, what was cut or taken back, who else was in question, and under which plan.
 *
 * Every figure comes from the service; nothing is computed here but the days between two instants.
 */
export function explainOrder(order: EarnedOrder, context: ExplainContext): Sentence[] {
  return [
    ...order.roles.map(held => ground(held, order, context)),
    ...amounts(order),
    ...refunds(order, context),
    ...order.losers.map(loser => lost(loser, order, context)),
    ...others(order),
    closing(order, context),
  ]
}

const say = (tone: Sentence['tone'], text: string): Sentence => ({ tone, text: text.replace(/ {2,}/g, ' ') })
const moment = (instant: string, { timeZone, now }: ExplainContext) =>
  formatMoment(instant, timeZone, locale.value, now)
const titled = (title: string | null) => (title === null ? reasons.value.untitled : reasons.value.title(title))

function ground({ role, ground }: HeldRole, order: EarnedOrder, context: ExplainContext): Sentence {
  const r = reasons.value
  switch (ground.kind) {
    case 'touch': {
      const place = ground.linkChannel ? r.inPlace(wordOfChannel(ground.linkChannel)) : ''
      const days = Math.max(0, countDays(ground.at, order.paidAt, context.timeZone))
      const then =
        order.channel === 'online' ? r.boughtOnline(days) : r.boughtInStore(days, order.storeName ?? r.theStore)
      const at = moment(ground.at, context)
      return ground.touchKind === 'sent'
        ? say('ground', r.sentTouch(at, place, titled(ground.linkTitle), then))
        : say('ground', r.touch(at, r[ground.touchKind], place, titled(ground.linkTitle), then))
    }
    case 'share_code':
      return say('ground', r.shareCode(titled(ground.linkTitle)))
    case 'named':
      if (ground.where === 'line') return say('ground', r.namedLine)
      return say('ground', order.channel === 'online' ? r.namedOnline : r.namedInStore)
    case 'assignment':
      return say('ground', r.assignment(formatDate(ground.since, context.timeZone), r[ground.reason]))
    case 'opening':
      return say('ground', r.opening)
    case 'invitation':
      return say('ground', r.invitation(ground.sharerName))
    case 'override':
      return say('ground', r.override(moment(ground.at, context), ground.byName, wordOfRole(role), ground.reason))
  }
}

function amounts(order: EarnedOrder): Sentence[] {
  if (!order.plan) return [say('sum', reasons.value.noPlan)]
  const isOneOfMany = order.lines.length > 1
  const sentences = order.lines.flatMap(line => line.parts.flatMap(part => amount(order, line, part, isOneOfMany)))
  return sentences.length > 0 ? sentences : [say('sum', reasons.value.noRule)]
}

function amount(order: EarnedOrder, line: EarnedLine, part: EarnedPart, isOneOfMany: boolean): Sentence[] {
  const r = reasons.value
  const name = isOneOfMany ? r.lineName(line.name) : ''
  const net =
    line.netFen === line.paidFen
      ? formatFen(line.netFen)
      : r.netOf(formatFen(line.netFen), formatFen(line.paidFen), formatFen(line.paidFen - line.netFen))
  const result = formatFen(part.ruleFen)
  const sum =
    part.rateBps === null
      ? r.amountPerUnit(
          name,
          wordOfRole(part.role),
          part.ruleId,
          formatFen(part.perUnitFen ?? 0),
          formatCount(line.netQuantity),
          result,
        )
      : r.amount(name, wordOfRole(part.role), part.ruleId, formatBps(part.rateBps), net, result)
  return [say('sum', sum), ...reduction(order, part)]
}

function reduction(order: EarnedOrder, part: EarnedPart): Sentence[] {
  const [from, to] = [formatFen(part.ruleFen), formatFen(part.amountFen)]
  switch (part.reducedBy) {
    case 'cap':
      return [say('sum', reasons.value.cap(formatBps(order.lineCapBps ?? 0), from, to))]
    case 'same_associate':
      return [say('sum', reasons.value.sameAssociate(from, to))]
    case null:
      return []
  }
}

function refunds(order: EarnedOrder, context: ExplainContext): Sentence[] {
  const taken = formatFen(order.takenBackFen)
  if (order.isCancelled) return [say('back', reasons.value.cancelled(taken))]
  const told = order.refunds.map(({ refundedAt, refundFen }) =>
    reasons.value.refund(moment(refundedAt, context), formatFen(refundFen)),
  )
  if (told.length === 0) return []
  return [say('back', [...told, reasons.value.takenBack(taken)].join(reasons.value.join))]
}

function lost(loser: LosingTouch, order: EarnedOrder, context: ExplainContext): Sentence {
  const r = reasons.value
  const at = moment(loser.at, context)
  const why = whyLost(loser, order)
  const name = loser.isMe ? r.you : loser.associateName
  if (name === null) return say('quiet', r.loserUnknown(at, why))
  return say('quiet', r.loser(name, at, loser.linkChannel ? r.inPlace(wordOfChannel(loser.linkChannel)) : '', why))
}

/** A superseded share is told by what set it apart from mine, which the two instants say under either model. */
function whyLost({ reason, at }: LosingTouch, order: EarnedOrder): string {
  const r = reasons.value
  if (reason === 'outside_window') return order.plan ? r.outside_window(order.plan.windowDays) : r.outsideUnknown
  if (reason !== 'superseded') return r[reason]
  const winner = order.roles.find(held => held.role === 'sharer')?.ground
  if (winner?.kind !== 'touch') return r.supersededElse
  const difference = Date.parse(winner.at) - Date.parse(at)
  return difference > 0 ? r.supersededLater : difference < 0 ? r.supersededEarlier : r.supersededTie
}

function others(order: EarnedOrder): Sentence[] {
  if (order.others.length === 0) return []
  const list = order.others.map(({ role, name }) => reasons.value.other(wordOfRole(role), name))
  return [say('quiet', reasons.value.others(list.join(reasons.value.aside)))]
}

function closing(order: EarnedOrder, { timeZone, now }: ExplainContext): Sentence {
  const r = reasons.value
  const state =
    order.state === 'pending' && order.availableAt
      ? r.pending(formatDay(order.availableAt, timeZone, now))
      : r[order.state === 'pending' ? 'held' : order.state]
  const plan = order.plan ? [r.plan(order.plan.code, order.plan.version)] : []
  return say('quiet', [...plan, ...(order.amountFen === 0 ? [] : [state])].join(' · '))
}
