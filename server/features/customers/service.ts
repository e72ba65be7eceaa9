import { askByKeptPlan, buildPoolLookups, type Db } from '../../database.ts'
import { valueInForce } from '../../lib/dated.ts'
import { parseInstant, type Instant } from '../../lib/time.ts'
import type { Caller, Person } from '../auth/domain.ts'
import { assignmentInForce, type StoreType, type VisitorIds } from '../attribution/domain.ts'
import { keepThoseOf, readPerson, recognise, type KnownPerson } from '../attribution/service.ts'
import { contactOwnNumber } from '../mirror/service.ts'
import { readHistory, selectAssociates, selectStores, type AssociateRow, type StoreRow } from '../stores/service.ts'
import { sightOf, type HouseStore, type Sight, type View } from './domain.ts'
import { selectCustomerRecords, selectIsContact, selectViews, type CustomerRecord } from './queries.ts'

export type { View } from './domain.ts'
export type { CustomerRecord } from './queries.ts'

/** The assignment of an associate that is in force. */
export interface AttributedTo {
  associateId: string
  since: Instant
  /** As told with the assignment. */
  reason: string | null
}

/** The member behind a contact, and what somebody who asks may know of him; with everybody and every store that it names. */
export interface Customer extends Staff {
  person: KnownPerson
  record: CustomerRecord
  sight: Exclude<Sight, 'hidden'>
  /** null: nobody, or somebody who no longer works here, to whom an order would pay nothing. */
  attributed: AttributedTo | null
  homeStore: string | null
  /** No home store was assigned: the opening store stands in. */
  isHomeStoreOpening: boolean
  /** From when he was assigned to it; null where he was not. */
  homeStoreSince: Instant | null
}

/** Whoever asks in person; routes for keys have no business here. */
export function personOf(caller: Caller): Person {
  if (!caller.person) throw new Error('this is only asked in person')
  return caller.person
}

/**
 * The customer of a chat, found as the buyer of an order would be.
 *
 * @returns null where no member is linked to the contact, and where he is hidden from the asker: the two must look
 *   alike. `sightOf` says who sees what.
 */
export async function findCustomer(
  db: Db,
  caller: Caller,
  options: { externalUserid: string; now: Instant },
): Promise<Customer | null> {
  const { brandId } = caller
  const { externalUserid, now } = options
  const memberNo = await recognise(db, { brandId, visitorIds: { external_userid: externalUserid } })
  // A contact that was taken from whom it had been linked to stands for nobody.
  if (memberNo === null || memberNo === contactOwnNumber(externalUserid)) return null
  return await readMember(db, caller, { memberNo, contactsOf: () => [externalUserid], now })
}

/**
 * The member of a number, also of one that was merged; for a person or for a key that reads.
 *
 * @returns null where there is none, and where he is hidden from the asker
 */
export async function findMember(
  db: Db,
  caller: Caller,
  options: { memberNo: string; now: Instant },
): Promise<Customer | null> {
  const { brandId } = caller
  const { now } = options
  const memberNo = await recognise(db, { brandId, memberNo: options.memberNo, visitorIds: {} })
  if (memberNo === null) return null
  const contactsOf = (person: KnownPerson) => person.ids.filter(id => id.kind === 'external_userid').map(id => id.value)
  return await readMember(db, caller, { memberNo, contactsOf, now })
}

const recordsAsked = buildPoolLookups<CustomerRecord>()

async function readRecord(
  db: Db,
  { brandId, memberNo }: { brandId: number; memberNo: string },
): Promise<CustomerRecord | null> {
  const found = await recordsAsked(db, { brandId, keys: [memberNo] }, async memberNos =>
    byKey(await selectCustomerRecords(db, { brandId, memberNos }), row => row.memberNo),
  )
  return found.get(memberNo) ?? null
}

/** The member of a last number, as the asker may see him; null where he may not, or where no record of him is kept. */
async function readMember(
  db: Db,
  { brandId, scope, person: asker }: Caller,
  {
    memberNo,
    contactsOf,
    now,
  }: {
    memberNo: string
    /** What he is in chats, where the asker may have written to him. */
    contactsOf: (person: KnownPerson) => readonly string[]
    now: Instant
  },
): Promise<Customer | null> {
  const [person, record] = await Promise.all([
    readPerson(db, { brandId, memberNo }),
    readRecord(db, { brandId, memberNo }),
  ])
  if (!record) return null

  const assigned = assignmentInForce(person.assignments, 'attributedAssociate', now)
  const assignedHome = assignmentInForce(person.assignments, 'homeStore', now)
  const homeStore = assignedHome?.value ?? record.openingStore
  const { associates, stores } = await readStaff(db, {
    brandId,
    associateIds: [asker?.associateId, assigned?.value, record.openingAssociate],
    storeCodes: [
      homeStore,
      record.openingStore,
      asker?.storeCode,
      ...(scope.reach === 'stores' ? scope.storeCodes : []),
    ],
  })
  const houseStore = (storeCode: string | null | undefined): HouseStore | null => {
    const store = storeCode == null ? undefined : stores.get(storeCode)
    return store ? { storeCode: store.storeCode, ...standingOf(store, now) } : null
  }
  const attributedRow = assigned?.value == null ? undefined : associates.get(assigned.value)
  const sightWhere = (isContactOfAsker: boolean) =>
    sightOf(
      {
        scope,
        associateId: asker?.associateId ?? '',
        stores: [asker?.storeCode, ...(scope.reach === 'stores' ? scope.storeCodes : [])]
          .map(houseStore)
          .filter(store => store !== null),
      },
      {
        attributedAssociate: assigned?.value ?? null,
        openingAssociate: record.openingAssociate,
        isContactOfAsker,
        attributedStore: houseStore(attributedRow?.storeCode),
        homeStore: houseStore(homeStore),
        openingStore: houseStore(record.openingStore),
      },
    )
  let sight = sightWhere(false)
  // Looked up through all months of touches, and only where it makes a difference.
  if (sight !== 'full' && asker) {
    const contact = { brandId, associateId: asker.associateId, externalUserids: contactsOf(person) }
    sight = sightWhere(await selectIsContact(db, contact))
  }
  if (sight === 'hidden') return null
  return {
    person,
    record,
    sight,
    attributed:
      assigned && attributedRow && worksAt(attributedRow, now)
        ? { associateId: attributedRow.associateId, since: assigned.from, reason: reasonOf(person, assigned) }
        : null,
    homeStore,
    isHomeStoreOpening: homeStore !== null && assignedHome?.value == null,
    homeStoreSince: assignedHome?.value == null ? null : assignedHome.from,
    associates,
    stores,
  }
}

/** People and stores by key. */
export interface Staff {
  associates: ReadonlyMap<string, AssociateRow>
  stores: ReadonlyMap<string, StoreRow>
}

/** A person with the store that he works in, or a store. */
interface Found {
  associate?: AssociateRow
  store?: StoreRow
}

const staffAsked = buildPoolLookups<Found>()

/** People and stores are looked up together; which of them a key is of stands in front of it. */
const KEY_OF = { associate: 'a:', store: 's:' } as const
const keysOf = (kind: keyof typeof KEY_OF, keys: Iterable<string>) => [...keys].map(key => KEY_OF[kind] + key)
const namesIn = (kind: keyof typeof KEY_OF, keys: readonly string[]) =>
  keys.filter(key => key.startsWith(KEY_OF[kind])).map(key => key.slice(KEY_OF[kind].length))

/** These people and stores, and the stores that these people work in; who is known is not asked for again. */
export async function readStaff(
  db: Db,
  options: {
    brandId: number
    associateIds: readonly (string | null | undefined)[]
    storeCodes: readonly (string | null | undefined)[]
    known?: Staff
  },
): Promise<Staff> {
  const { brandId, known } = options
  const missing = (keys: readonly (string | null | undefined)[], of: ReadonlyMap<string, unknown> | undefined) =>
    new Set(keys.filter(key => key != null && of?.has(key) !== true) as string[])
  const keys = [
    ...keysOf('associate', missing(options.associateIds, known?.associates)),
    ...keysOf('store', missing(options.storeCodes, known?.stores)),
  ]
  const found = [...(await staffAsked(db, { brandId, keys }, all => lookUpStaff(db, brandId, all))).values()]
  const associates = found.flatMap(one => one.associate ?? [])
  const stores = found.flatMap(one => one.store ?? [])
  return {
    associates: new Map([...(known?.associates ?? []), ...byKey(associates, row => row.associateId)]),
    stores: new Map([...(known?.stores ?? []), ...byKey(stores, row => row.storeCode)]),
  }
}

async function lookUpStaff(db: Db, brandId: number, keys: readonly string[]): Promise<Map<string, Found>> {
  const associateIds = namesIn('associate', keys)
  const [associates, stores] = await Promise.all([
    selectAssociates(db, { brandId, associateIds }),
    selectStores(db, { brandId, storeCodes: namesIn('store', keys), ofAssociates: associateIds }),
  ])
  const storeOf = byKey(stores, row => row.storeCode)
  const withStore = (associate: AssociateRow): Found => {
    const store = associate.storeCode === null ? undefined : storeOf.get(associate.storeCode)
    return store ? { associate, store } : { associate }
  }
  return new Map<string, Found>([
    ...associates.map(row => [KEY_OF.associate + row.associateId, withStore(row)] as const),
    ...stores.map(row => [KEY_OF.store + row.storeCode, { store: row }] as const),
  ])
}

/** What a store is at an instant. */
export function standingOf(store: StoreRow, at: Instant): { type: StoreType; franchiseeId: string | null } {
  return {
    type: valueInForce(readHistory<StoreType>(store.types), at) ?? 'direct',
    franchiseeId: valueInForce(readHistory<string>(store.franchisees), at),
  }
}

function worksAt(associate: AssociateRow, at: Instant): boolean {
  return associate.employments.some(({ activeFrom, activeTo }) => {
    const to = activeTo === null ? null : parseInstant(activeTo)
    return parseInstant(activeFrom)! <= at && (to === null || at < to)
  })
}

/** The reason of the assignment in force: the one of several tellings of that instant that gave one. */
function reasonOf(person: KnownPerson, inForce: { value: string | null; from: Instant }): string | null {
  const told = person.assignments.filter(
    entry => entry.from === inForce.from && entry.attributedAssociate === inForce.value,
  )
  return told.find(entry => entry.reason !== null)?.reason ?? null
}

/** The most touches that a person's views are made of; beyond them only counts would be larger. */
const TOUCHES_MAX = 500

/**
 * What a customer looked at since then, the latest first.
 *
 * @returns null where he has not agreed to be followed, or is not the asker's to see
 */
export async function viewsOf(
  db: Db,
  options: { brandId: number; customer: Customer; from: Instant },
): Promise<View[] | null> {
  const { brandId, from } = options
  const { person, record, sight } = options.customer
  if (sight !== 'full' || record.consentTracking !== true) return null
  const asked = { brandId, memberNos: person.memberNos, ids: person.ids, from, limit: TOUCHES_MAX }
  const rows = await askByKeptPlan(db, tx => selectViews(tx, asked))
  const seen = rows.map(row => ({
    row,
    ...(row.memberNo === null ? {} : { memberNo: row.memberNo }),
    visitorIds: visitorIdsOf(row),
  }))
  const own = await keepThoseOf(db, { brandId, memberNo: person.memberNo, seen })
  return own.flatMap(({ row: { at, kind, ref, title, associateId, channel } }) =>
    kind === null || ref === null ? [] : [{ at, kind, ref, title, associateId, channel }],
  )
}

function visitorIdsOf(row: {
  unionid: string | null
  openid: string | null
  externalUserid: string | null
  visitorId: string | null
}): VisitorIds {
  const { unionid, openid, externalUserid, visitorId } = row
  return {
    ...(unionid === null ? {} : { unionid }),
    ...(openid === null ? {} : { openid }),
    ...(externalUserid === null ? {} : { external_userid: externalUserid }),
    ...(visitorId === null ? {} : { visitor: visitorId }),
  }
}

/** Rows by their key. */
export const byKey = <Row>(rows: readonly Row[], keyOf: (row: Row) => string): Map<string, Row> =>
  new Map(rows.map(row => [keyOf(row), row]))
