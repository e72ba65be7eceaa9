/** What a mini program asks for. */
import { Type, type Static, type TSchema } from 'typebox'

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const instant = (description: string) => Type.String({ format: 'date-time', description })

/** GET /api/v1/share-links/{linkCode}: what a scene stands for. */
export const ShownLink = Type.Object({
  linkCode: Type.String(),
  associateId: Type.String(),
  storeCode: nullable(Type.String()),
  target: Type.Object({
    kind: Type.String(),
    ref: Type.String(),
    title: Type.Optional(Type.String()),
    imageUrl: Type.Optional(Type.String()),
    path: Type.Optional(Type.String()),
    url: Type.Optional(Type.String()),
  }),
  channel: Type.String(),
  createdAt: nullable(instant('null: imported without one')),
  revokedAt: nullable(instant('From then on nothing counts for it')),
  url: Type.String({ description: 'PUBLIC_URL/s/{linkCode}' }),
  miniProgramPath: nullable(Type.String({ description: 'The page with its query, the link code in it as dg' })),
  scene: nullable(Type.String({ description: 'What its mini-program code carries; null: the code is too long' })),
})
export type ShownLink = Static<typeof ShownLink>

/** GET /api/v1/members/{memberNo}/storefront: his home store, wherever he stands. */
export const Storefront = Type.Object({
  memberNo: Type.String({ description: 'The number that he goes by now: another one after a merge' }),
  storeCode: nullable(Type.String({ description: 'null: he has none; show the brand’s own shelf' })),
  store: nullable(Type.Object({ name: Type.String() })),
  since: nullable(instant('From when he was assigned to it; null: it is the opening store')),
  reason: Type.Enum(['assignment', 'opening_record', 'not_assigned'], {
    description: 'As in an order’s explanation: assigned; the opening store stands in; neither',
  }),
})
export type Storefront = Static<typeof Storefront>
