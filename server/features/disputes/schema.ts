import { Type, type Static } from 'typebox'
import { ListQuery } from '../../lib/list-query.ts'
import { Key, Nullable, OneOf, Strict } from '../../lib/schema.ts'
import { ASSOCIATE_ROLES } from '../attribution/domain.ts'
import { OUTCOMES, STATUSES } from './domain.ts'

const text = () => Type.String()
const fen = (description: string) => Type.Integer({ description: `${description} Fen, before tax.` })
const Words = (description: string, maxLength: number) =>
  Type.String({ description, minLength: 1, maxLength, format: 'text' })

export const DisputeBody = Strict({
  source: Key('The order’s source.', 128),
  orderNo: Key('The order.'),
  role: OneOf(ASSOCIATE_ROLES, 'Which role is his.'),
  text: Words('What he says.', 2000),
  associateId: Type.Optional(Key('Whose it is; the asker’s own where absent. A key and headquarters must say.')),
})
export type DisputeBody = Static<typeof DisputeBody>

export const DecisionBody = Strict({
  outcome: OneOf(OUTCOMES, 'upheld puts the role into his hands.'),
  reason: Words('Why; both sides read it.', 1024),
})
export type DecisionBody = Static<typeof DecisionBody>

export const WithdrawalBody = Strict({ reason: Type.Optional(Words('Why.', 1024)) })
export type WithdrawalBody = Static<typeof WithdrawalBody>

export const DisputeParams = Strict({ disputeId: Type.String({ format: 'uuid' }) })
export type DisputeParams = Static<typeof DisputeParams>

export const DisputeQuery = Strict({
  ...ListQuery,
  status: Type.Optional(OneOf(STATUSES, 'How far it is.')),
  kind: Type.Optional(OneOf(['dispute', 'claim'], 'claim: the order was unattributed.')),
  order: Type.Optional(OneOf(['asc', 'desc'], 'By when it was filed; desc where absent.')),
  storeCode: Type.Optional(Type.String({ minLength: 1, description: 'Sold there, or filed by its people.' })),
  associate: Type.Optional(Type.String({ minLength: 1, description: 'Who filed it.' })),
})
export type DisputeQuery = Static<typeof DisputeQuery>

const disputeProperties = {
  disputeId: text(),
  kind: OneOf(['dispute', 'claim'], 'claim: the order was unattributed.'),
  status: OneOf(STATUSES, 'How far it is.'),
  source: text(),
  orderNo: text(),
  role: OneOf(ASSOCIATE_ROLES, 'The role that he says is his.'),
  associateId: text(),
  associateName: text(),
  storeCode: Nullable(Type.String({ description: 'His store when it was filed: whose manager decides.' })),
  text: text(),
  openedBy: text(),
  openedAt: text(),
  sellingStore: Nullable(text()),
  paidAt: text(),
  netFen: fen('Of the order, now.'),
  decision: Nullable(
    Type.Object({
      outcome: OneOf([...OUTCOMES, 'withdrawn'], 'How it ended.'),
      reason: Nullable(text()),
      overrideId: Nullable(text()),
      decidedBy: text(),
      decidedAt: text(),
    }),
  ),
}

export const DisputeItem = Type.Object(disputeProperties)
export type DisputeItem = Static<typeof DisputeItem>

export const DisputePage = Type.Object({ items: Type.Array(DisputeItem), nextCursor: Nullable(text()) })

const Buyer = Type.Object({
  memberNo: Nullable(Type.String({ description: 'null: not for the asker to know.' })),
  name: Nullable(Type.String({ description: 'Masked.' })),
})

const Named = Type.Object({ associateId: text(), name: text(), storeCode: Nullable(text()) })

/** A dispute with the evidence beside it: what whoever decides must see. */
export const DisputeDetail = Type.Object({
  ...disputeProperties,
  mayUphold: Type.Boolean({ description: 'The asker may decide so.' }),
  mayReject: Type.Boolean({ description: 'The asker may decide so.' }),
  order: Type.Object({
    channel: OneOf(['online', 'in_store'], 'Where it was sold.'),
    cancelled: Type.Boolean(),
    onHold: Type.Boolean(),
    netFen: fen('Of all lines.'),
    plan: Nullable(Type.Object({ code: text(), version: Type.Integer() })),
    buyer: Nullable(Type.Object({ ...Buyer.properties, recognisedBy: text() })),
    roles: Type.Array(
      Type.Object({ role: text(), holder: Nullable(text()), because: text(), since: Type.Optional(text()) }),
      { description: 'Who holds each role, and why; of the closer the order’s own, a line may differ.' },
    ),
    candidates: Type.Array(
      Type.Object({
        touchId: Nullable(text()),
        linkCode: text(),
        associateId: Nullable(text()),
        kind: text(),
        at: text(),
        outcome: text(),
      }),
      { description: 'Each touch that could have made a sharer, the latest first: won, or why not.' },
    ),
    lines: Type.Array(
      Type.Object({
        lineNo: Type.Integer(),
        sku: text(),
        paidFen: fen('Paid.'),
        refundedFen: fen('Given back.'),
        netFen: fen('What is left.'),
        closer: Nullable(text()),
      }),
    ),
  }),
  people: Type.Array(Named, { description: 'Every associate named here.' }),
  wouldChange: Nullable(
    Type.Array(
      Type.Object({
        role: text(),
        payeeKind: text(),
        payee: text(),
        nowFen: fen('Owed now.'),
        upheldFen: fen('Owed if it were upheld.'),
      }),
      { description: 'What the order owes, of what the asker may see; null once it is decided.' },
    ),
  ),
})
export type DisputeDetail = Static<typeof DisputeDetail>

export const UnattributedQuery = Strict({
  ...ListQuery,
  storeCode: Type.Optional(Type.String({ minLength: 1, description: 'The selling store.' })),
  from: Type.Optional(Type.String({ format: 'instant', description: 'Paid at or after.' })),
  to: Type.Optional(Type.String({ format: 'instant', description: 'Paid before.' })),
})
export type UnattributedQuery = Static<typeof UnattributedQuery>

export const Unattributed = Type.Object({
  source: text(),
  orderNo: text(),
  channel: OneOf(['online', 'in_store'], 'Where it was sold.'),
  paidAt: text(),
  sellingStore: Nullable(text()),
  storeName: Nullable(text()),
  netFen: fen('What is left after refunds.'),
  buyer: Nullable(Buyer),
  missing: Type.Array(OneOf(['closer', 'sharer_and_attributed'], 'Nobody holds it.')),
  claimCount: Type.Integer({ description: 'Open ones, whoever filed them.' }),
  claims: Type.Array(Type.Object({ disputeId: text(), role: text(), associateId: text() }), {
    description: 'Of those, the ones that the asker may see.',
  }),
})
export type Unattributed = Static<typeof Unattributed>

export const UnattributedPage = Type.Object({ items: Type.Array(Unattributed), nextCursor: Nullable(text()) })
