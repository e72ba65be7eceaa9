import type { RiskFinding } from '../../../server/features/risks/schema.ts'
import { formatCount, formatFen } from '../../../sidebar/lib/format.ts'
import { defineMessages } from '../../../sidebar/lib/locale.ts'

export const page = defineMessages(
  {
    help: '系统看到的可疑情况。可疑不等于违规：先看订单，再决定暂缓、收回，或判定没有问题。',
    status: '状态',
    kind: '类型',
    anyKind: '所有类型',
    anyStatus: '所有状态',
    open: '待处理',
    held: '已暂缓',
    released: '已放行',
    reversed: '已收回',
    dismissed: '没有问题',
    counter_scan: '付款前才扫码',
    shared_phone: '同一手机号',
    click_flood: '点击异常',
    refund_after_settlement: '结算后马上退款',
    none: '没有待处理的风险',
    noneHelp: '系统每几分钟检查一次新订单和点击。',
    noneOf: '没有这样的记录',
    foundAt: (at: string) => `${at} 发现`,
    orders: (count: string) => `涉及 ${count} 笔订单`,
    somebody: '某位导购',
    scanned: (who: string, store: string, count: string) =>
      `${who} 在 ${store} 有 ${count} 笔订单，顾客都是在付款前几分钟才扫他的分享码：人已经在店里，不像是分享带来的。`,
    ownPhone: (who: string, member: string, count: string) =>
      `${count} 笔订单的买家${member}和 ${who} 本人用同一个手机号，提成却算给了他。`,
    onePhone: (who: string, count: string) =>
      `${count} 笔订单的买家是几位会员，却共用一个手机号，提成都算给了 ${who}。`,
    flood: (link: string, day: string, all: string, one: string) =>
      `链接 ${link} 在 ${day} 一小时内被点开 ${all} 次，其中同一位顾客 ${one} 次，不像真实浏览。`,
    floodNone: '这条链接还没有带来订单。',
    refunded: (order: string, amount: string, days: string) => `订单 ${order} 的提成刚结算，${days}就退款 ${amount}。`,
    sameDay: '当天',
    daysLater: (days: string) => `${days} 天后`,
    member: (memberNo: string) => `会员 ${memberNo} `,
    scanPicture: '扫码到付款',
    minutesBefore: (minutes: string) => `付款前 ${minutes} 分钟扫码`,
    atTill: '付款时才扫码',
    floodPicture: '一小时内的点击',
    allClicks: '全部点击',
    oneVisitor: '同一位顾客',
    usual: (count: string) => `超过 ${count} 次就算异常`,
    refundPicture: '结算到退款',
    approvedAt: (at: string) => `${at} 批准结算`,
    refundedAt: (at: string) => `${at} 退款`,
    ordersTitle: '涉及的订单',
    order: '订单',
    paidAt: '付款时间',
    net: '净额',
    seen: '看到什么',
    owed: '涉及的提成',
    state: '状态',
    onHold: '暂缓中',
    cancelled: '已取消',
    history: '处理记录',
    noHistory: '还没有处理过',
    toOrder: '看订单说明',
    hold: '暂缓',
    release: '放行',
    reverse: '收回提成',
    dismiss: '没有问题',
    did_hold: '暂缓了订单',
    did_release: '放行了订单',
    did_reverse: '收回了提成',
    did_dismiss: '判定没有问题',
    willHold: (count: string, amount: string) => `${count} 笔订单的提成 ${amount} 暂时不能结算，直到放行或收回。`,
    willHoldKeep: '已经结算的部分不会动。',
    willRelease: (count: string) => `${count} 笔订单恢复正常：提成回到原来的可结算日期。`,
    willReleaseOther: '如果还有其他风险暂缓着同一笔订单，那笔订单继续暂缓。',
    willReverse: (roles: string, amount: string) => `取消${roles}，相关提成 ${amount} 按差额冲回。`,
    willReverseSettled: '已经结算的会记为负数，从下一次结算里扣回；订单同时恢复正常。',
    willDismiss: '不动任何钱，这条记录从队列里移走。',
    willTell: '提成有变化的导购会收到通知，并能看到你写的原因。',
    roleOf: (who: string, role: string) => `${who} 的${role}`,
    nothingOwed: '没有提成',
  },
  {
    help: 'What looks wrong. It need not be: look at the orders, then hold, reverse, or say that there is nothing in it.',
    status: 'State',
    kind: 'Kind',
    anyKind: 'All kinds',
    anyStatus: 'All states',
    open: 'Open',
    held: 'On hold',
    released: 'Released',
    reversed: 'Reversed',
    dismissed: 'Nothing in it',
    counter_scan: 'Scanned just before the till',
    shared_phone: 'One phone number',
    click_flood: 'Flood of clicks',
    refund_after_settlement: 'Refund right after settlement',
    none: 'Nothing looks wrong',
    noneHelp: 'New orders and clicks are looked at every few minutes.',
    noneOf: 'There is nothing like this',
    foundAt: (at: string) => `Found ${at}`,
    orders: (count: string) => `${count} orders`,
    somebody: 'an associate',
    scanned: (who: string, store: string, count: string) =>
      `${count} orders of ${who} in ${store} were won by codes scanned minutes before payment: the customer was in the shop already.`,
    ownPhone: (who: string, member: string, count: string) =>
      `The buyer ${member}of ${count} orders has the phone number of ${who}, who earns on them.`,
    onePhone: (who: string, count: string) =>
      `${count} orders of several members with one phone number all pay ${who}.`,
    flood: (link: string, day: string, all: string, one: string) =>
      `Link ${link} was clicked ${all} times within an hour of ${day}, ${one} times by one customer: not how people browse.`,
    floodNone: ' This link has won no order yet.',
    refunded: (order: string, amount: string, days: string) =>
      `Commission of order ${order} had just been settled when ${amount} was refunded ${days}.`,
    sameDay: 'the same day',
    daysLater: (days: string) => `${days} days later`,
    member: (memberNo: string) => `(member ${memberNo}) `,
    scanPicture: 'From scan to payment',
    minutesBefore: (minutes: string) => `scanned ${minutes} min before payment`,
    atTill: 'scanned at payment',
    floodPicture: 'Clicks within an hour',
    allClicks: 'All clicks',
    oneVisitor: 'Of one customer',
    usual: (count: string) => `more than ${count} looks wrong`,
    refundPicture: 'From settlement to refund',
    approvedAt: (at: string) => `settled ${at}`,
    refundedAt: (at: string) => `refunded ${at}`,
    ordersTitle: 'Orders concerned',
    order: 'Order',
    paidAt: 'Paid',
    net: 'Net',
    seen: 'What was seen',
    owed: 'Commission concerned',
    state: 'State',
    onHold: 'on hold',
    cancelled: 'cancelled',
    history: 'What was done',
    noHistory: 'Nothing yet',
    toOrder: 'Explain the order',
    hold: 'Hold',
    release: 'Release',
    reverse: 'Reverse',
    dismiss: 'Nothing in it',
    did_hold: 'put the orders on hold',
    did_release: 'released the orders',
    did_reverse: 'reversed the commission',
    did_dismiss: 'found nothing in it',
    willHold: (count: string, amount: string) =>
      `Commission of ${amount} on ${count} orders cannot be settled until it is released or reversed.`,
    willHoldKeep: 'What is settled already stays.',
    willRelease: (count: string) => `${count} orders go on as usual: commission is available when it would have been.`,
    willReleaseOther: 'An order that another finding holds stays on hold.',
    willReverse: (roles: string, amount: string) => `Taken away: ${roles}. Commission of ${amount} is booked back.`,
    willReverseSettled: 'What is settled already is taken off the next settlement. The orders are released.',
    willDismiss: 'No money moves; it leaves the queue.',
    willTell: 'Associates whose commission moves are told, with your reason.',
    roleOf: (who: string, role: string) => `${role} ${who}`,
    nothingOwed: 'no commission',
  },
)

const DAY_MS = 86_400_000
const text = (value: unknown) => (typeof value === 'string' || typeof value === 'number' ? String(value) : '–')
const count = (value: unknown) => formatCount(typeof value === 'number' ? value : 0)

/** What looks wrong, in a sentence with its figures. */
export function sentenceOf(finding: RiskFinding): string {
  const { kind, facts, orderCount } = finding
  const words = page.value
  const who = finding.associateName ?? finding.associateId ?? words.somebody
  const orders = formatCount(orderCount)
  switch (kind) {
    case 'counter_scan':
      return words.scanned(who, finding.storeName ?? finding.storeCode ?? '–', orders)
    case 'shared_phone': {
      if (facts['phoneOf'] !== 'associate') return words.onePhone(who, orders)
      const member = facts['memberNo']
      return words.ownPhone(who, typeof member === 'string' ? words.member(member) : '', orders)
    }
    case 'click_flood': {
      const { linkCode, day, clicksPerHour, clicksOfOnePerHour } = facts
      const said = words.flood(text(linkCode), text(day), count(clicksPerHour), count(clicksOfOnePerHour))
      return orderCount === 0 ? `${said}${words.floodNone}` : said
    }
    case 'refund_after_settlement': {
      const days = Math.floor((Date.parse(text(facts['refundedAt'])) - Date.parse(text(facts['approvedAt']))) / DAY_MS)
      const amount = formatFen(typeof facts['refundFen'] === 'number' ? facts['refundFen'] : 0)
      return words.refunded(finding.orderNo ?? '–', amount, days === 0 ? words.sameDay : words.daysLater(count(days)))
    }
  }
}
