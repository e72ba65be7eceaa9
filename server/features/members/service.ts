import { compareBytes } from '../../lib/text.ts'
import {
  canonicalJson,
  conflict,
  created,
  rejected,
  unchanged,
  unknownAssociate,
  unknownStore,
  updated,
} from '../../lib/items.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { formatInstant, parseInstant } from '../../lib/time.ts'
import { createBareMembers, takeTurns, veilOf, type Take } from '../evidence/service.ts'
import { markIdentities, markJoined, markMembers } from '../rollups/service.ts'
import { existingAssociates, existingStores } from '../stores/service.ts'
import { tellKept } from '../stores/domain.ts'
import { closesCircle, normalisePhone, parseBirthday, withoutPhones } from './domain.ts'
import {
  insertAssignments,
  insertConsents,
  insertIdentities,
  insertMerges,
  lockMembers,
  selectAssignmentsAt,
  selectContactsByUnionid,
  selectMergesAround,
  selectTraces,
  updateLastNumbers,
  updateMembers,
  type AssignmentRow,
  type MemberRow,
  type MergeRow,
} from './queries.ts'
import type { IdentityItem, MemberAssignmentItem, MemberItem, MemberMergeItem } from './schema.ts'

export { IdentityItem, MemberAssignmentItem, MemberItem, MemberMergeItem } from './schema.ts'

/** Members as told, in whole or in part. */
export const takeMembers: Take<MemberItem> = async (context, items) => {
  const { tx, brandId, now, vault } = context
  const stores = await existingStores(
    tx,
    brandId,
    items.flatMap(item => (item.openingStore == null ? [] : [item.openingStore])),
  )
  const associates = await existingAssociates(
    tx,
    brandId,
    items.flatMap(item => (item.openingAssociate == null ? [] : [item.openingAssociate])),
  )
  const faults = items.map(item => {
    const key = item.memberNo
    if (item.openingStore != null && !stores.has(item.openingStore)) {
      return unknownStore(key, item.openingStore, 'openingStore')
    }
    if (item.openingAssociate != null && !associates.has(item.openingAssociate)) {
      return unknownAssociate(key, item.openingAssociate, 'openingAssociate')
    }
    if (item.phone != null && normalisePhone(item.phone) === null) {
      return rejected(key, 'invalid_phone', 'It must be a phone number.', 'phone')
    }
    if (item.birthday != null && parseBirthday(item.birthday) === null) {
      return rejected(key, 'invalid_value', 'It must be a day, as YYYY-MM-DD or MM-DD.', 'birthday')
    }
    return null
  })
  const memberNos = [...new Set(items.filter((_, i) => !faults[i]).map(item => item.memberNo))]
  if (memberNos.length === 0) return faults.map(fault => fault!)
  const isNew = new Set(await createBareMembers(tx, { brandId, now, memberNos }))
  const rows = new Map<string, MemberRow>(
    (await lockMembers(tx, { brandId, memberNos })).map(row => [
      row.memberNo,
      { ...row, joinedAt: row.joinedAt === null ? null : formatInstant(row.joinedAt) },
    ]),
  )
  const erased = await veilOf(tx, { brandId, vault, ids: [], memberNos })
  const changed = new Map<string, MemberRow>()
  const rejoined = new Set<string>()
  const consents: { consentId: string; memberNo: string; kind: string; given: boolean }[] = []

  const results = items.map((item, i) => {
    if (faults[i]) return faults[i]
    const key = item.memberNo
    const before = rows.get(key)!
    const erasedAt = rows.get(key)!.isErased ? erased.erasedSince(key) : null
    const isBack = erasedAt !== null && item.joinedAt != null && parseInstant(item.joinedAt)! > erasedAt
    if (erasedAt !== null && !isBack && tellsOfPerson(item)) return wasErased(key)
    const kept = <T>(value: T | null | undefined, was: T | null): T | null => (value === undefined ? was : value)
    const phone = item.phone == null ? item.phone : normalisePhone(item.phone)
    const phoneHash = phone == null ? phone : vault.hash(phone)
    const samePhone = phoneHash === undefined || phoneHash === before.phoneHash
    const birthday = item.birthday == null ? item.birthday : parseBirthday(item.birthday)
    const wasYear = before.birthYearHex === null ? null : Number(vault.decrypt(Buffer.from(before.birthYearHex, 'hex')))
    const sameYear = birthday === undefined || (birthday?.year ?? null) === wasYear
    const after: MemberRow = {
      memberNo: key,
      isErased: before.isErased && !isBack,
      name: kept(item.name == null ? item.name : withoutPhones(item.name), before.name),
      phoneHash: kept(phoneHash, before.phoneHash),
      phoneHex: samePhone ? before.phoneHex : phone == null ? null : vault.encrypt(phone).toString('hex'),
      levels: tellKept(before.levels, item.level, item.effectiveFrom, now),
      points: kept(item.points, before.points),
      balanceFen: kept(item.balanceFen, before.balanceFen),
      birthMonth: birthday === undefined ? before.birthMonth : (birthday?.month ?? null),
      birthDay: birthday === undefined ? before.birthDay : (birthday?.day ?? null),
      birthYearHex: sameYear
        ? before.birthYearHex
        : birthday?.year == null
          ? null
          : vault.encrypt(String(birthday.year)).toString('hex'),
      joinedAt:
        item.joinedAt == null ? kept(item.joinedAt, before.joinedAt) : formatInstant(parseInstant(item.joinedAt)!),
      openingStore: kept(item.openingStore, before.openingStore),
      openingAssociate: kept(item.openingAssociate, before.openingAssociate),
      followsOfficialAccount: kept(item.followsOfficialAccount, before.followsOfficialAccount),
      miniProgramAuthorised: kept(item.miniProgramAuthorised, before.miniProgramAuthorised),
      tags: item.tags === undefined ? before.tags : (item.tags ?? []),
      consentTracking: item.consents === null ? null : kept(item.consents?.tracking, before.consentTracking),
      consentMarketing: item.consents === null ? null : kept(item.consents?.marketing, before.consentMarketing),
    }
    const isCreated = isNew.delete(key)
    if (canonicalJson(before) === canonicalJson(after)) return isCreated ? created(key) : unchanged(key)
    rows.set(key, after)
    changed.set(key, after)
    if (before.joinedAt !== after.joinedAt || before.openingStore !== after.openingStore) rejoined.add(key)
    if (decisive(before) !== decisive(after)) context.mark({ kind: 'member', key })
    if (enrolment(before) !== enrolment(after)) {
      context.bind({ kind: 'member', key })
      context.reward({ kind: 'member', key })
    }
    for (const hash of samePhone ? [] : [before.phoneHash, after.phoneHash]) {
      if (hash !== null) context.mark({ kind: 'phone', key: hash })
    }
    for (const [kind, given, was] of [
      ['tracking', after.consentTracking, before.consentTracking],
      ['marketing', after.consentMarketing, before.consentMarketing],
    ] as const) {
      if (given !== was) consents.push({ consentId: uuidv7(now), memberNo: key, kind, given: given ?? false })
    }
    return isCreated ? created(key) : updated(key)
  })
  await markJoined(tx, { brandId, now, memberNos: [...rejoined] })
  await updateMembers(tx, { brandId, now, rows: [...changed.values()] })
  await markJoined(tx, { brandId, now, memberNos: [...rejoined] })
  await insertConsents(tx, { brandId, now, rows: consents })
  return results
}

/** What of an item is about the person, and not about whose customer he is and what he is to plans. */
const tellsOfPerson = ({
  memberNo: _,
  level,
  openingStore,
  openingAssociate,
  effectiveFrom,
  ...personal
}: MemberItem) => Object.values(personal).some(value => value != null)

const wasErased = (key: string) =>
  rejected(key, 'member_erased', 'His personal data was erased; it is taken again when he has joined since.')

/** What of a member can change a commission. */
const decisive = ({ levels, openingStore, openingAssociate }: MemberRow) =>
  canonicalJson({ levels, openingStore, openingAssociate })

/** When and with whom he became a member. */
const enrolment = ({ joinedAt, openingAssociate }: MemberRow) => canonicalJson({ joinedAt, openingAssociate })

/** Merges of members: two numbers are one person, before and after. A circle is refused. */
export const takeMemberMerges: Take<MemberMergeItem> = async (context, items) => {
  const { tx, brandId, now } = context
  const named = items.flatMap(item => [item.memberNo, item.into])
  await createBareMembers(tx, { brandId, now, memberNos: named })
  await takeTurns(tx, brandId, 'member-merges')
  const merges = [...(await selectMergesAround(tx, { brandId, memberNos: [...new Set(named)] }))]
  const added: MergeRow[] = []

  const results = items.map(item => {
    const at = parseInstant(item.at)!
    const key = `${item.memberNo}/${formatInstant(at)}`
    const told = merges.find(merge => merge.memberNo === item.memberNo && merge.at === at)
    if (told) {
      return told.into === item.into
        ? unchanged(key)
        : conflict(key, `At this instant ${item.memberNo} was merged into another number.`, 'into')
    }
    const merge = { memberNo: item.memberNo, at, into: item.into }
    const counting = latestMerges([...merges, merge])
    if (
      item.memberNo === item.into ||
      (counting.get(item.memberNo) === item.into &&
        closesCircle(item.memberNo, item.into, latestMerges(merges.filter(other => other.memberNo !== item.memberNo))))
    ) {
      return rejected(key, 'merge_circle', 'The numbers would be merged in a circle.', 'into')
    }
    // Whom he was until now: a merge that is corrected takes its orders and touches away again.
    const before = endOf(item.memberNo, latestMerges(merges))
    merges.push(merge)
    added.push(merge)
    for (const memberNo of [before, item.memberNo, item.into]) {
      context.mark({ kind: 'member', key: memberNo })
      context.bind({ kind: 'member', key: memberNo })
      context.reward({ kind: 'member', key: memberNo })
    }
    return created(key)
  })
  await insertMerges(tx, { brandId, now, rows: added })
  const counting = latestMerges(merges)
  const everybody = new Set([...named, ...merges.flatMap(merge => [merge.memberNo, merge.into])])
  if (added.length > 0) {
    // Two who share a phone are now one, or one is two; another may win a tie of identities.
    for (const trace of await selectTraces(tx, { brandId, memberNos: [...everybody] })) {
      context.mark(trace)
      if (trace.kind === 'external_userid') context.bind({ kind: trace.kind, key: trace.key })
    }
  }
  await updateLastNumbers(tx, {
    brandId,
    rows: [...everybody].sort(compareBytes).map(memberNo => ({ memberNo, lastMemberNo: endOf(memberNo, counting) })),
  })
  if (added.length > 0) await markMembers(tx, { brandId, now, memberNos: [...everybody] })
  return results
}

/** Of each number the merge with the greatest `at`. */
function latestMerges(merges: readonly MergeRow[]): Map<string, string> {
  const latest = new Map<string, MergeRow>()
  for (const merge of merges) {
    const before = latest.get(merge.memberNo)
    if (!before || merge.at > before.at) latest.set(merge.memberNo, merge)
  }
  return new Map([...latest].map(([memberNo, merge]) => [memberNo, merge.into]))
}

function endOf(memberNo: string, counting: ReadonlyMap<string, string>): string {
  let at = memberNo
  for (let next = counting.get(at); next !== undefined; next = counting.get(at)) at = next
  return at
}

/** Links of visitor ids to members. */
export const takeIdentities: Take<IdentityItem> = async (context, items) => {
  const { tx, brandId, now, vault } = context
  await createBareMembers(tx, { brandId, now, memberNos: items.map(item => item.memberNo) })
  const told = items.map(({ kind, value, memberNo, at }) => ({
    kind,
    value,
    memberNo,
    at: formatInstant(parseInstant(at)!),
  }))
  // What is told of the time before somebody was erased is kept under tombstones; later it is a stranger's.
  const ids = items.map(item => ({ ...item, at: parseInstant(item.at)! }))
  const veil = await veilOf(tx, { brandId, vault, ids, memberNos: [] })
  const faults = ids.map(({ kind, value, memberNo, at }, i) => {
    const since = veil.erasedSince(memberNo)
    return since !== null && at > since ? wasErased(`${kind}/${value}/${told[i]!.at}`) : null
  })
  const rows = told.map((row, i) => ({ ...row, value: veil.tombOf(ids[i]!) ?? row.value }))
  const taken = rows.filter((_, i) => !faults[i])
  const keyOf = (row: { kind: string; value: string; at: string; memberNo: string }) =>
    JSON.stringify([row.kind, row.value, row.at, row.memberNo])
  // Whoever has a unionid in WeCom is known there by another id: linked to the same member, as of the same instant.
  const unionids = taken.filter(row => row.kind === 'unionid')
  const contacts = await selectContactsByUnionid(tx, { brandId, unionids: unionids.map(row => row.value) })
  const follow = unionids.flatMap(({ value, memberNo, at }) =>
    contacts
      .filter(contact => contact.unionid === value)
      .map(contact => ({ kind: 'external_userid' as const, value: contact.externalUserid, memberNo, at })),
  )
  const distinct = new Map([...taken, ...follow].map(row => [keyOf(row), row]))
  const inserted = await insertIdentities(tx, { brandId, now, rows: [...distinct.values()] })
  await markIdentities(tx, { brandId, now, identities: inserted })
  const isNew = new Set(inserted.map(row => keyOf({ ...row, at: formatInstant(row.at) })))
  const isCreated = (row: (typeof rows)[number]) => {
    if (!isNew.delete(keyOf(row))) return false
    context.mark({ kind: row.kind, key: row.value })
    if (row.kind === 'external_userid') {
      context.bind({ kind: row.kind, key: row.value })
      context.reward({ kind: 'customer', key: row.value })
    }
    return true
  }
  const results = rows.map((row, i) => {
    if (faults[i]) return faults[i]
    const key = `${row.kind}/${told[i]!.value}/${row.at}`
    return isCreated(row) ? created(key) : unchanged(key)
  })
  follow.forEach(isCreated)
  return results
}

/** Whose customer a member is, and which store serves him, from an instant on. */
export const takeMemberAssignments: Take<MemberAssignmentItem> = async (context, items) => {
  const { tx, brandId, now } = context
  await createBareMembers(tx, { brandId, now, memberNos: items.map(item => item.memberNo) })
  await takeTurns(tx, brandId, 'member-assignments')
  const stores = await existingStores(
    tx,
    brandId,
    items.flatMap(item => (item.homeStore == null ? [] : [item.homeStore])),
  )
  const associates = await existingAssociates(
    tx,
    brandId,
    items.flatMap(item => (item.attributedAssociate == null ? [] : [item.attributedAssociate])),
  )
  const told = new Map<string, Omit<AssignmentRow, 'assignmentId'>>()
  for (const row of await selectAssignmentsAt(tx, {
    brandId,
    keys: items.map(item => ({ memberNo: item.memberNo, from: formatInstant(parseInstant(item.from)!) })),
  })) {
    const key = `${row.memberNo}/${formatInstant(row.fromAt)}`
    told.set(key, combined(told.get(key), row))
  }
  const added: AssignmentRow[] = []

  const results = items.map(item => {
    const fromAt = parseInstant(item.from)!
    const key = `${item.memberNo}/${formatInstant(fromAt)}`
    if (item.attributedAssociate != null && !associates.has(item.attributedAssociate)) {
      return unknownAssociate(key, item.attributedAssociate, 'attributedAssociate')
    }
    if (item.homeStore != null && !stores.has(item.homeStore)) return unknownStore(key, item.homeStore, 'homeStore')
    const before = told.get(key)
    const row: AssignmentRow = {
      assignmentId: uuidv7(now),
      memberNo: item.memberNo,
      fromAt,
      attributedTold: item.attributedAssociate !== undefined,
      attributedAssociate: item.attributedAssociate ?? null,
      homeStoreTold: item.homeStore !== undefined,
      homeStore: item.homeStore ?? null,
      reason: item.reason ?? null,
    }
    if (before?.attributedTold && row.attributedTold && before.attributedAssociate !== row.attributedAssociate) {
      return conflict(key, 'From this instant another associate was told.', 'attributedAssociate')
    }
    if (before?.homeStoreTold && row.homeStoreTold && before.homeStore !== row.homeStore) {
      return conflict(key, 'From this instant another store was told.', 'homeStore')
    }
    const after = combined(before, row)
    if (before && canonicalJson(before) === canonicalJson(after)) return unchanged(key)
    told.set(key, after)
    added.push(row)
    context.mark({ kind: 'member', key: item.memberNo, paidFrom: fromAt })
    if (row.attributedTold) context.bind({ kind: 'member', key: item.memberNo })
    return before ? updated(key) : created(key)
  })
  await insertAssignments(tx, { brandId, now, rows: added })
  return results
}

/** What several tellings of one instant say together. */
function combined(
  before: Omit<AssignmentRow, 'assignmentId'> | undefined,
  row: Omit<AssignmentRow, 'assignmentId'>,
): Omit<AssignmentRow, 'assignmentId'> {
  return {
    memberNo: row.memberNo,
    fromAt: row.fromAt,
    attributedTold: row.attributedTold || (before?.attributedTold ?? false),
    attributedAssociate: row.attributedTold ? row.attributedAssociate : (before?.attributedAssociate ?? null),
    homeStoreTold: row.homeStoreTold || (before?.homeStoreTold ?? false),
    homeStore: row.homeStoreTold ? row.homeStore : (before?.homeStore ?? null),
    reason: row.reason ?? before?.reason ?? null,
  }
}
