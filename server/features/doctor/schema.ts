/** What a brand is set up with, and what an examination of it finds. Browser code imports the types only. */
import { Type, type Static } from 'typebox'

/** GET /api/v1/settings/brand */
export const BrandSetup = Type.Object({
  slug: Type.String(),
  name: Type.String(),
  timeZone: Type.String({ description: 'Days and months are counted in it.' }),
  publicUrl: Type.String(),
  isFromEnvironment: Type.Boolean({
    description: 'true: its settings are the environment’s; false: those of `brands`.',
  }),
  kept: Type.Object(
    {
      rejectedItems: Type.Integer(),
      callbacks: Type.Integer(),
      messages: Type.Integer(),
      welcomes: Type.Integer(),
      deliveries: Type.Integer(),
    },
    { description: 'How many days what is not evidence is kept.' },
  ),
})
export type BrandSetup = Static<typeof BrandSetup>

/** GET /api/v1/settings/doctor */
export const Examination = Type.Object({
  findings: Type.Array(
    Type.Object({
      step: Type.String({ description: 'Stable: wecom.token.' }),
      status: Type.Enum(['good', 'bad', 'unknown'], {
        description: 'bad: somebody has something to do; unknown: it was not looked at, or only time can tell.',
      }),
      found: Type.String(),
      next: Type.Optional(Type.String({ description: 'What to do.' })),
    }),
  ),
  isComplete: Type.Boolean({ description: 'false: it took too long, and the last steps were left out.' }),
})
export type Examination = Static<typeof Examination>
