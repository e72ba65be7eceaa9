import { Type, type Static } from 'typebox'
import { ListQuery } from '../../lib/list-query.ts'
import { Key, OneOf, Strict } from '../../lib/schema.ts'
import { ITEM_STATES } from './domain.ts'

export const CUSTOMERS_MAX = 5_000
export const GROUPS_MAX = 1_000
export const MESSAGE_MAX = 200

const Reason = Type.String({
  description: 'Why, in words; kept with each assignment.',
  minLength: 1,
  maxLength: 1000,
  pattern: '\\S',
  format: 'text',
})

export const TransferBody = Strict({
  fromAssociate: Key('Whose customers and groups they are.'),
  toAssociate: Key('Whose they become.'),
  reason: Reason,
  customers: Type.Optional(
    Type.Array(Key('The customer’s id in WeCom.'), {
      minItems: 1,
      maxItems: CUSTOMERS_MAX,
      description: 'His friends: these,',
    }),
  ),
  allCustomers: Type.Optional(Type.Boolean({ description: 'or all of them.' })),
  groups: Type.Optional(
    Type.Array(Key('The group’s chat id.'), {
      minItems: 1,
      maxItems: GROUPS_MAX,
      description: 'Groups that he owns: these,',
    }),
  ),
  allGroups: Type.Optional(Type.Boolean({ description: 'or all of them.' })),
  message: Type.Optional(
    Type.String({
      description: `What customers are told when it is done, at most ${MESSAGE_MAX} characters; of somebody who still works here alone.`,
      minLength: 1,
      maxLength: MESSAGE_MAX,
      pattern: '\\S',
      format: 'text',
    }),
  ),
})
export type TransferBody = Static<typeof TransferBody>

const RETRIED = ['failed', 'taker_full', 'refused'] as const

export const RetryBody = Strict({
  states: Type.Array(OneOf(RETRIED, 'Items of this state.'), { minItems: 1, maxItems: RETRIED.length }),
})
export type RetryBody = Static<typeof RetryBody>

export const UndoTransferBody = Strict({ reason: Reason })
export type UndoTransferBody = Static<typeof UndoTransferBody>

export const TransferParams = Type.Object({ transferId: Type.String({ format: 'uuid' }) })
export type TransferParams = Static<typeof TransferParams>

export const ListOnlyQuery = Type.Object({ ...ListQuery }, { additionalProperties: false })
export type ListOnlyQuery = Static<typeof ListOnlyQuery>

export const ItemQuery = Type.Object(
  { ...ListQuery, state: Type.Optional(OneOf(ITEM_STATES, 'Only those of this state.')) },
  { additionalProperties: false },
)
export type ItemQuery = Static<typeof ItemQuery>

const text = () => Type.String()
const nullable = <S extends Parameters<typeof Type.Union>[0][number]>(schema: S) => Type.Union([schema, Type.Null()])
const page = <S extends Parameters<typeof Type.Array>[0]>(item: S) =>
  Type.Object({ items: Type.Array(item), nextCursor: nullable(text()) })

const Advice = Type.Object({ zh: text(), en: text() }, { description: 'What to do about it.' })

const Counts = Type.Object({
  waiting: Type.Integer({ description: 'WeCom is still to be asked.' }),
  asked: Type.Integer({ description: 'WeCom was asked; a customer may refuse for 24 hours.' }),
  done: Type.Integer(),
  refused: Type.Integer({ description: 'By the customer.' }),
  taker_full: Type.Integer({ description: 'The taker has as many customers as WeCom allows.' }),
  failed: Type.Integer(),
})

const transferFields = {
  transferId: text(),
  kind: Type.Enum(['on_job', 'resigned'], { description: 'Whether he still works here, to WeCom and to us.' }),
  fromAssociate: text(),
  fromName: nullable(Type.String({ description: 'null: no such associate was told.' })),
  toAssociate: text(),
  toName: nullable(text()),
  message: nullable(text()),
  reason: text(),
  madeBy: text(),
  madeByName: nullable(Type.String({ description: 'null: a key made it.' })),
  madeAt: text(),
  customers: Counts,
  groups: Counts,
  fault: nullable(
    Type.Object(
      { errcode: Type.Integer(), advice: Advice },
      { description: 'Why WeCom cannot be asked at the moment; it is tried again by itself.' },
    ),
  ),
  endedAt: nullable(Type.String({ description: 'Nothing is under way any more since then.' })),
  undoneAt: nullable(text()),
  undoneBy: nullable(text()),
  undoReason: nullable(text()),
}

export const Transfer = Type.Object(transferFields)
export type Transfer = Static<typeof Transfer>

export const TransferPage = page(Transfer)

const itemFields = {
  name: nullable(text()),
  state: Type.Enum([...ITEM_STATES]),
  askedAt: nullable(text()),
  takeoverAt: nullable(Type.String({ description: 'When WeCom gives it to the taker, or did.' })),
  endedAt: nullable(text()),
  errcode: nullable(Type.Integer({ description: 'WeCom’s, where it refused.' })),
  advice: nullable(Advice),
}

export const CustomerPage = page(
  Type.Object({
    externalUserid: text(),
    ...itemFields,
    memberNo: nullable(Type.String({ description: 'The member who became the taker’s by it; null: nobody did.' })),
    returned: nullable(Type.Boolean({ description: 'He went back when it was undone; null: it was not.' })),
  }),
)

export const GroupPage = page(Type.Object({ chatId: text(), ...itemFields }))

export const Unassigned = Type.Object({
  items: Type.Array(
    Type.Object({
      associateId: text(),
      name: nullable(Type.String({ description: 'null: no such associate was told.' })),
      storeCode: nullable(text()),
      leftAt: Type.String({ description: 'When he left, to WeCom.' }),
      customerCount: Type.Integer({ description: 'Customers who wait for a taker.' }),
    }),
  ),
  isComplete: Type.Boolean({
    description: 'false: there are more than were read (20,000), WeCom is not set up, or it has a fault.',
  }),
  fault: nullable(
    Type.Object(
      { errcode: nullable(Type.Integer({ description: 'null: WeCom did not answer.' })), advice: Advice },
      { description: 'Why WeCom could not be asked.' },
    ),
  ),
})
export type Unassigned = Static<typeof Unassigned>

export const RetriedTransfer = Type.Object({
  ...transferFields,
  retriedCount: Type.Integer({ description: 'How many are asked for once more.' }),
})

export const UndoneTransfer = Type.Object({
  ...transferFields,
  returnedCount: Type.Integer({ description: 'Members who went back.' }),
  left: Type.Array(
    Type.Object({
      memberNo: text(),
      associateId: nullable(Type.String({ description: 'Whose he is; null: nobody’s.' })),
    }),
    { description: 'Members who had been given to somebody else since: left with him.' },
  ),
})
export type UndoneTransfer = Static<typeof UndoneTransfer>
