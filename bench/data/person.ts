import {
  identityKey,
  type Identity,
  type IdentityKind,
  type Member,
  type MemberAssignment,
  type People,
  type VisitorIds,
} from '../../server/features/attribution/domain.ts'
import { DAY_MS, type Instant } from '../../server/lib/time.ts'
import type { Vault } from '../../server/lib/vault.ts'
import { memberNoOf, type Brand, type GeneratedStore } from './brand.ts'
import { mix, Random } from './random.ts'

/** A customer with a member number, and everything told about him. */
export interface Person extends Member {
  joinedAt: Instant
  levelTo: Instant | null
  store: GeneratedStore
  /** Whose customer he mostly is; of `brand.associates`. */
  associateIndex: number
  phone: string | null
  phoneHash: string | null
  ids: VisitorIds
  identities: readonly Identity[]
  assignments: readonly MemberAssignment[]
  /** The number he had before, which was merged into his. */
  oldNumber: { memberNo: string; mergedAt: Instant } | null
}

const IDS: readonly { kind: IdentityKind; prefix: string; share: number }[] = [
  { kind: 'unionid', prefix: 'u-', share: 0.6 },
  { kind: 'openid', prefix: 'o-', share: 0.45 },
  { kind: 'external_userid', prefix: 'wm-', share: 0.3 },
  { kind: 'visitor', prefix: 'v-', share: 0.35 },
]

/** How many orders a member makes: Zipf, most one or two, a few hundreds. */
const ORDERS_PER_MEMBER_MAX = 300
const ORDERS_EXPONENT = 1.6
const orderCountSums = (() => {
  const sums = new Float64Array(ORDERS_PER_MEMBER_MAX)
  let sum = 0
  for (let count = 1; count <= ORDERS_PER_MEMBER_MAX; count++) sums[count - 1] = sum += count ** -ORDERS_EXPONENT
  return sums
})()

export function drawOrderCount(random: Random): number {
  const position = random.next() * orderCountSums.at(-1)!
  let count = 0
  while (orderCountSums[count]! <= position) count++
  return count + 1
}

/** When a member joined: many before the history begins. */
export function drawJoinedAt(brand: Brand, random: Random): Instant {
  const { from, until } = brand.calendar
  if (random.chance(0.55)) return from - random.below(1400) * DAY_MS - random.below(DAY_MS)
  return Math.floor(from + (until - from) * 0.95 * random.next())
}

/** The seed of a person's own draws. */
export const personSeed = (brand: Brand, index: number) => mix(brand.options.seed, 5, index)

/** A member by his number's index; the same each time he is asked for. */
export function personOf(brand: Brand, index: number, vault: Pick<Vault, 'hash'>): Person {
  const random = new Random(personSeed(brand, index))
  const joinedAt = drawJoinedAt(brand, random)
  const memberNo = memberNoOf(index)
  const store = brand.drawStore(random)
  const opener = brand.drawStaff(random, store, joinedAt)
  const associateIndex = store.staffFrom + Math.floor(store.staffCount * random.next() ** 1.4)
  const levelDraw = random.next()
  const level = levelDraw < 0.7 ? 'basic' : levelDraw < 0.92 ? 'silver' : 'gold'
  const levelTo = level === 'basic' && random.chance(0.1) ? brand.calendar.draw(random, joinedAt) : null
  const phone = random.chance(0.05) ? `1${String(3_000_000_000 + index)}` : null
  const ids = idsOf({})
  const identities: Identity[] = []
  for (const { kind, prefix, share } of IDS) {
    if (!random.chance(share)) continue
    const value = `${prefix}${mix(brand.options.seed, 6, index)}${index}`
    ids[kind] = value
    identities.push({ kind, value, memberNo, at: joinedAt + random.below(30 * DAY_MS) })
  }
  const assignments: MemberAssignment[] = []
  if (random.chance(0.7)) {
    assignments.push({
      memberNo,
      from: joinedAt,
      attributedAssociate: brand.associates[associateIndex]!.associateId,
      homeStore: store.storeCode,
    })
    if (random.chance(0.15)) {
      const at = brand.calendar.draw(random, joinedAt)
      const next = brand.drawStaff(random, store, at)
      assignments.push({ memberNo, from: at, attributedAssociate: random.chance(0.1) ? null : next.associateId })
    }
  }
  const oldNumber = random.chance(0.004)
    ? { memberNo: `${memberNo}-old`, mergedAt: brand.calendar.draw(random, joinedAt) }
    : null
  return {
    memberNo,
    openingStore: store.storeCode,
    openingAssociate: opener.associateId,
    levels: [{ value: level, from: null }, ...(levelTo === null ? [] : [{ value: 'silver', from: levelTo }])],
    joinedAt,
    levelTo,
    store,
    associateIndex,
    phone,
    phoneHash: phone === null ? null : vault.hash(phone),
    ids,
    identities,
    assignments,
    oldNumber,
  }
}

/** Ids in one shape for all, what is absent being undefined; see `drawOrder`. */
export const idsOf = ({ unionid, openid, external_userid, visitor }: { [K in IdentityKind]?: string | undefined }) =>
  ({ unionid, openid, external_userid, visitor }) as VisitorIds

/** What `decide` needs to know of who is who, for one person. */
export function peopleOf({ identities, phoneHash, memberNo, oldNumber }: Person): People {
  return {
    identities: new Map(identities.map(link => [identityKey(link.kind, link.value), [link]])),
    mergedInto: new Map(oldNumber === null ? [] : [[oldNumber.memberNo, memberNo]]),
    phones: new Map(phoneHash === null ? [] : [[phoneHash, [memberNo]]]),
  }
}
