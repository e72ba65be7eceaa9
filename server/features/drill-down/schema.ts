/** The orders that a figure of /performance was summed from. Browser code imports the types only. */
import { Type, type Static } from 'typebox'
import { ListQuery } from '../../lib/list-query.ts'
import { Nullable, OneOf, Strict } from '../../lib/schema.ts'
import { SummedUntil } from '../rollups/domain.ts'

const name = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 128, format: 'text', description }))
const fen = (description: string) => Type.Integer({ description: `${description} Whole fen.` })

/** Figures that orders add up to. */
export const ORDER_FIGURES = [
  'orders',
  'netSalesFen',
  'netQuantity',
  'onlineFen',
  'inStoreFen',
  'directFen',
  'indirectFen',
  'privateDomainFen',
  'unattributedFen',
  'unattributedOrders',
  'buyers',
  'unknownBuyerOrders',
  'repeatBuyers',
  'closerFen',
  'attributedFen',
  'refundFen',
  'commissionFen',
] as const
export type OrderFigure = (typeof ORDER_FIGURES)[number]

export const ROW_TABLES = ['associates', 'stores', 'regions', 'links', 'channels', 'products', 'groups'] as const
export type RowTable = (typeof ROW_TABLES)[number]

export const BehindQuery = Strict({
  ...ListQuery,
  from: Type.Optional(Type.String({ maxLength: 64, description: 'As on /performance/summary.' })),
  to: Type.Optional(Type.String({ maxLength: 64, description: 'As on /performance/summary.' })),
  storeCode: name('As on /performance/summary.'),
  region: name('As on /performance/summary.'),
  associate: name('As on /performance/summary.'),
  figure: Type.Optional(OneOf(ORDER_FIGURES, 'Only orders that add to this figure; netSalesFen where absent.')),
  table: Type.Optional(OneOf(ROW_TABLES, 'The orders of one row of this table; of all where absent.')),
  key: name('Whose row: the code of its first column. Absent beside `table`: the row of nobody.'),
})
export type BehindQuery = Static<typeof BehindQuery>

export const BehindOrder = Type.Object({
  source: Type.String(),
  orderNo: Type.String(),
  paidAt: Type.String(),
  channel: OneOf(['online', 'in_store'], 'Where it was sold.'),
  relation: Nullable(OneOf(['direct', 'indirect'], 'null: nobody shared.')),
  cancelled: Type.Boolean(),
  sellingStore: Nullable(Type.String()),
  memberNo: Nullable(Type.String()),
  netFen: fen('Of the whole order.'),
  amount: Type.Integer({
    description: 'What it adds to the figure: fen, units or 1. Of a buyer his latest order stands for him.',
  }),
})
export type BehindOrder = Static<typeof BehindOrder>

export const BehindPage = Type.Object({
  items: Type.Array(BehindOrder),
  nextCursor: Nullable(Type.String()),
  totals: Nullable(
    Type.Object(
      {
        orders: Type.Integer({ description: 'How many orders are behind the figure.' }),
        netFen: fen('Of those as a whole.'),
        amount: Type.Integer({ description: 'What they add up to.' }),
        besideFen: fen('Of commission: bonuses, rewards and adjustments, which no order earns.'),
        figure: Type.Integer({ description: 'amount and besideFen together: the figure.' }),
        ...SummedUntil,
      },
      { description: 'Of the whole list; on the first page alone.' },
    ),
  ),
})
export type BehindPage = Static<typeof BehindPage>
