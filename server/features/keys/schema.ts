import { Type, type Static } from 'typebox'
import { Nullable, OneOf, Strict, Text } from '../../lib/schema.ts'
import { KEY_SCOPES } from '../auth/domain.ts'

const instant = (description: string) => Type.String({ format: 'date-time', description })
const Scopes = Type.Array(OneOf(KEY_SCOPES, 'What it may do.'), { minItems: 1, uniqueItems: true })

/** POST /keys */
export const KeyBody = Strict({
  name: Type.String({ minLength: 1, maxLength: 100, format: 'text', description: 'Whose it is, as: till of store 3.' }),
  scopes: Scopes,
})
export type KeyBody = Static<typeof KeyBody>

export const ApiKey = Type.Object({
  keyId: Type.String(),
  name: Text('How lists and the record call it.'),
  scopes: Scopes,
  prefix: Nullable(Type.String({ description: 'Its first characters; null: made before they were kept.' })),
  createdAt: instant('When it was made.'),
  createdBy: Nullable(Type.String({ description: 'Who made it; null: from the command line.' })),
  lastUsedAt: Nullable(instant('To within five minutes; null: never, or before it was kept.')),
  revokedAt: Nullable(instant('Since when nobody can ask with it.')),
  own: Type.Boolean({ description: 'This request was made with it.' }),
})
export type ApiKey = Static<typeof ApiKey>
export const KeyList = Type.Object({ items: Type.Array(ApiKey) })

/** What POST /keys answers. */
export const KeyMade = Type.Object({
  ...ApiKey.properties,
  key: Type.String({ description: 'The key itself; shown this once.' }),
})
export type KeyMade = Static<typeof KeyMade>

export const KeyId = Type.Object({ keyId: Type.String({ format: 'uuid' }) })
export type KeyId = Static<typeof KeyId>

export const RevokeQuery = Type.Object(
  {
    inUse: Type.Optional(
      Type.Boolean({ description: 'Also one that was used within a day, or that this request is made with.' }),
    ),
  },
  { additionalProperties: false },
)
export type RevokeQuery = Static<typeof RevokeQuery>
