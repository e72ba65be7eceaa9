/** The stores, who works there, who buys there, and what they have shared. */
import {
  brandPages,
  drawProductsOf,
  familyNames,
  givenNames,
  memberTags,
  places,
  type CatalogueProduct,
} from './catalogue.ts'
import { createWeighted, type Random } from './random.ts'
import { dayMs, hourMs, instant, localMonth, numbered, startOfLocalDay, type Span } from './span.ts'
import type {
  AssignmentItem,
  AssociateItem,
  IdentityItem,
  MemberItem,
  ShareChannel,
  ShareLinkItem,
  StoreItem,
  Visitor,
} from './items.ts'

/** Each of them is the item that is sent, and what the generator needs to know besides. */
export type Store = { item: StoreItem; weight: number; team: Associate[] }
export type Associate = { item: AssociateItem; zeal: number; activeFromMs: number; activeToMs: number }
export type Member = {
  item: MemberItem
  weight: number
  joinedAtMs: number
  home: Store
  keeper: Associate
  ids: Visitor
  /** When it became known that these ids are this member. */
  linkedAtMs: number
}
export type Link = {
  item: ShareLinkItem
  owner: Associate
  createdAtMs: number
  product: CatalogueProduct | undefined
  weight: number
}

/** Each third store is a franchise, of two franchisees in turn. */
export function makeStores(count: number): Store[] {
  return places.slice(0, count).map(({ city, site, region, share }, i) => {
    const isFranchise = i % 3 === 2
    return {
      item: {
        storeCode: numbered('D-S', i, 2),
        name: `演示·${city}${site}店`,
        type: isFranchise ? 'franchise' : 'direct',
        region,
        ...(isFranchise ? { franchiseeId: numbered('D-F', Math.floor(i / 3) % 2, 2) } : {}),
      },
      weight: share,
      team: [],
    }
  })
}

/** The first associates are the managers, in the order of the stores; then the staff; the offices come last. */
export function makeAssociates(stores: readonly Store[], count: number, span: Span, random: Random): Associate[] {
  const associates: Associate[] = []
  const drawStore = createWeighted(stores, store => store.weight + 6)
  function add(item: Omit<AssociateItem, 'associateId' | 'name' | 'activeFrom'>, zeal: number): Associate {
    const activeFromMs = startOfLocalDay(span.fromMs - random.integer(60, 1500) * dayMs)
    const associate: Associate = {
      item: {
        associateId: numbered('demo-a', associates.length, 2),
        name: random.pick(familyNames) + random.pick(givenNames),
        ...item,
        activeFrom: instant(activeFromMs),
      },
      zeal,
      activeFromMs,
      activeToMs: Infinity,
    }
    associates.push(associate)
    return associate
  }

  for (const store of stores) {
    store.team.push(add({ storeCode: store.item.storeCode, kind: 'store', role: 'manager', payeeType: 'employee' }, 2))
  }
  const franchiseeIds = [...new Set(stores.flatMap(store => store.item.franchiseeId ?? []))]
  const customers = 2
  const offices = 3 + franchiseeIds.length
  while (associates.length < count - customers - offices) {
    // Each store has two besides its manager before chance gives the larger ones more.
    const store = stores.find(each => each.team.length < 3) ?? drawStore(random)
    const zeal = 0.4 + 6 * random.next() ** 4
    const inviter = random.chance(0.2) ? store.team[1] : undefined
    const associate = add(
      {
        storeCode: store.item.storeCode,
        kind: 'store',
        role: 'associate',
        payeeType: store.item.type === 'direct' ? 'employee' : 'individual',
        ...(inviter === undefined ? {} : { invitedBy: inviter.item.associateId }),
        ...(random.chance(0.15) ? { memberNo: numbered('D-M', associates.length, 5) } : {}),
      },
      zeal,
    )
    store.team.push(associate)
  }
  for (const franchiseeId of franchiseeIds) {
    add({ kind: 'office', role: 'franchisee', franchiseeId, payeeType: 'company' }, 0)
  }
  add({ kind: 'office', role: 'headquarters', payeeType: 'employee' }, 0.3)
  add({ kind: 'office', role: 'headquarters', payeeType: 'employee' }, 0)
  add({ kind: 'office', role: 'auditor', payeeType: 'employee' }, 0)
  for (let i = 0; i < customers; i += 1) {
    const inviter = stores[i]?.team[1]
    add(
      {
        kind: 'customer',
        role: 'associate',
        payeeType: 'individual',
        memberNo: numbered('D-M', count + i, 5),
        ...(inviter === undefined ? {} : { invitedBy: inviter.item.associateId }),
      },
      1,
    )
  }
  // One who was good at it has left, so that links, customers and touches of hers are there to be handed over.
  const leaver = stores[0]?.team[2]
  if (leaver !== undefined) {
    leaver.zeal = 4
    leaver.activeToMs = startOfLocalDay(span.now - Math.floor(span.days / 3) * dayMs)
    leaver.item.activeTo = instant(leaver.activeToMs)
  }
  return associates
}

export const isActiveAt = (associate: Associate, atMs: number) =>
  associate.activeFromMs <= atMs && atMs < associate.activeToMs

export function makeMembers(stores: readonly Store[], count: number, span: Span, random: Random): Member[] {
  const drawStore = createWeighted(stores, store => store.weight)
  return Array.from({ length: count }, (_, i) => {
    const home = drawStore(random)
    const isNew = random.chance(0.22)
    const joinedAtMs = isNew
      ? span.fromMs + Math.floor(random.next() * (span.now - span.fromMs))
      : span.fromMs - Math.floor(random.next() ** 2 * 1000 * dayMs) - hourMs
    const keeper = drawTeam(home, joinedAtMs, random) ?? home.team[0]
    if (keeper === undefined) throw new RangeError(`${home.item.storeCode} has no staff`)
    // One in eight never gave a name: the brand knows a WeChat id and no more.
    const isOnlyAnId = random.chance(0.12)
    const ids = drawIds(i, isOnlyAnId, random)
    const isLinkedLate = random.chance(0.06)
    const linkedAtMs = isLinkedLate
      ? span.now - Math.floor(random.next() * 3 * dayMs)
      : Math.min(span.now, Math.max(joinedAtMs, span.fromMs) + hourMs)
    const weight = (isNew ? 0.8 : 0.2) + 5 * random.next() ** 5
    const item: MemberItem = {
      memberNo: numbered('D-M', i, 5),
      level: isOnlyAnId || weight < 1.6 ? '普通' : weight < 3.4 ? '银卡' : '金卡',
      joinedAt: instant(joinedAtMs),
      openingStore: home.item.storeCode,
      openingAssociate: keeper.item.associateId,
      miniProgramAuthorised: ids.unionid !== undefined,
      ...(isOnlyAnId ? {} : drawPerson(i, weight, random)),
    }
    return { item, weight, joinedAtMs, home, keeper, ids, linkedAtMs }
  })
}

function drawIds(index: number, isOnlyAnId: boolean, random: Random): Visitor {
  const number = numbered('', index, 5)
  const hasUnionid = random.chance(isOnlyAnId ? 0.5 : 0.8)
  return {
    ...(hasUnionid ? { unionid: `demo-union-${number}`, openid: `demo-open-${number}` } : {}),
    ...(!hasUnionid || random.chance(0.55) ? { externalUserid: `wm-demo-${number}` } : {}),
    ...(random.chance(0.5) ? { visitorId: `demo-visitor-${number}` } : {}),
  }
}

function drawPerson(index: number, weight: number, random: Random): Partial<MemberItem> {
  return {
    name: random.pick(familyNames) + random.pick(givenNames),
    // 199 0000 xxxx; 7 and 10,000 have no divisor in common, so that no number comes twice.
    phone: `1990000${String((index * 7 + 13) % 10_000).padStart(4, '0')}`,
    points: Math.floor(weight * 900 * random.next()),
    ...(random.chance(0.2) ? { balanceFen: random.integer(1, 20) * 10_000 } : {}),
    ...(random.chance(0.7) ? { birthday: drawBirthday(random) } : {}),
    followsOfficialAccount: random.chance(0.6),
    tags: [...new Set(Array.from({ length: random.integer(0, 3) }, () => random.pick(memberTags)))],
    consents: { tracking: random.chance(0.85), marketing: random.chance(0.7) },
  }
}

function drawBirthday(random: Random): string {
  const two = (number: number) => String(number).padStart(2, '0')
  return `${random.integer(1965, 2004)}-${two(random.integer(1, 12))}-${two(random.integer(1, 28))}`
}

/** One of those at work then, the zealous more often. */
export function drawTeam(store: Store, atMs: number, random: Random): Associate | undefined {
  const atWork = store.team.filter(associate => isActiveAt(associate, atMs))
  return atWork.length === 0 ? undefined : createWeighted(atWork, associate => 0.5 + associate.zeal)(random)
}

const channelWeights: readonly [ShareChannel, number][] = [
  ['single_chat', 50],
  ['group_chat', 22],
  ['moments', 15],
  ['poster', 9],
  ['live', 4],
]

export function makeLinks(associates: readonly Associate[], span: Span, random: Random): Link[] {
  const drawChannel = createWeighted(channelWeights, ([, weight]) => weight)
  const drawProduct = drawProductsOf(localMonth(span.now))
  const links: Link[] = []
  for (const owner of associates) {
    const count = owner.zeal === 0 ? 0 : Math.round(4 + owner.zeal * 4 * random.next())
    const endMs = Math.min(span.now, owner.activeToMs)
    for (let i = 0; i < count; i += 1) {
      const createdAtMs = span.fromMs + Math.floor(random.next() ** 1.5 * Math.max(hourMs, endMs - span.fromMs - dayMs))
      const revokedAtMs = random.chance(0.03) ? createdAtMs + random.integer(5, 30) * dayMs : Infinity
      const product = random.chance(0.75) ? drawProduct(random) : undefined
      const [channel] = drawChannel(random)
      const { associateId, storeCode } = owner.item
      const item: ShareLinkItem = {
        linkCode: `demo${linkCharacters(random, 7)}`,
        associateId,
        ...(storeCode === undefined ? {} : { storeCode }),
        target: product === undefined ? random.pick(brandPages) : productTarget(product),
        channel,
        createdAt: instant(createdAtMs),
        ...(revokedAtMs <= span.now ? { revokedAt: instant(revokedAtMs) } : {}),
      }
      links.push({ item, owner, createdAtMs, product, weight: owner.zeal * (0.2 + random.next() ** 2) })
    }
  }
  return links.sort((a, b) => a.createdAtMs - b.createdAtMs)
}

function linkCharacters(random: Random, length: number): string {
  return Array.from({ length }, () => random.pick([...'23456789abcdefghjkmnpqrstuvwxyz'])).join('')
}

function productTarget(product: CatalogueProduct): ShareLinkItem['target'] {
  return { kind: 'product', ref: product.sku, title: product.name, path: `pages/product/index?sku=${product.sku}` }
}

export function makeAssignments(
  members: readonly Member[],
  associates: readonly Associate[],
  span: Span,
  random: Random,
): AssignmentItem[] {
  const assignments: AssignmentItem[] = []
  const leaver = associates.find(associate => associate.activeToMs !== Infinity)
  for (const member of members) {
    if (random.chance(0.12)) continue
    const first = {
      memberNo: member.item.memberNo,
      attributedAssociate: member.keeper.item.associateId,
      homeStore: member.home.item.storeCode,
    }
    assignments.push({ ...first, from: instant(member.joinedAtMs), reason: '入会' })
    if (member.keeper === leaver && random.chance(0.8)) {
      const heir = drawTeam(member.home, leaver.activeToMs, random)
      const fromMs = Math.max(leaver.activeToMs, member.joinedAtMs) + random.integer(0, 3) * dayMs
      if (heir === undefined || fromMs > span.now) continue
      assignments.push({
        ...first,
        attributedAssociate: heir.item.associateId,
        from: instant(fromMs),
        reason: '前任离职交接',
      })
    } else if (random.chance(0.04)) {
      const fromMs = Math.max(member.joinedAtMs, span.fromMs) + Math.floor(random.next() * 20 * dayMs)
      const other = drawTeam(member.home, fromMs, random)
      if (other === undefined || fromMs > span.now) continue
      assignments.push({
        ...first,
        attributedAssociate: other.item.associateId,
        from: instant(fromMs),
        reason: '店长调整',
      })
    }
  }
  return assignments
}

/** All that links an id to a member number: those of one member became known at one time. */
export function makeIdentities(members: readonly Member[]): IdentityItem[] {
  const kinds = [
    ['unionid', 'unionid'],
    ['openid', 'openid'],
    ['externalUserid', 'external_userid'],
    ['visitorId', 'visitor'],
  ] as const
  return members.flatMap(({ item, ids, linkedAtMs }) =>
    kinds.flatMap(([key, kind]) => {
      const value = ids[key]
      return value === undefined ? [] : [{ kind, value, memberNo: item.memberNo, at: instant(linkedAtMs) }]
    }),
  )
}
