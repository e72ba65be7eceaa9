import type { Db } from '../../database.ts'
import {
  canonicalJson,
  created,
  rejected,
  unchanged,
  unknownAssociate,
  unknownStore,
  updated,
} from '../../lib/items.ts'
import { createBareMembers, takeTurns, type Take } from '../evidence/service.ts'
import { tellEmployment, tellKept } from './domain.ts'
import {
  selectAssociateIds,
  selectAssociates,
  selectStoreCodes,
  selectStores,
  upsertAssociates,
  upsertStores,
  type AssociateRow,
  type StoreRow,
} from './queries.ts'
import type { AssociateItem, StoreItem } from './schema.ts'

export { AssociateItem, StoreItem } from './schema.ts'
export { readHistory } from './domain.ts'
export { selectAssociates, selectStores, type AssociateRow, type StoreRow } from './queries.ts'

/** Which of these stores there are. */
export async function existingStores(db: Db, brandId: number, storeCodes: Iterable<string>): Promise<Set<string>> {
  return new Set(await selectStoreCodes(db, { brandId, storeCodes: [...new Set(storeCodes)] }))
}

/** Which of these associates there are. */
export async function existingAssociates(
  db: Db,
  brandId: number,
  associateIds: Iterable<string>,
): Promise<Set<string>> {
  return new Set(await selectAssociateIds(db, { brandId, associateIds: [...new Set(associateIds)] }))
}

/** Stores as told, in whole or in part. A changed type, region or franchisee re-books the orders it speaks of. */
export const takeStores: Take<StoreItem> = async (context, items) => {
  const { tx, brandId, now } = context
  await takeTurns(tx, brandId, 'stores')
  const kept = await selectStores(tx, { brandId, storeCodes: items.map(item => item.storeCode) })
  const rows = new Map<string, StoreRow>(kept.map(row => [row.storeCode, row]))
  const changed = new Map<string, StoreRow>()

  const results = items.map(item => {
    const before = rows.get(item.storeCode)
    if (!before && item.name === undefined) {
      return rejected(item.storeCode, 'missing_field', 'A new store needs a name.', 'name')
    }
    if (!before && item.type === undefined) {
      return rejected(item.storeCode, 'missing_field', 'A new store needs a type.', 'type')
    }
    const after: StoreRow = {
      storeCode: item.storeCode,
      name: item.name ?? before!.name,
      types: tellKept(before?.types ?? [], item.type, item.effectiveFrom, now),
      regions: tellKept(before?.regions ?? [], item.region, item.effectiveFrom, now),
      franchisees: tellKept(before?.franchisees ?? [], item.franchiseeId, item.effectiveFrom, now),
      wecomDepartmentId:
        item.wecomDepartmentId === undefined ? (before?.wecomDepartmentId ?? null) : item.wecomDepartmentId,
    }
    if (before && canonicalJson(before) === canonicalJson(after)) return unchanged(item.storeCode)
    rows.set(item.storeCode, after)
    changed.set(item.storeCode, after)
    if (before && decisive(before) !== decisive(after)) {
      context.mark({ kind: 'store', key: item.storeCode })
      context.reward({ kind: 'store', key: item.storeCode })
    }
    return before ? updated(item.storeCode) : created(item.storeCode)
  })
  await upsertStores(tx, { brandId, now, rows: [...changed.values()] })
  return results
}

/** What of a store can change a commission. */
const decisive = ({ types, regions, franchisees }: StoreRow) => canonicalJson({ types, regions, franchisees })

/** Associates as told, in whole or in part. */
export const takeAssociates: Take<AssociateItem> = async (context, items) => {
  const { tx, brandId, now } = context
  const named = items.flatMap(item => (item.memberNo == null ? [] : [item.memberNo]))
  await createBareMembers(tx, { brandId, now, memberNos: named })
  await takeTurns(tx, brandId, 'associates')
  const ids = items.flatMap(item => (item.invitedBy == null ? [item.associateId] : [item.associateId, item.invitedBy]))
  const kept = await selectAssociates(tx, { brandId, associateIds: [...new Set(ids)] })
  const rows = new Map<string, AssociateRow>(kept.map(row => [row.associateId, row]))
  const stores = await existingStores(
    tx,
    brandId,
    items.flatMap(item => (item.storeCode == null ? [] : [item.storeCode])),
  )
  const changed = new Map<string, AssociateRow>()

  const results = items.map(item => {
    const key = item.associateId
    const before = rows.get(key)
    if (!before && item.name === undefined) {
      return rejected(key, 'missing_field', 'A new associate needs a name.', 'name')
    }
    if (!before && item.activeFrom === undefined) {
      return rejected(key, 'missing_field', 'A new associate needs activeFrom.', 'activeFrom')
    }
    if (item.storeCode != null && !stores.has(item.storeCode)) return unknownStore(key, item.storeCode, 'storeCode')
    if (item.invitedBy === key) {
      return rejected(key, 'invites_himself', 'Nobody invites himself.', 'invitedBy')
    }
    if (item.invitedBy != null && !rows.has(item.invitedBy)) return unknownAssociate(key, item.invitedBy, 'invitedBy')
    const kept = <T>(value: T | null | undefined, was: T | null | undefined): T | null =>
      value === undefined ? (was ?? null) : value
    const after: AssociateRow = {
      associateId: key,
      name: item.name ?? before!.name,
      storeCode: kept(item.storeCode, before?.storeCode),
      kinds: tellKept(before?.kinds ?? [], item.kind ?? (before ? undefined : 'store'), item.effectiveFrom, now),
      role: item.role ?? before?.role ?? 'associate',
      franchiseeId: kept(item.franchiseeId, before?.franchiseeId),
      memberNo: kept(item.memberNo, before?.memberNo),
      invitedBy: kept(item.invitedBy, before?.invitedBy),
      payeeType: kept<string>(item.payeeType, before?.payeeType),
      employments: tellEmployment(before?.employments ?? [], item.activeFrom, item.activeTo),
    }
    if (after.kinds.at(-1)?.value === 'store' && after.storeCode === null) {
      return rejected(key, 'missing_field', 'An associate of kind store needs a storeCode.', 'storeCode')
    }
    if (before && canonicalJson(before) === canonicalJson(after)) return unchanged(key)
    rows.set(key, after)
    changed.set(key, after)
    if (before && decisiveOfAssociate(before) !== decisiveOfAssociate(after)) context.mark({ kind: 'associate', key })
    if (canonicalJson(before?.employments) !== canonicalJson(after.employments))
      context.bind({ kind: 'associate', key })
    if (before && rewarding(before) !== rewarding(after)) context.reward({ kind: 'associate', key })
    return before ? updated(key) : created(key)
  })
  await upsertAssociates(tx, { brandId, now, rows: [...changed.values()] })
  return results
}

/** What of an associate can change a commission. */
const decisiveOfAssociate = ({ kinds, employments, memberNo, invitedBy }: AssociateRow) =>
  canonicalJson({ kinds, employments, memberNo, invitedBy })

/** What of an associate can change a reward. */
const rewarding = ({ kinds, employments, memberNo, storeCode }: AssociateRow) =>
  canonicalJson({ kinds, employments, memberNo, storeCode })
