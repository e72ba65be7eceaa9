import type { OrderFigure } from '../../../server/features/drill-down/schema.ts'
import type { TableName } from '../../../server/features/performance/schema.ts'
import { defineMessages } from '../../../sidebar/lib/locale.ts'
import type { FigureName } from '../../lib/figures.ts'
import type { Query } from '../../lib/query.ts'
import { usualColumns } from './columns.ts'

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
/** In which table the parts of a figure stand that is summed from no orders, and by what they are sorted there. */
const parted: Partial<Record<FigureName, { table: TableName; sort: FigureName }>> = {
  shares: { table: 'links', sort: 'clicks' },
  sharesClicked: { table: 'links', sort: 'clicks' },
  clickBps: { table: 'links', sort: 'clicks' },
  clicks: { table: 'links', sort: 'clicks' },
  visitors: { table: 'links', sort: 'visitors' },
  newFriends: { table: 'associates', sort: 'newFriends' },
  newMembers: { table: 'associates', sort: 'newMembers' },
}

/** What to change in the address so that the table shows the parts of a figure; null: orders are behind it, or nothing. */
export function partsOf(name: FigureName): Query | null {
  const to = parted[name]
  if (!to) return null
  const columns = usualColumns[to.table]
  const needed = [to.sort, ...(to.table === 'links' ? (['shares', 'sharesClicked'] as const) : [])]
  const told = [...columns, ...needed.filter(one => !columns.includes(one))]
  return { table: to.table, sort: to.sort, order: undefined, columns: told.join(',') }
}

/** Where the tables stand on the page. */
export const TABLES_ID = 'performance-tables'
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
    openParts: (figure: string, value: string) => `${figure} ${value}，看明细`,
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
    openParts: (figure: string, value: string) => `${figure} ${value}, show the parts`,
  },
)
