/** Stores and associates as the console lists and changes them. Browser code imports the types only. */
import { Type, type Static } from 'typebox'
import { ListQuery } from '../../lib/list-query.ts'
import { Key, Nullable, OneOf, Strict, Text } from '../../lib/schema.ts'

export const ITEMS_MAX = 200
/** Of a file that is taken at once. */
export const LINES_MAX = 5000

const text = () => Type.String()
const nullable = <S extends Parameters<typeof Type.Union>[0][number]>(schema: S) => Type.Union([schema, Type.Null()])
const count = (description: string) => Type.Integer({ description })

const search = Type.Optional(Text('A part of a name or an id.', 128))

/** Of a kept value: what it was told to be, in the order told. */
const History = Type.Array(
  Type.Object({
    value: nullable(text()),
    from: nullable(Type.String({ description: 'null: from the beginning.' })),
  }),
)
export type History = Static<typeof History>

/** GET /api/v1/stores */
export const StoreQuery = Type.Object(
  {
    ...ListQuery,
    search,
    region: Type.Optional(Key('Only of this region now.')),
    type: Type.Optional(OneOf(['direct', 'franchise'], 'Only of this type now.')),
    franchisee: Type.Optional(Key('Only of this franchisee now.')),
  },
  { additionalProperties: false },
)
export type StoreQuery = Static<typeof StoreQuery>

const storeFields = {
  storeCode: text(),
  name: text(),
  type: nullable(text()),
  region: nullable(text()),
  franchiseeId: nullable(text()),
  wecomDepartmentId: nullable(Type.Integer()),
  associateCount: count('Who works there now.'),
  memberCount: nullable(
    count('Whose home store it was at the end of the last day that was counted; null: none was yet.'),
  ),
}

export const ShownStore = Type.Object(storeFields)
export type ShownStore = Static<typeof ShownStore>
export const StorePage = Type.Object({ items: Type.Array(ShownStore), nextCursor: nullable(text()) })
export type StorePage = Static<typeof StorePage>

export const StoreParams = Type.Object({ storeCode: Key('The store.') })
export type StoreParams = Static<typeof StoreParams>

/** GET /api/v1/stores/{storeCode} */
export const StoreDetail = Type.Object({ ...storeFields, types: History, regions: History, franchisees: History })
export type StoreDetail = Static<typeof StoreDetail>

const KINDS = ['store', 'office', 'customer'] as const
const ROLES = ['associate', 'manager', 'franchisee', 'headquarters', 'auditor'] as const
const PAYEE_TYPES = ['employee', 'individual', 'company'] as const

/** GET /api/v1/associates */
export const AssociateQuery = Type.Object(
  {
    ...ListQuery,
    search,
    storeCode: Type.Optional(Key('Only of this store.')),
    kind: Type.Optional(OneOf(KINDS, 'Only of this kind now.')),
    role: Type.Optional(OneOf(ROLES, 'Only with this role.')),
    payeeType: Type.Optional(OneOf(PAYEE_TYPES, 'Only who is paid like this.')),
    work: Type.Optional(OneOf(['active', 'left', 'coming'], 'Who works now, did until some day, or will from one on.')),
    invitedBy: Type.Optional(Key('Only whom this associate brought.')),
  },
  { additionalProperties: false },
)
export type AssociateQuery = Static<typeof AssociateQuery>

const associateFields = {
  associateId: text(),
  name: text(),
  storeCode: nullable(text()),
  storeName: nullable(text()),
  kind: nullable(text()),
  role: Type.Enum([...ROLES]),
  franchiseeId: nullable(text()),
  memberNo: nullable(text()),
  invitedBy: nullable(text()),
  inviterName: nullable(text()),
  payeeType: nullable(text()),
  activeFrom: nullable(Type.String({ description: 'Of the last spell of work.' })),
  activeTo: nullable(Type.String({ description: 'The first instant at which he no longer works.' })),
  work: Type.Enum(['active', 'left', 'coming']),
}

export const ShownAssociate = Type.Object(associateFields)
export type ShownAssociate = Static<typeof ShownAssociate>
export const AssociatePage = Type.Object({ items: Type.Array(ShownAssociate), nextCursor: nullable(text()) })
export type AssociatePage = Static<typeof AssociatePage>

export const AssociateParams = Type.Object({ associateId: Key('The associate.') })
export type AssociateParams = Static<typeof AssociateParams>

/** GET /api/v1/associates/{associateId} */
export const AssociateDetail = Type.Object({
  ...associateFields,
  kinds: History,
  employments: Type.Array(Type.Object({ activeFrom: text(), activeTo: nullable(text()) })),
  open: Type.Object(
    {
      members: count('Attributed to him now.'),
      friends: count('His friends in WeCom now.'),
      groups: count('Groups that he owns in WeCom.'),
      tasks: count('Tasks of his that are not done.'),
      invited: count('Whom he brought.'),
      pendingFen: Type.Integer(),
      availableFen: Type.Integer({ description: 'Below 0: he owes it.' }),
    },
    { description: 'What would be left behind.' },
  ),
})
export type AssociateDetail = Static<typeof AssociateDetail>

/** GET /api/v1/people/houses: what stores are grouped by. */
export const Houses = Type.Object({ regions: Type.Array(text()), franchisees: Type.Array(text()) })
export type Houses = Static<typeof Houses>

/** POST /api/v1/people/stores and …/associates: items as POST /stores and /associates take them. */
export const TellBody = Strict({
  items: Type.Array(Type.Unknown(), { minItems: 1, maxItems: ITEMS_MAX }),
  isDryRun: Type.Optional(Type.Boolean({ description: 'Says what would come of it, and changes nothing.' })),
})
export type TellBody = Static<typeof TellBody>

const Effect = Type.Object(
  {
    what: Type.Enum(['type', 'region', 'franchiseeId', 'kind', 'employment', 'memberNo', 'invitedBy']),
    before: nullable(text()),
    after: nullable(text()),
    from: nullable(Type.String({ description: 'Orders paid from then on are decided anew; null: all of them.' })),
    until: nullable(Type.String({ description: 'Another value was told from then on; null: none was.' })),
    orders: nullable(
      count('Orders paid so far that may be booked anew, at most one more than 1000; null: they were not counted.'),
    ),
  },
  { description: 'What a change does to commission.' },
)
export type Effect = Static<typeof Effect>

const Result = Type.Object({
  key: nullable(text()),
  status: Type.Enum(['created', 'updated', 'unchanged', 'rejected']),
  error: Type.Optional(Type.Object({ code: text(), message: text(), field: Type.Optional(text()) })),
  effects: Type.Array(Effect),
})
export type Result = Static<typeof Result>
export const Told = Type.Object({ results: Type.Array(Result) })
export type Told = Static<typeof Told>

/** POST /api/v1/people/stores/file and …/associates/file */
export const FileBody = Strict({
  file: Type.String({ description: 'The bytes of a CSV file, in base64.', maxLength: 8_000_000, pattern: '^[A-Za-z0-9+/]*={0,2}$' }), // prettier-ignore
  isDryRun: Type.Optional(Type.Boolean({ description: 'Says what would come of it, and changes nothing.' })),
})
export type FileBody = Static<typeof FileBody>

export const FileTold = Type.Object({
  encoding: text(),
  columns: Type.Array(
    Type.Object({ title: text(), field: Nullable(Type.String({ description: 'null: the column is not used.' })) }),
  ),
  lines: Type.Array(
    Type.Object({
      line: Type.Integer({ description: 'As an editor counts lines.' }),
      key: nullable(text()),
      status: Type.Enum(['created', 'updated', 'unchanged', 'rejected']),
      errors: Type.Array(Type.Object({ code: text(), message: text(), field: Type.Optional(text()) })),
      cells: Type.Array(text(), { description: 'As they stand, of a line that was refused; else none.' }),
    }),
  ),
})
export type FileTold = Static<typeof FileTold>
