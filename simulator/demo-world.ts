import type { Brand } from './brand/generate.ts'
import type { ShopDescription } from './shop.ts'
import type { WorldDescription } from './world.ts'

/** The WeCom of the demo brand: its staff, and a few of its customers in chats that tell the product's story. */

export const DEMO_APP = { corpId: 'wwdemo00000000001', agentId: '1000002', secret: 'demo-agent-secret' }
/** What the callback address is set up with. */
export const DEMO_CALLBACK = { token: 'demo-callback-token', aesKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' }
export const DEMO_MINI_PROGRAM = { appId: 'wxdemo0000000001', name: '演示商城', secret: 'demo-mini-program-secret' }

/** Whose seat the shell begins in, and which customers sit in which chat. */
export interface DemoCast {
  associate: string
  colleague: string
  goldMember: CastMember
  colleaguesCustomer: CastMember
  /** More of the associate's customers, for the group. */
  others: CastMember[]
  /** Who left, whose customers wait in WeCom for a colleague of the same store. null: nobody left any. */
  leaver: { associateId: string; heir: string; customers: CastMember[] } | null
}

interface CastMember {
  memberNo: string
  name: string
  externalUserid: string
  unionid?: string
  phone?: string
  level?: string
  since: string
}

/** Finds in the generated brand the people whom the demo's chats need. @throws where the brand has none such */
export function castOf(brand: Brand): DemoCast {
  const { associate } = brand.people
  const members = new Map(brand.members.map(member => [member.memberNo, member]))
  const ids = new Map<string, { externalUserid?: string; unionid?: string }>()
  for (const { kind, value, memberNo } of [...brand.identities, ...brand.lateIdentities]) {
    const known = ids.get(memberNo) ?? {}
    if (kind === 'external_userid') known.externalUserid = value
    if (kind === 'unionid') known.unionid = value
    ids.set(memberNo, known)
  }
  // The last assignment of each counts.
  const attributedTo = new Map(
    [...brand.assignments]
      .sort((a, b) => Date.parse(a.from) - Date.parse(b.from))
      .map(entry => [entry.memberNo, entry] as const),
  )
  const ordersOf = new Map<string, number>()
  for (const { memberNo } of brand.orders) {
    if (memberNo !== undefined) ordersOf.set(memberNo, (ordersOf.get(memberNo) ?? 0) + 1)
  }
  const storeOf = new Map(brand.associates.map(item => [item.associateId, item.storeCode]))
  const colleagues = new Set(
    brand.associates
      .filter(item => item.storeCode === storeOf.get(associate) && item.associateId !== associate && !item.activeTo)
      .map(item => item.associateId),
  )

  const candidates: (CastMember & { attributedAssociate: string })[] = []
  for (const [memberNo, { attributedAssociate, from }] of attributedTo) {
    const member = members.get(memberNo)
    const { externalUserid, unionid } = ids.get(memberNo) ?? {}
    if (!member || externalUserid === undefined || member.consents?.tracking !== true) continue
    candidates.push({
      memberNo,
      name: member.name ?? memberNo,
      externalUserid,
      since: from,
      attributedAssociate,
      ...(unionid === undefined ? {} : { unionid }),
      ...(member.phone === undefined ? {} : { phone: member.phone }),
      ...(member.level === undefined ? {} : { level: member.level }),
    })
  }
  candidates.sort((a, b) => (ordersOf.get(b.memberNo) ?? 0) - (ordersOf.get(a.memberNo) ?? 0))
  const own = candidates.filter(member => member.attributedAssociate === associate)
  const goldMember = own.find(member => member.level === '金卡') ?? own[0]
  const colleaguesCustomer = candidates.find(member => colleagues.has(member.attributedAssociate))
  if (!goldMember || !colleaguesCustomer) throw new Error('the demo brand has nobody to chat with')
  const { leaver } = brand.people
  const left = candidates.filter(member => member.attributedAssociate === leaver).slice(0, 5)
  const heir = brand.associates.find(
    ({ associateId, storeCode, kind, role, activeTo }) =>
      storeCode === storeOf.get(leaver) &&
      associateId !== leaver &&
      kind === 'store' &&
      role === 'associate' &&
      !activeTo,
  )
  return {
    associate,
    colleague: colleaguesCustomer.attributedAssociate,
    goldMember,
    colleaguesCustomer,
    others: own.filter(member => member !== goldMember).slice(0, 6),
    leaver: heir && left.length > 0 ? { associateId: leaver, heir: heir.associateId, customers: left } : null,
  }
}

/** The simulated corporation around the cast. */
export function describeWorld(
  brand: Brand,
  cast: DemoCast,
  options: { trustedHosts: readonly string[]; now: number },
): WorldDescription {
  const { now } = options
  const storeNames = new Map(brand.stores.map(store => [store.storeCode, store.name]))
  const departments = [
    { id: 1, name: brand.name },
    ...brand.stores.map((store, i) => ({ id: i + 2, name: store.name, parentId: 1 })),
  ]
  const departmentOf = new Map(brand.stores.map((store, i) => [store.storeCode, i + 2]))
  const hints: Record<string, string> = {
    [brand.people.associate]: '导购 · 从这里开始',
    [brand.people.manager]: '店长',
    [brand.people.franchisee]: '加盟商',
    [brand.people.headquarters]: '总部',
    [brand.people.auditor]: '审计',
    [brand.people.leaver]: '已离职',
    'demo-unknown': '企业微信里有，服务里没有',
  }
  const customer = (member: CastMember, hint: string, userids: readonly string[]) => ({
    name: member.name,
    externalUserid: member.externalUserid,
    memberNo: member.memberNo,
    hint,
    follows: userids.map(userid => ({ userid, createdAt: Date.parse(member.since), addWay: 1 })),
    ...(member.unionid === undefined ? {} : { unionid: member.unionid }),
    ...(member.phone === undefined ? {} : { phone: member.phone }),
  })
  const stranger = '新朋友（演示）'
  const minutes = (count: number) => now - count * 60_000
  return {
    seed: 'daogou-demo',
    corp: { corpId: DEMO_APP.corpId, name: brand.name },
    agents: [
      {
        agentId: DEMO_APP.agentId,
        secret: DEMO_APP.secret,
        name: '导购助手',
        trustedDomains: [...options.trustedHosts],
      },
    ],
    departments,
    staff: [
      ...brand.associates
        .filter(item => item.kind !== 'customer')
        .map(item => ({
          userid: item.associateId,
          name: item.name,
          departments: [departmentOf.get(item.storeCode ?? '') ?? 1],
          isLeader: item.role === 'manager',
          isFeatured: hints[item.associateId] !== undefined,
          ...(hints[item.associateId] === undefined
            ? { hint: storeNames.get(item.storeCode ?? '') ?? '' }
            : { hint: `${hints[item.associateId]}` }),
        })),
      { userid: 'demo-unknown', name: '演示未登记', departments: [1], isFeatured: true, hint: hints['demo-unknown']! },
    ],
    customers: [
      customer(cast.goldMember, '金卡会员，是你的客户', [cast.associate]),
      { name: stranger, hint: '还不是会员', follows: [{ userid: cast.associate, createdAt: minutes(60 * 26) }] },
      customer(cast.colleaguesCustomer, '同事的客户', [cast.associate, cast.colleague]),
      ...cast.others.map(member => customer(member, '你的客户', [cast.associate])),
      ...(cast.leaver?.customers ?? []).map(member => customer(member, '离职导购的客户', [cast.leaver!.associateId])),
    ],
    groupChats: [
      {
        name: `${storeNames.get(brand.associates.find(item => item.associateId === cast.associate)?.storeCode ?? '') ?? ''}会员群`,
        owner: cast.associate,
        staff: [cast.colleague],
        customers: [cast.goldMember.name, ...cast.others.map(member => member.name), stranger],
        createdAt: minutes(60 * 24 * 40),
      },
    ],
    messages: [
      {
        chat: { userid: cast.associate, customer: cast.goldMember.name },
        from: cast.goldMember.name,
        text: '你好，最近有新到的大衣吗？',
        at: minutes(12),
      },
      {
        chat: { userid: cast.associate, customer: stranger },
        from: stranger,
        text: '朋友推荐加的，先看看～',
        at: minutes(60 * 25),
      },
      {
        chat: { userid: cast.associate, customer: cast.colleaguesCustomer.name },
        from: cast.colleaguesCustomer.name,
        text: '上次那双鞋还有 38 码吗？',
        at: minutes(95),
      },
    ],
    miniPrograms: [DEMO_MINI_PROGRAM],
  }
}

/** What the customer's phone can buy, and where. */
export function describeShop(brand: Brand): ShopDescription {
  return {
    miniProgram: { appId: DEMO_MINI_PROGRAM.appId, name: DEMO_MINI_PROGRAM.name },
    // As if the brand's own system knew the WeCom id of who joins.
    knowsExternalUserids: true,
    products: brand.products,
    stores: brand.stores.map(store => ({
      storeCode: store.storeCode,
      name: store.name,
      associates: brand.associates
        .filter(item => item.storeCode === store.storeCode && item.kind === 'store' && !item.activeTo)
        .map(item => item.associateId),
    })),
  }
}
