/** What headquarters lays out to be shared. Browser code imports the types only. */
import { Type, type Static, type TSchema } from 'typebox'
import { ListQuery } from '../../lib/list-query.ts'
import { InstantText, Key, Nullable, OneOf, Strict, Text } from '../../lib/schema.ts'
import { MATERIAL_KINDS, MATERIAL_STATES } from './domain.ts'

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

export const PICTURES_MAX = 9
/** As large as WeCom takes a picture for moments. */
export const PICTURE_BYTES_MAX = 2 * 1024 * 1024

export const Pictures = Type.Array(Text('An https address, or the `url` of an uploaded picture.', 2048), {
  description: 'Pictures, the first as the cover.',
  maxItems: PICTURES_MAX,
})
export const StoreCodes = Nullable(
  Type.Array(Key('Store.'), { maxItems: 1000, description: 'For these stores; null: see regions.' }),
)
export const Regions = Nullable(
  Type.Array(Key('Region.'), { maxItems: 100, description: 'For the stores of these regions; both null: for all.' }),
)

const fields = {
  kind: OneOf(MATERIAL_KINDS, 'What it is.'),
  ref: Type.Optional(
    Nullable(Key('Which one: the sku of a product, a couponCode, a room, a page; its own id where absent.')),
  ),
  title: Type.String({ description: 'Title.', minLength: 1, maxLength: 128, format: 'text' }),
  text: Type.Optional(Text('Copy text.', 2000)),
  pictures: Type.Optional(Pictures),
  campaign: Type.Optional(Nullable(Key('Campaign.', 64))),
  category: Type.Optional(Nullable(Key('Category.', 64))),
  path: Type.Optional(Nullable(Text('Its page in the mini program.', 1024))),
  url: Type.Optional(Nullable(Text('Its page on the web.', 2048))),
  validFrom: Type.Optional(Nullable(InstantText('First instant.'))),
  validTo: Type.Optional(Nullable(InstantText('First instant at which it is not shared any more.'))),
  storeCodes: Type.Optional(StoreCodes),
  regions: Type.Optional(Regions),
}

/** PUT /api/v1/materials/{materialId}: the whole; what is absent is cleared. */
export const MaterialBody = Strict(fields)
export type MaterialBody = Static<typeof MaterialBody>

/** POST: the caller may make the id, so that a retry makes no second one. */
export const NewMaterialBody = Strict({
  materialId: Type.Optional(
    Type.String({ format: 'uuid', description: 'Made by the caller, so that a retry makes no other.' }),
  ),
  ...fields,
})
export type NewMaterialBody = Static<typeof NewMaterialBody>

export const MaterialParams = Type.Object({ materialId: Type.String({ format: 'uuid' }) })
export type MaterialParams = Static<typeof MaterialParams>

export const MaterialQuery = Type.Object(
  {
    ...ListQuery,
    q: Type.Optional(Type.String({ maxLength: 64, format: 'text', description: 'In title, text, ref, campaign or category' })), // prettier-ignore
    campaign: Type.Optional(Key('Of this campaign.', 64)),
    category: Type.Optional(Key('Of this category.', 64)),
    kind: Type.Optional(OneOf(MATERIAL_KINDS, 'Of this kind.')),
    state: Type.Optional(OneOf(MATERIAL_STATES, 'By when it may be shared; all but archived ones where absent.')),
  },
  { additionalProperties: false },
)
export type MaterialQuery = Static<typeof MaterialQuery>

const text = () => Type.String()
const texts = () => Type.Array(Type.String())

export const ShownMaterial = Type.Object({
  materialId: text(),
  kind: Type.Enum(['product', 'page', 'live', 'coupon', 'activity', 'article']),
  ref: text(),
  title: text(),
  text: text(),
  pictures: texts(),
  campaign: nullable(text()),
  category: nullable(text()),
  path: nullable(text()),
  url: nullable(text()),
  validFrom: nullable(text()),
  validTo: nullable(text()),
  storeCodes: nullable(texts()),
  regions: nullable(texts()),
  createdAt: text(),
  changedAt: text(),
  changedBy: text(),
  archivedAt: nullable(text()),
})
export type ShownMaterial = Static<typeof ShownMaterial>

/** GET /api/v1/materials/facets. */
export const MaterialFacets = Type.Object({ campaigns: texts(), categories: texts() })
export type MaterialFacets = Static<typeof MaterialFacets>

/** GET /api/v1/materials/figures. */
export const FiguresQuery = Type.Object(
  {
    materialIds: Type.String({
      maxLength: 4000,
      pattern: '^[0-9a-fA-F-]{36}(,[0-9a-fA-F-]{36})*$',
      description: 'Of these, with commas between; 100 at most.',
    }),
  },
  { additionalProperties: false },
)
export type FiguresQuery = Static<typeof FiguresQuery>

export const linkFigures = {
  shares: Type.Integer({ description: 'Links made' }),
  clicks: Type.Integer({ description: 'By customers' }),
  orders: Type.Integer({ description: 'Won by these links, uncancelled, with net above 0' }),
  netSalesFen: Type.Integer({ description: 'Of those' }),
}

export const MaterialFigures = Type.Object({
  since: Type.String({ description: 'Of links made from this instant on' }),
  items: Type.Array(Type.Object({ materialId: text(), ...linkFigures })),
})
export type MaterialFigures = Static<typeof MaterialFigures>

export const MaterialPage = Type.Object({ items: Type.Array(ShownMaterial), nextCursor: nullable(text()) })

export const UploadedPicture = Type.Object({
  url: Type.String({ description: 'To be put into `pictures`; anybody who has it can see the picture' }),
  width: Type.Integer(),
  height: Type.Integer(),
})
export type UploadedPicture = Static<typeof UploadedPicture>
