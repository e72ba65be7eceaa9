/** What the brand lets its people see. Browser code imports the types only. */
import { Type, type Static } from 'typebox'

/** GET and PUT /api/v1/settings/visibility */
export const VisibilityBody = Type.Object(
  {
    wholePhone: Type.Enum(['nobody', 'headquarters', 'managers', 'associates'], {
      description:
        'Who may have the whole phone number of a customer whom he sees; each with those before it, managers with franchisees. Every look is recorded. nobody where untold',
    }),
    ranks: Type.Enum(['hidden', 'own', 'all'], {
      description: 'own: an associate’s own place in his store; all: his colleagues’ too. hidden where untold',
    }),
  },
  { additionalProperties: false },
)
export type VisibilityBody = Static<typeof VisibilityBody>

/** POST /api/v1/customers/phone */
export const PhoneBody = Type.Object(
  { externalUserid: Type.String({ minLength: 1, maxLength: 128, format: 'text' }) },
  { additionalProperties: false },
)
export type PhoneBody = Static<typeof PhoneBody>

export const Phone = Type.Object({ phone: Type.String({ description: 'Whole; not to be kept' }) })
export type Phone = Static<typeof Phone>
