import type { OrderFigure } from '../../../server/features/drill-down/schema.ts'
import { defineMessages } from '../../../sidebar/lib/locale.ts'
import type { FigureName } from '../../lib/figures.ts'

/** The figure whose orders a figure opens: its own, or what a ratio is of. What is summed from no orders opens none. */
const opened: Partial<Record<FigureName, OrderFigure>> = {
  orders: 'orders',
  netSalesFen: 'netSalesFen',
  netQuantity: 'netQuantity',
  refundFen: 'refundFen',
  averageTicketFen: 'netSalesFen',
  unitsPerOrderHundredths: 'netQuantity',
  onlineFen: 'onlineFen',
  inStoreFen: 'inStoreFen',
  directFen: 'directFen',
  indirectFen: 'indirectFen',
  privateDomainBps: 'privateDomainFen',
  unattributedFen: 'unattributedFen',
  unattributedOrders: 'unattributedOrders',
  buyers: 'buyers',
  unknownBuyerOrders: 'unknownBuyerOrders',
  repeatBuyers: 'repeatBuyers',
  repeatBps: 'repeatBuyers',
  closerFen: 'closerFen',
  attributedFen: 'attributedFen',
  commissionFen: 'commissionFen',
}
export const ORDER_FIGURE_NAMES: readonly OrderFigure[] = [...new Set(Object.values(opened))]
export const figureBehind = (name: FigureName): OrderFigure | undefined => opened[name]

export const drill = defineMessages(
  {
    title: (figure: string, whose: string) => `${figure} · ${whose}`,
    everybody: '全部',
    sum: (count: string) => `${count} 笔订单合计`,
    beside: (amount: string) => `其中月度奖励、事件奖励和调整 ${amount}，不属于任何订单`,
    part: '计入',
    orderNet: '订单净额',
    privateDomainFen: '私域成交',
    personHelp: '只计他分享的订单和他成交的行；同一笔订单里别人的行不计入。',
    refundHelp: '按退款日期计；订单可能在更早付款。',
    buyersHelp: '一位会员只数一次，由他最近的一笔订单代表。',
    productHelp: '只计这个商品的行。',
    openCell: (figure: string, value: string) => `${figure} ${value}，看订单`,
  },
  {
    title: (figure: string, whose: string) => `${figure} · ${whose}`,
    everybody: 'all',
    sum: (count: string) => `Sum of ${count} orders`,
    beside: (amount: string) => `of which ${amount} are bonuses, rewards and adjustments, which no order earns`,
    part: 'Counts here',
    orderNet: 'Net of the order',
    privateDomainFen: 'Private-domain sales',
    personHelp: 'Orders that he shared, and lines that he closed; others’ lines of the same order do not count.',
    refundHelp: 'By the date of the refund; the order may have been paid before.',
    buyersHelp: 'A member is counted once; his latest order stands for him.',
    productHelp: 'Only lines of this product count.',
    openCell: (figure: string, value: string) => `${figure} ${value}, show the orders`,
  },
)
