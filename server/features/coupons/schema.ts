/** Coupons to hand out, and what came of them. Browser code imports the types only. */
import { Type, type Static, type TSchema } from 'typebox'
import { FenAmount, InstantText, Key, Nullable, OneOf, Strict, Text, WholeNumber } from '../../lib/schema.ts'
import { COUPON_STATES } from './domain.ts'

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const instant = (description?: string) => Type.String({ format: 'date-time', ...(description ? { description } : {}) })
const fen = (description: string) => nullable(Type.Integer({ minimum: 0, description }))

/** What a coupon is worth and when. All null but the name: nobody told of it yet, and the name is its code. */
export const CouponTerms = {
  couponCode: Type.String(),
  name: Type.String(),
  kind: nullable(Type.Enum(['amount', 'discount', 'gift'])),
  amountFen: fen('What it takes off'),
  discountBps: nullable(Type.Integer({ minimum: 0, description: 'What is paid: 9000 is 10 % off' })),
  minimumFen: fen('From how much on'),
  validFrom: nullable(instant()),
  validTo: nullable(instant('First instant at which it is not taken any more')),
}

/** One coupon that a customer can use, now or from `validFrom` on. */
export const HeldCoupon = Type.Object({
  ...CouponTerms,
  count: Type.Integer({ minimum: 1, description: 'How many of it he has' }),
})
export type HeldCoupon = Static<typeof HeldCoupon>

/** GET /api/v1/me/coupons. At most one of externalUserid and chatId. */
export const OwnCouponsQuery = Type.Object(
  {
    externalUserid: Type.Optional(
      Type.String({ minLength: 1, maxLength: 128, format: 'text', description: 'The customer of the chat; or' }),
    ),
    chatId: Type.Optional(Type.String({ minLength: 1, maxLength: 128, format: 'text', description: 'the group.' })),
    q: Type.Optional(Type.String({ maxLength: 64, format: 'text', description: 'In name or code' })),
    cursor: Type.Optional(Type.String({ maxLength: 4096 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 50, description: '20 where absent' })),
  },
  { additionalProperties: false },
)
export type OwnCouponsQuery = Static<typeof OwnCouponsQuery>

/** A coupon to hand out. It is shared as `{ kind: 'coupon', ref: couponCode }`. */
export const OwnCoupon = Type.Object({
  ...CouponTerms,
  stock: nullable(Type.Integer({ description: 'null: not told' })),
  inHand: nullable(
    Type.Integer({ description: 'How many the customer of the chat has; null: no customer, or not told' }),
  ),
  sentBeforeAt: nullable(instant('When the asker last sent it into this chat; null: never')),
  claimed: Type.Integer({ description: 'By all links of the asker to it' }),
  redeemed: Type.Integer({ description: 'The same' }),
})
export type OwnCoupon = Static<typeof OwnCoupon>

export const OwnCoupons = Type.Object({
  asOf: instant(),
  items: Type.Array(OwnCoupon, { maxItems: 50 }),
  nextCursor: nullable(Type.String()),
})
export type OwnCoupons = Static<typeof OwnCoupons>

export const CouponParams = Type.Object({ couponCode: Type.String({ minLength: 1, maxLength: 256, format: 'text' }) })
export type CouponParams = Static<typeof CouponParams>

/** GET /api/v1/coupons: the ones that end last first. */
export const CouponQuery = Type.Object(
  {
    q: Type.Optional(Type.String({ maxLength: 64, format: 'text', description: 'In name or code' })),
    state: Type.Optional(OneOf(COUPON_STATES, 'By when it can be used.')),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, description: '50 where absent' })),
    cursor: Type.Optional(Type.String({ maxLength: 4096 })),
  },
  { additionalProperties: false },
)
export type CouponQuery = Static<typeof CouponQuery>

export const BrandCoupon = Type.Object({
  ...CouponTerms,
  stock: nullable(Type.Integer({ description: 'null: not told' })),
  storeCodes: nullable(Type.Array(Type.String(), { description: 'Whose associates may hand it out; null: all' })),
  updatedAt: instant(),
})
export type BrandCoupon = Static<typeof BrandCoupon>

export const CouponPage = Type.Object({
  items: Type.Array(
    Type.Object({
      ...BrandCoupon.properties,
      issued: Type.Integer(),
      claimed: Type.Integer(),
      redeemed: Type.Integer(),
      netSalesFen: Type.Integer({ description: 'Of the orders on which it was redeemed' }),
    }),
  ),
  nextCursor: nullable(Type.String()),
})

/** PUT /api/v1/coupons/{couponCode}: the whole; what is absent is cleared. */
export const CouponBody = Strict({
  name: Text('Its name.', 128),
  kind: OneOf(['amount', 'discount', 'gift'], 'What it gives.'),
  amountFen: Type.Optional(Nullable(FenAmount('Taken off.'))),
  discountBps: Type.Optional(Nullable(WholeNumber('What is paid: 9000 is 10 % off.', 1, 9_999))),
  minimumFen: Type.Optional(Nullable(FenAmount('From which purchase on.'))),
  validFrom: Type.Optional(Nullable(InstantText('First instant.'))),
  validTo: Type.Optional(Nullable(InstantText('First instant at which it is no longer valid.'))),
  stock: Type.Optional(Nullable(WholeNumber('How many are left.'))),
  storeCodes: Type.Optional(
    Nullable(
      Type.Array(Key('Store.'), { maxItems: 1000, description: 'Whose associates may hand it out; null: all.' }),
    ),
  ),
})
export type CouponBody = Static<typeof CouponBody>

export const CouponLinksQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, description: '50 where absent' })),
    cursor: Type.Optional(Type.String({ maxLength: 4096 })),
  },
  { additionalProperties: false },
)
export type CouponLinksQuery = Static<typeof CouponLinksQuery>

/** GET /api/v1/coupons/{couponCode}/links: by linkCode. */
export const CouponLinks = Type.Object({
  items: Type.Array(
    Type.Object({
      linkCode: Type.String(),
      associateId: Type.String(),
      storeCode: nullable(Type.String()),
      channel: Type.String(),
      issued: Type.Integer(),
      claimed: Type.Integer(),
      redeemed: Type.Integer({
        description: 'Also redemptions that name no link, by whose link the person last came by the coupon',
      }),
    }),
  ),
  nextCursor: nullable(Type.String()),
})
export type CouponLinks = Static<typeof CouponLinks>
