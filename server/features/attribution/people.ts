import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import { readHistory } from '../stores/service.ts'
import {
  identityKey,
  IDENTITY_KINDS,
  type BindingEventKind,
  type Identity,
  type IdentityKind,
  type Member,
  type MemberAssignment,
  type People,
  type VisitorIds,
} from './domain.ts'
import {
  selectAssignments,
  selectIdentities,
  selectIdsOfMembers,
  selectMergedNumbers,
  selectPersons,
  selectPhoneOwners,
} from './queries.ts'

/** Somebody with everything that is recorded under all his numbers. */
export interface Person {
  memberNos: string[]
  /** The record of his last number; null where he is known by another one alone. */
  member: Member | null
  ids: { kind: string; value: string }[]
  assignments: MemberAssignment[]
}

/** Seen under no id. */
export const NO_VISITOR: VisitorIds = visitorIdsOf({
  unionid: null,
  openid: null,
  externalUserid: null,
  visitorId: null,
})

export function visitorIdsOf(row: {
  unionid: string | null
  openid: string | null
  externalUserid: string | null
  visitorId: string | null
}): VisitorIds {
  return {
    unionid: orAbsent(row.unionid),
    openid: orAbsent(row.openid),
    external_userid: orAbsent(row.externalUserid),
    visitor: orAbsent(row.visitorId),
  }
}

/** Who is who, as far as it was asked for. */
export class PeopleBook implements People {
  readonly identities = new Map<string, Identity[]>()
  readonly mergedInto = new Map<string, string>()
  readonly phones = new Map<string, string[]>()
  /** By last number. */
  readonly persons = new Map<string, Person>()
  /** The records of last numbers. */
  readonly members = new Map<string, Member>()
  /** Numbers that were looked up: only those that were merged are kept. */
  readonly #asked = new Set<string>()

  addNumber(memberNo: string, lastMemberNo: string | null): void {
    if (lastMemberNo !== null && lastMemberNo !== memberNo) this.mergedInto.set(memberNo, lastMemberNo)
  }

  addNumbers(numbers: Iterable<[memberNo: string, lastMemberNo: string]>): void {
    for (const [memberNo, lastMemberNo] of numbers) this.addNumber(memberNo, lastMemberNo)
  }

  last(memberNo: string): string {
    return this.mergedInto.get(memberNo) ?? memberNo
  }

  /** Looks up everything that `findPerson` needs for what was seen. */
  async learn(
    db: Db,
    brandId: number,
    seen: readonly { memberNo?: string; visitorIds: VisitorIds; phoneHash?: string }[],
  ): Promise<void> {
    const ids = new Map<string, { kind: IdentityKind; value: string }>()
    for (const { visitorIds } of seen) {
      for (const kind of IDENTITY_KINDS) {
        const value = visitorIds[kind]
        if (value === undefined || this.identities.has(identityKey(kind, value))) continue
        ids.set(identityKey(kind, value), { kind, value })
      }
    }
    const [links, owners] = await Promise.all([
      selectIdentities(db, { brandId, ids: [...ids.values()] }),
      selectPhoneOwners(db, { brandId, phoneHashes: [...new Set(seen.flatMap(one => one.phoneHash ?? []))] }),
    ])
    for (const key of ids.keys()) this.identities.set(key, [])
    for (const { kind, value, memberNo, at, lastMemberNo } of links) {
      this.identities
        .get(identityKey(kind as IdentityKind, value))!
        .push({ kind: kind as IdentityKind, value, memberNo, at })
      this.addNumber(memberNo, lastMemberNo)
      this.#asked.add(memberNo)
    }
    for (const owner of owners) {
      this.addNumber(owner.memberNo, owner.lastMemberNo)
      const others = this.phones.get(owner.phoneHash) ?? []
      if (!others.includes(owner.memberNo)) this.phones.set(owner.phoneHash, [...others, owner.memberNo])
    }
    await this.learnNumbers(db, brandId, [...new Set(seen.flatMap(one => one.memberNo ?? []))])
  }

  /** Everything recorded about people by their last numbers. @returns those who were not known before */
  async learnPersons(db: Db, brandId: number, lastMemberNos: readonly string[]): Promise<Map<string, Person>> {
    const unknown = lastMemberNos.filter(memberNo => !this.persons.has(memberNo))
    const found = new Map<string, Person>()
    for (const row of await selectPersons(db, { brandId, lastMemberNos: unknown })) {
      this.addNumber(row.memberNo, row.lastMemberNo)
      const person = found.get(row.lastMemberNo) ?? { memberNos: [], member: null, ids: [], assignments: [] }
      found.set(row.lastMemberNo, person)
      person.memberNos.push(row.memberNo)
      if (row.memberNo !== row.lastMemberNo) continue
      person.member = { ...row, levels: readHistory(row.levels) }
      this.members.set(row.memberNo, person.member)
    }
    const memberNos = [...found.values()].flatMap(person => person.memberNos)
    const [ids, assignments] = await Promise.all([
      selectIdsOfMembers(db, { brandId, memberNos }),
      selectAssignments(db, { brandId, memberNos }),
    ])
    for (const id of ids) found.get(this.last(id.memberNo))!.ids.push(id)
    for (const row of assignments) found.get(this.last(row.memberNo))!.assignments.push(assignmentOf(row))
    for (const [memberNo, person] of found) this.persons.set(memberNo, person)
    return found
  }

  /** How much it holds. */
  get size(): number {
    return this.identities.size + this.#asked.size + this.persons.size
  }

  /** Looks up what these numbers became. */
  async learnNumbers(db: Db, brandId: number, memberNos: readonly string[]): Promise<void> {
    const unknown = memberNos.filter(memberNo => !this.#asked.has(memberNo))
    for (const memberNo of unknown) this.#asked.add(memberNo)
    for (const row of await selectMergedNumbers(db, { brandId, memberNos: unknown })) {
      this.addNumber(row.memberNo, row.lastMemberNo)
    }
  }
}

export function assignmentOf(row: {
  memberNo: string
  fromAt: Instant
  attributedTold: boolean
  attributedAssociate: string | null
  homeStoreTold: boolean
  homeStore: string | null
  event: BindingEventKind | null
}): MemberAssignment {
  return {
    memberNo: row.memberNo,
    from: row.fromAt,
    event: orAbsent(row.event),
    attributedAssociate: row.attributedTold ? row.attributedAssociate : orAbsent<string>(null),
    homeStore: row.homeStoreTold ? row.homeStore : orAbsent<string>(null),
  }
}

/**
 * Orders, touches and assignments have one shape each, what is absent being undefined: `decide` is much faster than with
 * as many shapes as there are things that may be absent.
 */
export function orAbsent<T>(value: T | null): T {
  return (value === null ? undefined : value) as T
}
