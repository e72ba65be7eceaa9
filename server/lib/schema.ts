import { Type, type TSchema, type TObject, type TProperties, type TUnsafe, type Static } from 'typebox'

/** The atoms that request and answer schemas are made of: bounds are said here, once. */

/** The largest amount of money that one field may hold. */
export const FEN_MAX = 1_000_000_000_000
const INT_MAX = 2_147_483_647

/** A key of a source system: its own text, of at most 384 bytes. */
export const Key = (description: string, maxLength = 256) =>
  Type.String({ description, minLength: 1, maxLength, format: 'key' })

export const Text = (description: string, maxLength = 1024) => Type.String({ description, maxLength, format: 'text' })

/** RFC 3339 with an offset; cut off to the millisecond. */
export const InstantText = (description: string) =>
  Type.String({ description: `${description} RFC 3339 with offset.`, maxLength: 64, format: 'instant' })

/** Whole fen, 0 or more. */
export const FenAmount = (description: string) =>
  Type.Integer({ description: `${description} Whole fen.`, minimum: 0, maximum: FEN_MAX })

export const WholeNumber = (description: string, minimum = 0, maximum = INT_MAX) =>
  Type.Integer({ description, minimum, maximum })

export const OneOf = <const T extends readonly string[]>(values: T, description: string): TUnsafe<T[number]> =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], description })

/** The value, or null to clear it. */
export const Nullable = <S extends TSchema>(schema: S): TUnsafe<Static<S> | null> => {
  const plain = schema as unknown as { type?: string; enum?: unknown[] }
  return Type.Unsafe<Static<S> | null>({
    ...schema,
    ...(plain.type ? { type: [plain.type, 'null'] } : {}),
    ...(plain.enum ? { enum: [...plain.enum, null] } : {}),
  })
}

/** An object that knows all its fields: any other is refused by name. */
export const Strict = <P extends TProperties>(properties: P, description?: string): TObject<P> =>
  Type.Object(properties, { additionalProperties: false, ...(description ? { description } : {}) })
