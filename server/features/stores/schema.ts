import { Type, type Static } from 'typebox'
import { InstantText, Key, Nullable, OneOf, Strict, Text, WholeNumber } from '../../lib/schema.ts'

const effectiveFrom = Type.Optional(
  InstantText('From when a changed type, region, franchiseeId or kind holds; without it from now on.'),
)

export const StoreItem = Strict({
  storeCode: Key('The store.'),
  name: Type.Optional(Text('Its name; needed for a new store.')),
  type: Type.Optional(OneOf(['direct', 'franchise'], 'Needed for a new store.')),
  region: Type.Optional(Nullable(Key('Region, as reports group it.'))),
  franchiseeId: Type.Optional(Nullable(Key('Whose store it is, for a franchise.'))),
  wecomDepartmentId: Type.Optional(Nullable(WholeNumber('The department of its staff in WeCom.'))),
  effectiveFrom,
})
export type StoreItem = Static<typeof StoreItem>

export const AssociateItem = Strict({
  associateId: Key('The WeCom userid for kinds store and office.'),
  name: Type.Optional(Text('Needed for a new associate.')),
  storeCode: Type.Optional(Nullable(Key('Where he works; needed for kind store.'))),
  kind: Type.Optional(OneOf(['store', 'office', 'customer'], 'Default store.')),
  role: Type.Optional(
    OneOf(['associate', 'manager', 'franchisee', 'headquarters', 'auditor'], 'What he may see. Default associate.'),
  ),
  franchiseeId: Type.Optional(Nullable(Key('Whose stores a franchisee sees.'))),
  memberNo: Type.Optional(Nullable(Key('His own membership: nobody earns on his own purchase.'))),
  activeFrom: Type.Optional(InstantText('Needed for a new associate; one after a told activeTo opens another spell.')),
  activeTo: Type.Optional(Nullable(InstantText('The first instant at which he no longer works.'))),
  invitedBy: Type.Optional(Nullable(Key('The associate who brought him.'))),
  payeeType: Type.Optional(Nullable(OneOf(['employee', 'individual', 'company'], 'How he is paid.'))),
  effectiveFrom,
})
export type AssociateItem = Static<typeof AssociateItem>
