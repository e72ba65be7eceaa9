import { Type, type Static } from 'typebox'
import { FenAmount, InstantText, Key, OneOf, Nullable, Strict, Text, WholeNumber } from '../../lib/schema.ts'

export const ProductItem = Strict({
  sku: Key('The product.'),
  name: Text('Its name.'),
  category: Type.Optional(Nullable(Key('Category, as plans name it.'))),
  priceFen: FenAmount('What it costs now.'),
  listFen: Type.Optional(Nullable(FenAmount('List price.'))),
  imageUrl: Type.Optional(Nullable(Text('Picture.', 2048))),
  path: Type.Optional(Nullable(Text('Its page in the mini-program.', 2048))),
  stock: Type.Optional(Nullable(WholeNumber('Pieces at hand.'))),
})
export type ProductItem = Static<typeof ProductItem>

export const CouponItem = Strict({
  couponCode: Key('The coupon.'),
  name: Text('Its name.'),
  kind: OneOf(['amount', 'discount', 'gift'], 'What it gives.'),
  amountFen: Type.Optional(Nullable(FenAmount('Taken off.'))),
  discountBps: Type.Optional(Nullable(WholeNumber('Taken off, of the price, in basis points.', 0, 10_000))),
  minimumFen: Type.Optional(Nullable(FenAmount('From which purchase on.'))),
  validFrom: Type.Optional(Nullable(InstantText('First instant.'))),
  validTo: Type.Optional(Nullable(InstantText('First instant at which it is no longer valid.'))),
  stock: Type.Optional(Nullable(WholeNumber('How many are left.'))),
})
export type CouponItem = Static<typeof CouponItem>

export const CouponEventItem = Strict({
  eventId: Key('Made by who saw it.'),
  couponCode: Key('The coupon.'),
  kind: OneOf(['issued', 'claimed', 'redeemed', 'expired'], 'What happened.'),
  memberNo: Key('To whose coupon.'),
  at: InstantText('When.'),
  linkCode: Type.Optional(Nullable(Key('By which share.', 128))),
  orderNo: Type.Optional(Nullable(Key('On which order.'))),
  source: Type.Optional(Nullable(Key('The order’s source.'))),
})
export type CouponEventItem = Static<typeof CouponEventItem>

export const TargetItem = Strict({
  month: Type.String({ description: 'YYYY-MM', pattern: '^[0-9]{4}-(0[1-9]|1[0-2])$' }),
  storeCode: Type.Optional(Nullable(Key('Whose target: this, or associateId.'))),
  associateId: Type.Optional(Nullable(Key('Whose target: this, or storeCode.'))),
  netSalesFen: Nullable(FenAmount('Net sales to reach; null takes the target out.')),
})
export type TargetItem = Static<typeof TargetItem>

export const GroupItem = Strict({
  chatId: Key('The customer group.'),
  name: Text('Its name.'),
  storeCode: Key('Whose group.'),
  owner: Type.Optional(Nullable(Key('The associate who owns it.'))),
})
export type GroupItem = Static<typeof GroupItem>
