import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatInstant } from '../../server/lib/time.ts'
import { openBrand, type BrandClient } from '../support/brand.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { randomOf, shuffled, type Told } from './histories.ts'
import { associateItem, lineItem, linkItem, planBody, storeItem } from './items.ts'

/** Tills whose line to the service is down for days; the short form and the full one differ in how many there are. */
export interface Extent {
  seed: number
  tills: number
  /** Sales of each till. */
  sales: number
}

const HOUR = 3_600_000
const HOURS = 72
const T0 = Date.parse('2026-03-30T00:00:00+08:00') // a month ends in the middle
const SETTLED_AT = T0 + 60 * HOUR
const CLOSED_AT = T0 + 200 * HOUR
const REPLAYS = 3
const PLAN = planBody({
  holdDays: 1,
  lineCapBps: 1500,
  rules: [
    { id: 'first', role: 'sharer', when: { firstOrder: true }, rateBps: 900, bearer: 'headquarters' },
    { id: 'share', role: 'sharer', rateBps: 400, bearer: 'headquarters' },
    { id: 'till', role: 'closer', rateBps: 333, bearer: 'selling_store' },
    { id: 'store', role: 'selling_store', rateBps: 150, bearer: 'headquarters' },
  ],
  monthlyTiers: { roles: ['closer'], mode: 'marginal', bearer: 'headquarters', steps: [{ fromFen: 0, rateBps: 0 }, { fromFen: 50_000, rateBps: 100 }] },
  retroactive: true,
}) // prettier-ignore

/** What is told, when it happened, and by which till. */
interface Event extends Told {
  at: number
  till: number
}

export function tillsThatWereOffline(extent: Extent): void {
  let service: TestService
  let clock = T0
  const table: string[] = []
  beforeAll(async () => {
    service = await startTestService({ now: () => clock++ })
  })
  afterAll(async () => {
    await service.close()
    console.log(table.join('\n'))
  })

  async function aBrand(): Promise<BrandClient> {
    clock = T0
    const brand = await openBrand(service)
    expect(await brand.post('/plans', PLAN)).toBe(201)
    await brand.tell('stores', tills.map(till => storeItem({ storeCode: `S${till}` }))) // prettier-ignore
    await brand.tell('associates', tills.map(till => associateItem({ associateId: `A${till}`, storeCode: `S${till}` }))) // prettier-ignore
    await brand.tell('share-links', tills.map(till => linkItem({ linkCode: `${brand.brandId}-${till}`, associateId: `A${till}` }))) // prettier-ignore
    return brand
  }
  const tills = Array.from({ length: extent.tills }, (_, till) => till)

  const settle = async (brand: BrandClient, cutoff: number): Promise<string> => {
    clock = Math.max(clock, cutoff + 1)
    const { status, body } = await brand.send('POST', '/settlements', { cutoff: formatInstant(cutoff) })
    expect([status, body]).toEqual([201, expect.objectContaining({ status: 'draft' })])
    const address = `/settlements/${String(body['settlementId'])}`
    for (const step of ['approve', 'pay']) expect(await brand.post(`${address}/${step}`, undefined)).toBe(200)
    return address
  }
  /** Each key's sum in the ledger. What became available when is part of the key. */
  const ledger = async (brand: BrandClient) =>
    (
      await service.pool<{ row: string }[]>`
        SELECT concat_ws(' ', subject, subject_key, source, order_no, line_no, role, payee_kind, payee, bearer_kind, bearer,
          rule_id, available_at, sum(amount_fen)) AS row
        FROM ledger_rows WHERE brand_id = ${brand.brandId}
        GROUP BY subject, subject_key, source, order_no, line_no, role, payee_kind, payee, bearer_kind, bearer, rule_id, available_at
        HAVING sum(amount_fen) <> 0`
    )
      .map(({ row }) => row.replaceAll(`${brand.brandId}-`, ''))
      .sort()
  const statements = async (brand: BrandClient, address: string) => {
    const { items } = await brand.get<{ items: { payee: string; payeeKind: string; totalFen: number; carried: boolean }[] }>(
      `${address}/statements?limit=500`,
    ) // prettier-ignore
    return items
  }
  /** A settlement as it stands: its statements and every row in them. */
  const whole = async (brand: BrandClient, address: string) => [
    await statements(brand, address),
    await service.pool`
      SELECT payee_kind, payee, row_id::text, booked_at, carried FROM settlement_rows
      WHERE brand_id = ${brand.brandId} AND settlement_id = ${address.split('/')[2]!}::uuid ORDER BY row_id`,
  ]
  const sum = (rows: readonly { totalFen: number }[]) => rows.reduce((total, row) => total + row.totalFen, 0)
  const settledOf = async (brand: BrandClient, addresses: readonly string[]) => {
    const totals = new Map<string, number>()
    for (const address of addresses) {
      for (const { payeeKind, payee, totalFen, carried } of await statements(brand, address)) {
        const key = `${payeeKind} ${payee}`
        if (!carried) totals.set(key, (totals.get(key) ?? 0) + totalFen)
      }
    }
    return [...totals].filter(([, fen]) => fen !== 0).sort(([a], [b]) => (a < b ? -1 : 1))
  }

  describe(`${extent.tills} tills`, () => {
    test(`that tell ${HOURS} hours ${REPLAYS} times in any order end in the ledger of those that were online`, async () => {
      const random = randomOf(extent.seed)
      const online = await aBrand()
      const events = eventsOf(extent, random)
      const own = (brand: BrandClient, told: readonly Told[]) =>
        told.map(({ kind, item }) => ({
          kind,
          item: 'shareCode' in item ? { ...item, shareCode: `${brand.brandId}-${String(item['shareCode'])}` } : item,
        }))
      const tell = async (brand: BrandClient, told: readonly Told[]) => {
        for (const kind of ['orders', 'refunds']) {
          const items = own(brand, told).filter(one => one.kind === kind).map(one => one.item) // prettier-ignore
          if (items.length > 0) await brand.tell(kind, items)
        }
      }

      // Online: each as it happens, hour by hour.
      const hourly = async (brand: BrandClient, from: number, to: number, isHeard: (event: Event) => boolean) => {
        for (let hour = from; hour < to; hour += 6) {
          clock = T0 + (hour + 6) * HOUR
          const [since, until] = [T0 + hour * HOUR, T0 + (hour + 6) * HOUR]
          await tell(brand, events.filter(event => event.at >= since && event.at < until && isHeard(event))) // prettier-ignore
        }
        await brand.settled()
      }
      await hourly(online, 0, 60, () => true)
      const onlineFirst = await settle(online, SETTLED_AT)
      await hourly(online, 60, HOURS, () => true)

      // Offline: the line of each goes in the first two days; what was told before then is told again, too.
      const offline = await aBrand()
      const goneAt = tills.map(() => T0 + random() * 48 * HOUR)
      await hourly(offline, 0, 60, event => event.at < goneAt[event.till]!)
      const first = await settle(offline, SETTLED_AT)
      const settledThen = await whole(offline, first)
      clock = T0 + HOURS * HOUR
      const replayed = shuffled(Array.from({ length: REPLAYS }, () => events).flat(), random)
      const batches: Told[][] = []
      while (replayed.length > 0) batches.push(replayed.splice(0, 1 + Math.floor(random() * 30)))
      for (let i = 0; i < batches.length; i += 4) {
        await Promise.all(batches.slice(i, i + 4).map(batch => tell(offline, batch)))
      }
      await offline.settled()

      expect(await ledger(offline)).toEqual(await ledger(online))
      expect(await whole(offline, first)).toEqual(settledThen)
      const onlineNext = await settle(online, CLOSED_AT)
      const next = await settle(offline, CLOSED_AT)
      expect(await whole(offline, first)).toEqual(settledThen)
      expect(await settledOf(offline, [first, next])).toEqual(await settledOf(online, [onlineFirst, onlineNext]))
      for (const brand of [online, offline]) {
        expect(await brand.get('/audit?limit=500')).toMatchObject({ items: [], nextCursor: null })
      }
      const rows = await ledger(offline)
      const total = async (brand: BrandClient, address: string) => String(sum(await statements(brand, address)))
      const [a, b] = [await total(online, onlineFirst), await total(online, onlineNext)]
      const [c, d] = [await total(offline, first), await total(offline, next)]
      table.push(
        `${extent.tills} tills, ${events.length} orders and refunds, told ${REPLAYS} times: ${rows.length} sums in the ledger, equal`,
        '            settled meanwhile   settled next   together (fen)',
        `online      ${a.padStart(17)}   ${b.padStart(12)}   ${String(Number(a) + Number(b)).padStart(14)}`,
        `offline     ${c.padStart(17)}   ${d.padStart(12)}   ${String(Number(c) + Number(d)).padStart(14)}`,
      )
      expect(rows.length).toBeGreaterThan(events.length)
      expect(c).not.toBe(a)
      expect(Number(c) + Number(d)).toBe(Number(a) + Number(b))
    }, 600_000)

    test.each([
      ['ahead', 2],
      ['behind', -2],
    ] as const)('one whose clock is two hours %s neither loses nor doubles a sale', async (word, hours) => {
      const brand = await aBrand()
      const soldAt = T0 + 10 * HOUR
      const order = (at: number, more: object = {}) => ({
        source: 'till',
        orderNo: 'o-1',
        channel: 'in_store',
        sellingStore: 'S0',
        closer: 'A0',
        paidAt: formatInstant(at),
        lines: [lineItem()],
        ...more,
      })
      clock = soldAt
      await brand.tell('orders', [order(soldAt + hours * HOUR)])
      // Told again, and by a till that was put right in between: the number counts, not the instant.
      await brand.tell('orders', [order(soldAt + hours * HOUR)])
      const again = await brand.send('POST', '/orders', [order(soldAt)])
      expect(again.body).toMatchObject([{ status: 'rejected', error: { code: 'conflict' } }])
      const ahead = async () =>
        (await brand.get<{ items: unknown[] }>(`/orders?from=${formatInstant(clock)}&limit=10`)).items.length
      expect(await ahead()).toBe(hours > 0 ? 1 : 0)
      const balance = async () =>
        await brand.get<Record<string, number>>(`/balances?payee=A0&at=${formatInstant(soldAt + 25 * HOUR)}`)
      // It counts from the instant that was told.
      expect(await balance()).toMatchObject(hours > 0 ? { pendingFen: 333, availableFen: 0 } : { pendingFen: 0, availableFen: 333 }) // prettier-ignore
      // Settled by the clock of the till; put right afterwards.
      const first = await settle(brand, soldAt + 27 * HOUR)
      const then = await whole(brand, first)
      expect(sum(await statements(brand, first))).toBe(333 + 150)
      await brand.tell('orders', [order(soldAt, { revision: 2 })])
      await brand.settled()
      expect(await whole(brand, first)).toEqual(then)
      const next = await settle(brand, CLOSED_AT)
      expect(await settledOf(brand, [first, next])).toEqual([['associate A0', 333], ['store S0', 150]]) // prettier-ignore
      expect(sum(await statements(brand, next))).toBe(0)
      expect(await brand.get('/audit?limit=500')).toMatchObject({ items: [], nextCursor: null })
      table.push(`a clock two hours ${word}: settled 483 fen, and 0 fen next, after it was put right`)
    })
  })
}

/** What the tills saw in 72 hours: sales, some of them taken back later at any till, or corrected. */
function eventsOf({ tills, sales }: Extent, random: () => number): Event[] {
  const any = (count: number) => Math.floor(random() * count)
  const events: Event[] = []
  for (let till = 0; till < tills; till++) {
    for (let i = 0; i < sales; i++) {
      const at = T0 + Math.floor(random() * (HOURS - 12) * HOUR)
      const orderNo = `${till}-${i}`
      const order = {
        source: 'till',
        orderNo,
        channel: 'in_store',
        sellingStore: `S${till}`,
        closer: `A${till}`,
        paidAt: formatInstant(at),
        ...(random() < 0.7 ? { memberNo: `M${any(tills * 2)}` } : {}),
        ...(random() < 0.4 ? { shareCode: String(any(tills)) } : {}),
        lines: Array.from({ length: 1 + any(2) }, (_, line) =>
          lineItem({ lineNo: line + 1, paidFen: 100 + any(30_000), quantity: 1 + any(2) }),
        ),
      }
      events.push({ kind: 'orders', item: order, at, till })
      const later = at + Math.floor(random() * 12 * HOUR)
      const kind = random()
      if (kind < 0.25) {
        const lines = [{ lineNo: 1, quantity: 1, refundFen: 50 + any(10_000) }]
        const refund = { source: 'till', refundNo: `r-${orderNo}`, orderNo, refundedAt: formatInstant(later), lines }
        events.push({ kind: 'refunds', item: refund, at: later, till: any(tills) })
      } else if (kind < 0.35) {
        events.push({ kind: 'orders', item: { ...order, revision: 2, cancelled: true }, at: later, till })
      }
    }
  }
  return events.sort((a, b) => a.at - b.at)
}
