import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPool, type Pool } from '../../server/database.ts'
import { snapshotStep } from '../../server/features/community/service.ts'
import type { Community, CommunityItem } from '../../server/features/community/schema.ts'
import { all, startTestService, type TestService } from '../support/service.ts'
import { signedIn, startTestWecom, type TestWecom } from '../support/wecom.ts'

/**
 * A small brand of four stores, made by a fixed seed, and its communities summed again from what was told, item by item.
 * Everything lies in the weeks around May 2026.
 */
const NOW = Date.parse('2026-06-10T12:00:00+08:00')
const SINCE = '2025-01-01T00:00:00+08:00'
const DAY_MS = 86_400_000
const FROM = Date.parse('2026-05-01T00:00:00+08:00')
const TO = Date.parse('2026-06-01T00:00:00+08:00')

let seed = 20_260_501
const random = () => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return seed / 2 ** 32
}
const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!
const some = (part: number) => random() < part
const iso = (at: number) => new Date(at).toISOString()
const between = (from: number, to: number) => Math.floor(from + random() * (to - from))

const STORES = ['S1', 'S2', 'S3', 'S4'] as const
const REGION: Record<string, string> = { S1: 'east', S2: 'east', S3: 'east', S4: 'west' }
const associates = STORES.flatMap(storeCode =>
  ['a', 'b'].map(letter => ({
    associateId: `${storeCode}-${letter}`,
    name: `导购 ${storeCode}${letter}`,
    storeCode,
    activeFrom: SINCE,
  })),
)

interface Member {
  memberNo: string
  joinedAt?: string
  openingStore?: string
  openingAssociate?: string
}
const members: Member[] = Array.from({ length: 240 }, (_, i) => ({
  memberNo: `m${String(i).padStart(3, '0')}`,
  ...(some(0.8) ? { joinedAt: iso(between(FROM - 200 * DAY_MS, TO + 10 * DAY_MS)) } : {}),
  ...(some(0.85) ? { openingStore: pick(STORES), openingAssociate: pick(associates).associateId } : {}),
}))
const memberNos = members.map(member => member.memberNo)
/** The last ten numbers became others. */
const merges = Array.from({ length: 10 }, (_, i) => ({
  memberNo: memberNos[230 + i]!,
  into: memberNos[i * 7]!,
  at: iso(FROM),
}))
/** Told at once for each number; `null` is nobody from then on. Instants on the spans' own edges too. */
const assignments = memberNos.flatMap(memberNo =>
  some(0.5)
    ? []
    : [between(FROM - 90 * DAY_MS, FROM), between(FROM, TO), FROM, TO].flatMap(from =>
        some(0.5)
          ? []
          : {
              memberNo,
              from: iso(from),
              homeStore: some(0.15) ? null : pick(STORES),
              ...(some(0.3) ? { attributedAssociate: pick(associates).associateId } : {}),
            },
      ),
)
const identities = memberNos.flatMap((memberNo, i) =>
  (['unionid', 'openid', 'external_userid', 'visitor'] as const).flatMap(kind =>
    some(0.6) ? [] : { kind, value: `${kind}-${some(0.15) ? i % 20 : i}`, memberNo, at: iso(between(FROM, TO)) },
  ),
)
const FIELD = { unionid: 'unionid', openid: 'openid', external_userid: 'externalUserid', visitor: 'visitorId' } as const
const touches = Array.from({ length: 160 }, (_, i) => ({
  touchId: `t${i}`,
  linkCode: `community-${pick(associates).associateId}`,
  at: iso(between(FROM - 60 * DAY_MS, TO + 5 * DAY_MS)),
  kind: pick(['click', 'visit', 'sent', 'scan']),
  ...(some(0.3) ? { memberNo: pick(memberNos) } : {}),
  ...Object.fromEntries(
    (['unionid', 'openid', 'external_userid', 'visitor'] as const).flatMap(kind =>
      some(0.4) ? [[FIELD[kind], some(0.8) ? `${kind}-${Math.floor(random() * 240)}` : `${kind}-unknown`]] : [],
    ),
  ),
})) as {
  at: string
  kind: string
  memberNo?: string
  unionid?: string
  openid?: string
  externalUserid?: string
  visitorId?: string
}[]
const orders = Array.from({ length: 700 }, (_, i) => {
  const isOnline = some(0.3)
  return {
    source: 'pos',
    orderNo: `o${i}`,
    channel: isOnline ? 'online' : 'in_store',
    ...(isOnline && some(0.7) ? {} : { sellingStore: pick(STORES) }),
    ...(isOnline ? {} : { closer: pick(associates).associateId }),
    ...(some(0.9) ? { memberNo: pick(memberNos.slice(0, 180)) } : {}),
    paidAt: iso(some(0.05) ? pick([FROM, TO]) : between(FROM - 60 * DAY_MS, TO + 9 * DAY_MS)),
    ...(some(0.05) ? { cancelled: true } : {}),
    lines: Array.from({ length: 1 + Math.floor(random() * 3) }, (_line, k) => ({
      lineNo: k + 1,
      sku: `k${k}`,
      quantity: 1,
      paidFen: between(100, 90_000),
    })),
  }
})
const refunds = orders.flatMap((order, i) =>
  some(0.2)
    ? {
        source: 'pos',
        refundNo: `r${i}`,
        orderNo: order.orderNo,
        refundedAt: iso(between(TO, TO + 9 * DAY_MS)),
        lines: order.lines.map(line => ({
          lineNo: line.lineNo,
          quantity: 0,
          refundFen: Math.floor(line.paidFen * pick([0.5, 1, 1.2])),
        })),
      }
    : [],
)
const friendEvents = Array.from({ length: 300 }, (_, i) => {
  const { associateId } = pick(associates)
  const at = between(FROM - 40 * DAY_MS, TO + 5 * DAY_MS)
  const event = { associateId, externalUserid: `wm${i}` }
  return [
    { ...event, kind: 'added', at: iso(at) },
    ...(some(0.4)
      ? [
          {
            ...event,
            kind: 'ended',
            at: iso(at + between(0, 20 * DAY_MS)),
            ...(some(0.8) ? { endedBy: pick(['customer', 'associate']) } : {}),
          },
        ]
      : []),
  ]
}).flat() as { associateId: string; externalUserid: string; kind: string; at: string; endedBy?: string }[]

const plan = {
  code: 'p',
  version: 1,
  effectiveFrom: '2026-01-01T00:00:00+08:00',
  effectiveTo: null,
  attribution: { model: 'last_touch', windowDays: 15 },
  holdDays: 7,
  rules: [
    { id: 'share', role: 'sharer', rateBps: 400, bearer: 'headquarters' },
    { id: 'till', role: 'closer', rateBps: 300, bearer: 'selling_store' },
    { id: 'care', role: 'attributed', rateBps: 100, bearer: 'home_store' },
    { id: 'home', role: 'home_store', rateBps: 700, bearer: 'headquarters' },
    { id: 'opened', role: 'opening_store', rateBps: 50, bearer: 'headquarters' },
  ],
  retroactive: true,
}

// ------------------------------------------------------------------------------- the same, by other means

const lastOf = (memberNo: string) => merges.find(merge => merge.memberNo === memberNo)?.into ?? memberNo
const persons = [...new Set(memberNos.map(lastOf))]

/** Just before an instant. */
function homeOf(person: string, before: number): string | null {
  const record = members.find(member => member.memberNo === person)!
  if (record.joinedAt && Date.parse(record.joinedAt) >= before) return null
  const told = assignments
    .filter(entry => lastOf(entry.memberNo) === person && Date.parse(entry.from) < before)
    .sort((a, b) => Date.parse(a.from) - Date.parse(b.from) || (a.memberNo < b.memberNo ? -1 : 1))
    .at(-1)
  return told?.homeStore ?? record.openingStore ?? null
}

function personOf(seen: (typeof touches)[number]): string | null {
  if (seen.memberNo) return lastOf(seen.memberNo)
  for (const kind of ['unionid', 'openid', 'external_userid', 'visitor'] as const) {
    const value = seen[FIELD[kind]]
    const links = identities.filter(link => link.kind === kind && link.value === value)
    const best = links
      .map(link => ({ at: Date.parse(link.at), person: lastOf(link.memberNo) }))
      .sort((a, b) => a.at - b.at || (a.person < b.person ? -1 : 1))
      .at(-1)
    if (best) return best.person
  }
  return null
}

const netOf = (order: (typeof orders)[number]) => {
  if ('cancelled' in order) return 0
  const own = refunds.filter(refund => refund.orderNo === order.orderNo)
  return order.lines.reduce((sum, line) => {
    const back = own.flatMap(refund => refund.lines).filter(part => part.lineNo === line.lineNo)
    return sum + Math.max(0, line.paidFen - back.reduce((total, part) => total + part.refundFen, 0))
  }, 0)
}
const sales = orders.map(order => ({
  ...order,
  at: Date.parse(order.paidAt),
  netFen: netOf(order),
  person: 'memberNo' in order && order.memberNo ? lastOf(order.memberNo) : null,
  store: order.sellingStore ?? null,
}))
const isIn = (at: number, from: number, to: number) => at >= from && at < to
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
const bps = (part: number, whole: number) => (whole === 0 ? null : Math.round((part / whole) * 10_000))

interface Owed {
  orderNo: string
  payeeKind: string
  payee: string
  amountFen: number
}

function expectedOf(storeCode: string, from: number, to: number, owed: readonly Owed[]) {
  const community = new Set(persons.filter(person => homeOf(person, to) === storeCode))
  const counted = sales.filter(sale => sale.netFen > 0)
  const own = counted.filter(sale => sale.person && community.has(sale.person) && isIn(sale.at, from, to))
  const buyers = new Set(own.map(sale => sale.person!))
  const repeat = [...buyers].filter(person =>
    counted.some(sale => sale.person === person && isIn(sale.at, from - 365 * DAY_MS, from)),
  )
  const lately = (at: number) => isIn(at, to - 30 * DAY_MS, to)
  const active = [...community].filter(
    person =>
      counted.some(sale => sale.person === person && lately(sale.at)) ||
      touches.some(touch => touch.kind !== 'sent' && lately(Date.parse(touch.at)) && personOf(touch) === person),
  )
  const people = new Set(associates.filter(one => one.storeCode === storeCode).map(one => one.associateId))
  const saleOf = new Map(sales.map(sale => [sale.orderNo, sale]))
  const paidIn = owed.filter(row => isIn(saleOf.get(row.orderNo)!.at, from, to))
  const friendsOf = friendEvents.filter(event => people.has(event.associateId))
  const isAt = (event: { at: string }) => isIn(Date.parse(event.at), from, to)
  const fen = (isWanted: (sale: (typeof own)[number]) => boolean) => sum(own.filter(isWanted).map(sale => sale.netFen))
  return {
    members: community.size,
    newMembers: members.filter(
      member =>
        member.openingStore === storeCode &&
        lastOf(member.memberNo) === member.memberNo &&
        member.joinedAt &&
        isIn(Date.parse(member.joinedAt), from, to),
    ).length,
    activeMembers: active.length,
    activeBps: bps(active.length, community.size),
    friends: [...new Set(friendsOf.map(event => event.externalUserid))].filter(externalUserid => {
      const until = friendsOf.filter(event => event.externalUserid === externalUserid && Date.parse(event.at) < to)
      return until.length > 0 && until.every(event => event.kind === 'added')
    }).length,
    friendsAdded: friendsOf.filter(event => event.kind === 'added' && isAt(event)).length,
    friendsLost: friendsOf.filter(event => event.endedBy === 'customer' && isAt(event)).length,
    netSalesFen: fen(() => true),
    hereFen: fen(sale => sale.channel === 'in_store' && sale.store === storeCode),
    othersFen: fen(sale => sale.channel === 'in_store' && sale.store !== storeCode),
    onlineFen: fen(sale => sale.channel === 'online'),
    orders: own.length,
    buyers: buyers.size,
    repeatBuyers: repeat.length,
    repeatBps: bps(repeat.length, buyers.size),
    boughtElsewhere: new Set(own.filter(sale => sale.store !== storeCode).map(sale => sale.person)).size,
    elsewherePaidFen: sum(
      paidIn
        .filter(row => row.payeeKind === 'store' && row.payee === storeCode)
        .filter(row => saleOf.get(row.orderNo)!.store !== storeCode)
        .map(row => row.amountFen),
    ),
    associatesCommissionFen: sum(
      paidIn
        .filter(row => row.payeeKind === 'associate' && people.has(row.payee))
        .filter(row => community.has(saleOf.get(row.orderNo)!.person ?? ''))
        .map(row => row.amountFen),
    ),
  }
}

// ------------------------------------------------------------------------------------------------- tests

let wecom: TestWecom
let service: TestService
let owner: Pool
let owed: Owed[]

beforeAll(async () => {
  wecom = await startTestWecom({ staff: ['S1-a', 'boss1', 'f1', 'hq', 'aud'] })
  service = await startTestService({ env: wecom.env, now: () => NOW })
  owner = openPool(service.databaseUrl, { max: 3, asOwner: true })
  const tell = async (kind: string, items: readonly object[]) => {
    for (let i = 0; i < items.length; i += 500) {
      const refused = (await service.ingest(kind, items.slice(i, i + 500))).filter(one => one.status === 'rejected')
      expect(refused).toEqual([])
    }
  }
  await tell(
    'stores',
    STORES.map(storeCode => ({
      storeCode,
      name: `店 ${storeCode}`,
      region: REGION[storeCode],
      ...(storeCode === 'S3' ? { type: 'franchise', franchiseeId: 'F1' } : { type: 'direct' }),
    })),
  )
  await tell('associates', [
    ...associates,
    { associateId: 'boss1', name: '店长', storeCode: 'S1', role: 'manager', activeFrom: SINCE },
    { associateId: 'f1', name: '加盟商', kind: 'office', role: 'franchisee', franchiseeId: 'F1', activeFrom: SINCE },
    { associateId: 'hq', name: '总部', kind: 'office', role: 'headquarters', activeFrom: SINCE },
    { associateId: 'aud', name: '审计', kind: 'office', role: 'auditor', activeFrom: SINCE },
  ])
  expect((await service.post('/plans', plan)).status).toBe(201)
  await tell('members', members)
  await tell('member-merges', merges)
  await tell('member-assignments', assignments)
  await tell('identities', identities)
  await tell(
    'share-links',
    associates.map(({ associateId }) => ({
      linkCode: `community-${associateId}`,
      associateId,
      target: { kind: 'product', ref: 'k0' },
      channel: 'other',
      createdAt: SINCE,
    })),
  )
  await tell('touches', touches)
  await tell('orders', orders)
  await tell('refunds', refunds)
  await tell('friend-events', friendEvents)
  // WeCom gave a customer from one to the other: neither has a new friend or a lost one by it.
  const [giver, taker] = [associates[0]!.associateId, associates[1]!.associateId]
  const given = { externalUserid: 'wmGiven', at: iso(FROM + DAY_MS) }
  await tell('friend-events', [
    { ...given, associateId: giver, kind: 'ended', endedBy: 'transfer' },
    { ...given, associateId: taker, kind: 'added' },
    { ...given, associateId: taker, kind: 'ended', endedBy: 'associate', at: iso(FROM + 2 * DAY_MS) },
  ])
  await service.settled()
  await owner`ANALYZE`
  owed = await all<Owed>(service, '/entitlements')
})
afterAll(async () => {
  await owner.end()
  await service.close()
  await wecom.close()
})

const spanQuery = (from: number, to: number) =>
  `from=${encodeURIComponent(iso(from))}&to=${encodeURIComponent(iso(to))}`
const read = (storeCode: string, from = FROM, to = TO) =>
  service.get<Community>(`/community/stores/${storeCode}?${spanQuery(from, to)}`)

describe('a store’s community', () => {
  test.each([
    ['a month', FROM, TO],
    ['a part of a day', FROM + 9 * 3_600_000, FROM + 4 * DAY_MS + 1],
    ['a span that nothing is in', FROM - 700 * DAY_MS, FROM - 690 * DAY_MS],
  ])('is what the told items come to: %s', async (_, from, to) => {
    for (const storeCode of STORES) {
      const { before, ...community } = await read(storeCode, from, to)
      expect(community).toMatchObject({ storeCode, ...expectedOf(storeCode, from, to, owed) })
      expect(before).toMatchObject(expectedOf(storeCode, 2 * from - to, from, owed))
      expect(before).toMatchObject({ from: iso(2 * from - to), to: iso(from) })
    }
  })

  test('its sums are not nothing', async () => {
    const community = await read('S1')
    for (const name of [
      'members',
      'activeMembers',
      'newMembers',
      'friendsLost',
      'hereFen',
      'othersFen',
      'onlineFen',
      'repeatBuyers',
      'elsewherePaidFen',
      'associatesCommissionFen',
    ] as const)
      // prettier-ignore
      expect([name, community[name]]).not.toEqual([name, 0])
    expect(community.buyers).toBeGreaterThan(community.repeatBuyers)
    expect(community.hereFen + community.othersFen + community.onlineFen).toBe(community.netSalesFen)
  })

  test('a figure is the sum of its days', async () => {
    const community = await read('S2', FROM + 5 * 3_600_000, TO - 3_600_000)
    expect(community.days).toHaveLength(31)
    for (const name of [
      'newMembers',
      'friendsAdded',
      'friendsLost',
      'groupJoined',
      'groupLeft',
      'netSalesFen',
      'hereFen',
      'othersFen',
      'onlineFen',
      'orders',
      'elsewherePaidFen',
      'associatesCommissionFen',
    ] as const)
      // prettier-ignore
      expect([name, sum(community.days.map(day => day[name]))]).toEqual([name, community[name]])
    const day = community.days[10]!
    expect(day.day).toBe('2026-05-11')
    const at = Date.parse('2026-05-11T00:00:00+08:00')
    const community2 = new Set(persons.filter(person => homeOf(person, TO - 3_600_000) === 'S2'))
    const own = sales.filter(
      sale => sale.netFen > 0 && isIn(sale.at, at, at + DAY_MS) && community2.has(sale.person ?? ''),
    )
    expect(day).toMatchObject({ netSalesFen: sum(own.map(sale => sale.netFen)), orders: own.length })
  })

  test('stands beside the middle of its region’s stores with thirty members', async () => {
    const all = await Promise.all(STORES.map(storeCode => read(storeCode)))
    expect(all.slice(0, 3).every(community => community.members >= 30)).toBe(true)
    const middle = (name: 'netSalesFen' | 'members' | 'repeatBps') =>
      all.slice(0, 3).map(community => community[name]!).sort((a, b) => a - b)[1] // prettier-ignore
    for (const community of all.slice(0, 3)) {
      expect(community.regionMedian).toMatchObject({
        stores: 3,
        netSalesFen: middle('netSalesFen'),
        members: middle('members'),
        repeatBps: middle('repeatBps'),
      })
    }
    expect(all[3]!.regionMedian).toMatchObject({ stores: 1, netSalesFen: all[3]!.netSalesFen })
    const early = await read('S1', FROM - 700 * DAY_MS, FROM - 690 * DAY_MS)
    expect(early.members).toBeLessThan(30)
    expect(early.regionMedian).toBeNull()
  })

  test('takes days as well as instants, and refuses what is neither', async () => {
    const byDay = await service.get<Community>('/community/stores/S1?from=2026-05-01&to=2026-06-01')
    expect(byDay).toEqual(await read('S1'))
    const refused = async (query: string) => {
      const answer = await service.app.inject({
        url: `/api/v1/community/stores/S1?${query}`,
        headers: { authorization: 'Bearer test-key-with-all-scopes' },
      })
      return [answer.statusCode, answer.json<{ code: string }>().code]
    }
    for (const query of [
      'from=2026-02-30',
      'from=2026-05-01T00:00:00',
      'from=2026-05-02&to=2026-05-01',
      'from=2024-01-01&to=2026-01-01',
      'form=x',
    ])
      // prettier-ignore
      expect([query, ...(await refused(query))]).toEqual([query, 400, 'invalid_query'])
    const absent = await service.get<Community>('/community/stores/S1')
    expect([absent.from, absent.to]).toEqual(['2026-05-11T16:00:00.000Z', '2026-06-10T16:00:00.000Z'])
    expect(absent.days).toHaveLength(30)
  })
})

describe('the list of communities', () => {
  test('has the same figures, page by page and both ways', async () => {
    const listed: CommunityItem[] = []
    let cursor: string | null = null
    do {
      const page: { items: CommunityItem[]; nextCursor: string | null } = await service.get(
        `/community/stores?${spanQuery(FROM, TO)}&limit=3${cursor ? `&cursor=${cursor}` : ''}`,
      )
      listed.push(...page.items)
      cursor = page.nextCursor
    } while (cursor)
    expect(listed.map(item => item.storeCode)).toEqual(STORES)
    for (const item of listed) {
      const { days: _d, regionMedian: _m, from: _f, to: _t, ...own } = await read(item.storeCode)
      expect(item).toEqual(own)
    }
    const down = await service.get<{ items: CommunityItem[] }>(
      `/community/stores?${spanQuery(FROM, TO)}&order=desc&limit=2`,
    )
    expect(down.items.map(item => item.storeCode)).toEqual(['S4', 'S3'])
  })

  test('can be taken away as a file, which is written down', async () => {
    const answer = await service.app.inject({
      url: `/api/v1/community/stores?${spanQuery(FROM, TO)}`,
      headers: { authorization: 'Bearer test-key-with-all-scopes', accept: 'text/csv' },
    })
    expect(answer.headers['content-type']).toBe('text/csv; charset=utf-8')
    const [head, first] = answer.body.split('\r\n').map(line => line.split(','))
    const s1 = await read('S1')
    expect(first![head!.indexOf('社群成交（元）')]).toBe((s1.netSalesFen / 100).toFixed(2))
    expect(first![head!.indexOf('活跃率')]).toBe(`${(s1.activeBps! / 100).toFixed(1)}%`)
    const { items } = await service.get<{ items: { action: string }[] }>('/activity?action=community.exported')
    expect(items).toHaveLength(1)
  })

  test('shows everybody his own stores, and nobody a neighbour', async () => {
    const stores = async (userid: string) => {
      const { browser } = await signedIn(service, userid)
      const answer = await browser.call('GET', `/api/v1/community/stores?${spanQuery(FROM, TO)}`)
      return answer.status === 200 ? (answer.json() as { items: CommunityItem[] }).items.map(item => item.storeCode) : answer.status // prettier-ignore
    }
    expect(await stores('S1-a')).toBe(404)
    expect(await stores('boss1')).toEqual(['S1'])
    expect(await stores('f1')).toEqual(['S3'])
    expect(await stores('hq')).toEqual(STORES)
    expect(await stores('aud')).toEqual(STORES)
    const { browser } = await signedIn(service, 'f1')
    const own = (await browser.call('GET', `/api/v1/community/stores/S3?${spanQuery(FROM, TO)}`)).json() as Community
    // Of what he may see: an order that neither his store sold nor was its home at the time is not there for him.
    const whole = await read('S3')
    expect(own.members).toBe(whole.members)
    expect(own.netSalesFen).toBeLessThanOrEqual(whole.netSalesFen)
    expect(own.netSalesFen).toBeGreaterThan(0)
    expect(own.regionMedian).toEqual(whole.regionMedian) // of three stores
    const orders = (await browser.call('GET', `/api/v1/orders?${spanQuery(FROM, TO)}&limit=500`)).json() as { items: { orderNo: string }[] } // prettier-ignore
    const seen = new Set(orders.items.map(order => order.orderNo))
    const community = new Set(persons.filter(person => homeOf(person, TO) === 'S3'))
    const visible = sales.filter(sale => sale.netFen > 0 && isIn(sale.at, FROM, TO) && community.has(sale.person ?? '') && seen.has(sale.orderNo)) // prettier-ignore
    expect(own.netSalesFen).toBe(sum(visible.map(sale => sale.netFen)))
  })
})

describe('days are kept', () => {
  test('each once, the missed ones later, as they stood at their end', async () => {
    const { pool } = service
    const step = (now: number) => snapshotStep(pool, { brandId: 1, zone: 'Asia/Shanghai', now })
    // Before four in the morning the day that just ended is left to the nightly walk.
    const early = Date.parse('2026-06-01T03:59:00+08:00')
    for (let i = 0; i < 400 && (await step(early)); i++);
    const taken = () => owner<{ days: number; last: string; first: string }[]>`
      SELECT count(DISTINCT day)::int AS days, max(day) AS last, min(day) AS first FROM community_days`
    expect((await taken())[0]!.last).toBe('2026-05-30')
    expect(await step(early)).toBe(false)
    expect(await step(Date.parse('2026-06-01T04:00:00+08:00'))).toBe(true)
    expect((await taken())[0]!.last).toBe('2026-05-31')
    // Days that were missed, and a store that was told of since.
    await owner`DELETE FROM community_days WHERE day BETWEEN '2026-05-10' AND '2026-05-12' OR (store_code = 'S2' AND day = '2026-05-20')`
    for (let i = 0; i < 400 && (await step(NOW)); i++);
    const [{ count } = { count: 0 }] = await owner<{ count: number }[]>`
      SELECT count(*)::int AS count FROM community_days WHERE day BETWEEN '2026-05-01' AND '2026-05-31'`
    expect(count).toBe(4 * 31)
    for (const storeCode of STORES) {
      const { days } = await read(storeCode)
      const expectedOn = (day: string) => {
        const from = Date.parse(`${day}T00:00:00+08:00`)
        return expectedOf(storeCode, from, from + DAY_MS, owed)
      }
      const keptOn = (day: string) => days.find(one => one.day === day)!
      const expected = expectedOn('2026-05-11')
      expect(keptOn('2026-05-11')).toMatchObject({
        members: expected.members,
        activeMembers: expected.activeMembers,
        friends: expected.friends,
        friendsAdded: expected.friendsAdded,
        friendsLost: expected.friendsLost,
      })
      // Days that are taken together have each its own.
      for (const day of ['2026-05-02', '2026-05-10', '2026-05-16', '2026-05-17', '2026-05-20', '2026-05-30']) {
        const { members, activeMembers } = expectedOn(day)
        expect(keptOn(day)).toMatchObject({ day, members, activeMembers })
      }
    }
  })

  test('many missed days in one step', async () => {
    const { pool } = service
    await owner`DELETE FROM community_days WHERE day BETWEEN '2026-05-01' AND '2026-05-10'`
    expect(await snapshotStep(pool, { brandId: 1, zone: 'Asia/Shanghai', now: NOW })).toBe(true)
    expect(await snapshotStep(pool, { brandId: 1, zone: 'Asia/Shanghai', now: NOW })).toBe(false)
  })
})
