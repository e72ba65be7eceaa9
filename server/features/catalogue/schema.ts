/**
 * What to share into a chat, what a sale of it would earn the asker, and the share itself.
 * Browser code imports the types only.
 */
import { Type, type Static, type TSchema } from 'typebox'

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const instant = (description?: string) => Type.String({ format: 'date-time', ...(description ? { description } : {}) })

/** Roles that an associate can hold, in the plan's fixed order. */
export const AssociateRole = Type.Enum(['sharer', 'closer', 'attributed', 'opener', 'inviter'])
export type AssociateRole = Static<typeof AssociateRole>

/** What one role adds to the estimate. Exactly one of rateBps and perUnitFen is set. */
export const EarnPart = Type.Object({
  role: AssociateRole,
  ruleId: Type.String(),
  rateBps: nullable(Type.Integer()),
  perUnitFen: nullable(Type.Integer()),
  amountFen: Type.Integer({ minimum: 0, description: 'After sameAssociate and the cap; parts sum to earnFen' }),
})
export type EarnPart = Static<typeof EarnPart>

/**
 * What the asker would earn if this customer bought one, online, at priceFen, now, through the asker's share: the
 * plan's own function applied to that supposed order, with the attributed and opening associate that the customer has.
 * In a group or without a customer the buyer is unknown, and sharer alone counts.
 */
export const EarnEstimate = Type.Object({
  earnFen: Type.Integer({ minimum: 0 }),
  earnInStoreFen: Type.Integer({
    minimum: 0,
    description: "The same bought at the till of the asker's store, another closing",
  }),
  parts: Type.Array(EarnPart, { description: 'Of the online sale; roles that pay nothing are left out' }),
  cappedFromFen: nullable(
    Type.Integer({ description: 'What the parts would sum to without the cap; null: not capped' }),
  ),
  nothingBecause: nullable(
    Type.Enum(['no_plan', 'no_rule', 'self_purchase', 'earlier_share'], {
      description:
        "Set where earnFen is 0. earlier_share: the plan pays the first share, and this customer had another's before",
    }),
  ),
})
export type EarnEstimate = Static<typeof EarnEstimate>

export const CatalogueItem = Type.Object({
  sku: Type.String(),
  name: Type.String(),
  category: nullable(Type.String()),
  priceFen: Type.Integer({ minimum: 0 }),
  listFen: nullable(Type.Integer({ description: 'The price before any reduction; null: none told' })),
  imageUrl: nullable(Type.String()),
  stock: nullable(Type.Integer({ description: 'null: not told' })),
  earn: EarnEstimate,
  sentBeforeAt: nullable(instant('When the asker last sent it into this chat (touch of kind sent); null: never')),
  viewedAt: nullable(instant('When this customer last looked at it, in the last 90 days; null: never, or no consent')),
})
export type CatalogueItem = Static<typeof CatalogueItem>

/** GET /api/v1/catalogue. At most one of externalUserid and chatId. */
export const CatalogueQuery = Type.Object(
  {
    externalUserid: Type.Optional(Type.String({ minLength: 1, maxLength: 128, format: 'text' })),
    chatId: Type.Optional(Type.String({ minLength: 1, maxLength: 128, format: 'text' })),
    query: Type.Optional(
      Type.String({ maxLength: 64, format: 'text', description: 'In name, sku or category; blank: all' }),
    ),
    cursor: Type.Optional(Type.String({ maxLength: 4096 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 50, default: 20 })),
  },
  { additionalProperties: false },
)
export type CatalogueQuery = Static<typeof CatalogueQuery>

/** Without `query`: what this customer looked at first, the latest first, then by name and sku. */
export const Catalogue = Type.Object({
  asOf: instant(),
  plan: nullable(Type.Object({ code: Type.String(), version: Type.Integer() }, { description: "Today's plan" })),
  items: Type.Array(CatalogueItem, { maxItems: 50 }),
  nextCursor: nullable(Type.String()),
})
export type Catalogue = Static<typeof Catalogue>

/**
 * POST /api/v1/share: makes one link for one send. The caller makes the id, so that a retry after a lost answer gets
 * the same link again (200 instead of 201; the same id with other content is 409 `share.id_taken`).
 * 404 `share.unknown_target`; 403 for whom may not write.
 */
export const ShareRequest = Type.Object(
  {
    shareId: Type.String({ format: 'uuid' }),
    target: Type.Object(
      {
        kind: Type.Enum(['product', 'material', 'coupon', 'enrol']),
        ref: nullable(
          Type.String({
            maxLength: 256,
            format: 'text',
            description:
              "The sku, the materialId or the couponCode; null for enrol, which is the asker's store and code",
          }),
        ),
      },
      { additionalProperties: false },
    ),
    sentTo: nullable(
      Type.Union([
        Type.Object(
          { externalUserid: Type.String({ minLength: 1, maxLength: 128, format: 'text' }) },
          { additionalProperties: false },
        ),
        Type.Object(
          { chatId: Type.String({ minLength: 1, maxLength: 128, format: 'text' }) },
          { additionalProperties: false },
        ),
      ]),
    ),
    channel: Type.Enum(['single_chat', 'group_chat', 'poster', 'other'], {
      description: 'poster: a picture with its code is saved; other: the link is copied',
    }),
  },
  { additionalProperties: false },
)
export type ShareRequest = Static<typeof ShareRequest>

/** Everything that sendChatMessage needs, ready made. */
export const Share = Type.Object({
  linkCode: Type.String(),
  url: Type.String({ description: 'PUBLIC_URL/s/{linkCode}' }),
  miniProgram: nullable(
    Type.Object(
      {
        appid: Type.String(),
        title: Type.String({ description: 'At most 64 bytes' }),
        imgUrl: Type.String({ description: 'As for link' }),
        page: Type.String({ description: "The path with WeCom's .html before its query, the link code in that" }),
      },
      { description: 'null: no mini program is configured, or the target has no page in it; the link goes instead' },
    ),
  ),
  link: Type.Object({
    title: Type.String({ description: 'At most 128 bytes' }),
    desc: Type.String({ description: 'At most 512 bytes' }),
    imgUrl: Type.String({
      description: 'Absolute and never empty: WeCom refuses what is no picture ("invalid imgUrl")',
    }),
    url: Type.String({ description: 'The same as url' }),
  }),
})
export type Share = Static<typeof Share>

/**
 * POST /api/v1/share/{linkCode}/sent, body {}: after WeCom said that the message went. Records the touch of kind
 * `sent` with the touchId `sent-{linkCode}`, so that saying it twice records it once. 404 for another's link.
 */
export const ShareSent = Type.Object({ linkCode: Type.String(), sentAt: instant() })
export type ShareSent = Static<typeof ShareSent>

// -------------------------------------------------------------------------------------------- library and shelf

const Beside = {
  externalUserid: Type.Optional(
    Type.String({ minLength: 1, maxLength: 128, format: 'text', description: 'The customer of the chat; or' }),
  ),
  chatId: Type.Optional(Type.String({ minLength: 1, maxLength: 128, format: 'text', description: 'the group.' })),
}
const MaterialKind = Type.Enum(['product', 'page', 'live', 'coupon', 'activity', 'article'])
export type MaterialKind = Static<typeof MaterialKind>

/** A material as an associate sees it. It is shared as `{ kind: 'material', ref: materialId }`. */
export const LibraryItem = Type.Object({
  materialId: Type.String(),
  kind: MaterialKind,
  title: Type.String(),
  text: Type.String({ description: 'Copy text; may be empty' }),
  pictures: Type.Array(Type.String(), { description: 'Addresses; of a product without any, the product’s own' }),
  campaign: nullable(Type.String()),
  category: nullable(Type.String()),
  validTo: nullable(instant('First instant at which it is not shared any more')),
  product: nullable(
    Type.Object({
      sku: Type.String(),
      priceFen: Type.Integer({ minimum: 0 }),
      listFen: nullable(Type.Integer()),
      stock: nullable(Type.Integer()),
    }),
  ),
  earn: nullable(EarnEstimate),
  sentBeforeAt: nullable(instant('When the asker last sent it into this chat; null: never')),
})
export type LibraryItem = Static<typeof LibraryItem>

/**
 * GET /api/v1/me/materials: what the asker may share now, newest first. Without `q` and beside a customer, what he looked
 * at and what is of a category that he buys comes before.
 */
export const LibraryQuery = Type.Object(
  {
    ...Beside,
    q: Type.Optional(
      Type.String({ maxLength: 64, format: 'text', description: 'In title, text, ref, campaign or category' }),
    ),
    campaign: Type.Optional(Type.String({ minLength: 1, maxLength: 64, format: 'text' })),
    category: Type.Optional(Type.String({ minLength: 1, maxLength: 64, format: 'text' })),
    kind: Type.Optional(MaterialKind),
    cursor: Type.Optional(Type.String({ maxLength: 4096 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 50, description: '20 where absent' })),
  },
  { additionalProperties: false },
)
export type LibraryQuery = Static<typeof LibraryQuery>

export const Library = Type.Object({
  asOf: instant(),
  campaigns: Type.Array(Type.String(), { description: 'To choose among, of all that the asker may share' }),
  categories: Type.Array(Type.String()),
  items: Type.Array(LibraryItem, { maxItems: 50 }),
  nextCursor: nullable(Type.String()),
})
export type Library = Static<typeof Library>

const SHELF_MAX = 100

export const ShelfQuery = Type.Object(Beside, { additionalProperties: false })
export type ShelfQuery = Static<typeof ShelfQuery>

/** PUT /api/v1/me/shelf: the whole shelf anew; the last to say so wins. */
export const ShelfBody = Type.Object(
  {
    skus: Type.Array(Type.String({ minLength: 1, maxLength: 256, format: 'text' }), {
      maxItems: SHELF_MAX,
      description: 'In the order in which they are shown; one named twice is there once',
    }),
  },
  { additionalProperties: false },
)
export type ShelfBody = Static<typeof ShelfBody>

export const Shelf = Type.Object({ asOf: instant(), items: Type.Array(CatalogueItem, { maxItems: SHELF_MAX }) })
export type Shelf = Static<typeof Shelf>
