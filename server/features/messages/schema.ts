import { Type, type Static } from 'typebox'
import { Nullable, Strict, WholeNumber } from '../../lib/schema.ts'

const Kinds = (description: string) =>
  Strict(
    {
      link_opened: Type.Boolean({ description: 'A customer opened a link of his.' }),
      sold: Type.Boolean({ description: 'A sale counts for him, with what it pays.' }),
      friend_lost: Type.Boolean({ description: 'A customer ended the friendship.' }),
      task_new: Type.Boolean({ description: 'A task was made for him.' }),
      dispute_decided: Type.Boolean({
        description: 'A dispute was decided that he filed, or that changed what he gets.',
      }),
      statement_ready: Type.Boolean({ description: 'A settlement was approved that pays him.' }),
    },
    description,
  )

const Clock = (description: string) =>
  Type.String({
    description: `${description} As 21:30, in the brand’s time zone.`,
    pattern: '^([01]\\d|2[0-3]):[0-5]\\d$',
  })

export const SettingsBody = Strict({
  quietFrom: Clock('From when nobody is told anything.'),
  quietTo: Clock('Until when; the same as quietFrom: never quiet.'),
  kinds: Kinds('What associates are told.'),
  digestAbove: WholeNumber(
    'So many cards of one kind somebody gets within digestMinutes; the others go as one.',
    1,
    20,
  ),
  digestMinutes: WholeNumber('Minutes.', 1, 240),
})
export type SettingsBody = Static<typeof SettingsBody>

export const ShownSettings = Type.Object({
  quietFrom: Type.String(),
  quietTo: Type.String(),
  kinds: Kinds('What associates are told.'),
  digestAbove: Type.Integer(),
  digestMinutes: Type.Integer(),
  changedBy: Nullable(Type.String({ description: 'null: nobody changed what it is from the beginning' })),
  changedAt: Nullable(Type.String()),
})
export type ShownSettings = Static<typeof ShownSettings>

export const ChoiceBody = Strict({ kinds: Kinds('What the asker wants to be told.') })
export type ChoiceBody = Static<typeof ChoiceBody>

export const ShownChoice = Type.Object({
  kinds: Kinds('What the asker wants to be told.'),
  brandKinds: Kinds('What the brand tells at all.'),
  quietFrom: Type.String(),
  quietTo: Type.String(),
})
export type ShownChoice = Static<typeof ShownChoice>
