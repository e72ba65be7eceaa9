import { Type, type Static } from 'typebox'
import { FenAmount, InstantText, Key, OneOf, Strict, Text, WholeNumber } from '../../lib/schema.ts'

export const LINES_MAX = 1000
const LineNo = WholeNumber('Number of the line within the order.', 1)
const Quantity = (minimum: number) => WholeNumber('Pieces.', minimum, 1_000_000_000)

export const OrderItem = Strict({
  source: Key('Which mall or till system.', 128),
  orderNo: Key('Its number there.'),
  revision: Type.Optional(WholeNumber('A revision is the whole order; the highest counts. Default 1.')),
  channel: OneOf(['online', 'in_store'], 'Where it was sold.'),
  paidAt: InstantText('When it was paid.'),
  memberNo: Type.Optional(Key('Who bought, where known.')),
  unionid: Type.Optional(Key('The buyer’s id on the WeChat open platform.')),
  openid: Type.Optional(Key('The buyer’s id in the mini-program.')),
  externalUserid: Type.Optional(Key('The buyer’s id in WeCom.')),
  visitorId: Type.Optional(Key('The buyer’s id in our cookie or the mini-program’s storage.')),
  sellingStore: Type.Optional(Key('Which store sold it; an in_store order names it.')),
  closer: Type.Optional(Key('The associate on the ticket.')),
  shareCode: Type.Optional(Key('The share link that it came by; may come later.', 128)),
  phone: Type.Optional(Text('Finds the member where no id does; kept encrypted.', 40)),
  completedAt: Type.Optional(InstantText('When it was received and can no longer be sent back, say.')),
  cancelled: Type.Optional(Type.Boolean({ description: 'Nothing of it counts. Default false.' })),
  lines: Type.Array(
    Strict({
      lineNo: LineNo,
      sku: Key('The product.'),
      name: Type.Optional(Text('Its name then.')),
      category: Type.Optional(Text('Its category then.', 256)),
      quantity: Quantity(1),
      paidFen: FenAmount('What was paid for it after every discount and coupon, without freight.'),
      listFen: Type.Optional(FenAmount('Its list price, for all pieces.')),
      closer: Type.Optional(Key('Who sold this line, where it is another than on the ticket.')),
    }),
    { maxItems: LINES_MAX },
  ),
})
export type OrderItem = Static<typeof OrderItem>

export const RefundItem = Strict({
  source: Key('The order’s source.', 128),
  refundNo: Key('Its number there.'),
  revision: Type.Optional(WholeNumber('The highest counts; one without lines takes the refund back. Default 1.')),
  orderNo: Key('Of which order; it may come later.'),
  refundedAt: InstantText('When.'),
  lines: Type.Optional(
    Type.Array(
      Strict({
        lineNo: LineNo,
        quantity: Quantity(0),
        refundFen: FenAmount('What was given back.'),
      }),
      { maxItems: LINES_MAX },
    ),
  ),
})
export type RefundItem = Static<typeof RefundItem>

export const OrderParams = Strict({ source: Key('Source.', 128), orderNo: Key('Order number.') })

export const OverrideBody = Strict({
  source: Key('The order’s source.', 128),
  orderNo: Key('The order.'),
  role: Key('sharer, closer, attributed, opener or inviter.'),
  associateId: Type.Optional(
    Type.Unsafe<string | null>({
      type: ['string', 'null'],
      minLength: 1,
      maxLength: 256,
      format: 'text',
      description: 'Who holds the role whatever the evidence says; null: nobody.',
    }),
  ),
  withdraw: Type.Optional(Type.Boolean({ description: 'Gives the role back to the evidence.' })),
  reason: Type.String({ description: 'Why.', minLength: 1, maxLength: 1024, format: 'text' }),
})
export type OverrideBody = Static<typeof OverrideBody>

export const HoldBody = Strict({
  source: Key('The order’s source.', 128),
  orderNo: Key('The order.'),
  held: Type.Boolean({ description: 'true: nothing of it becomes available; false: as without a hold.' }),
  reason: Type.String({ description: 'Why.', minLength: 1, maxLength: 1024, format: 'text' }),
})
export type HoldBody = Static<typeof HoldBody>
