import fc from 'fast-check'
import { expect } from 'vitest'
import { formatInstant, parseInstant } from '../../server/lib/time.ts'
import { openBrand } from '../support/brand.ts'
import type { TestService } from '../support/service.ts'
import {
  history,
  ORIGIN,
  plans,
  randomOf,
  shuffled,
  type History,
  type Item,
  type OverrideCommand,
  type PlanBody,
  type Told,
} from './histories.ts'
import { Memory, owedBy, plansOfBodies, sortedText, type OwedRow } from './memory.ts'

export { openBrand } from '../support/brand.ts'

/**
 * Random histories on the real service. Many of them share a brand, each under keys of its own, and each is sent twice
 * over: two tellings in two sequences, with repetitions, in batches of random size of which several are under way at
 * once. All of it must end in what `decide` gives for the history in memory.
 */

/** One telling of a history, under a prefix of its own. */
interface Stream {
  prefix: string
  history: History
  evidence: Told[]
  /** Some make their overrides half-way, as far as the orders are there. */
  overridesEarly: boolean
}

/** Fields that name a thing: those of two tellings must not meet. */
const NAMES = new Set(
  [
    ['storeCode', 'associateId', 'memberNo', 'into', 'openingStore', 'openingAssociate', 'invitedBy', 'linkCode'],
    ['shareCode', 'closer', 'sellingStore', 'homeStore', 'attributedAssociate', 'unionid', 'openid', 'externalUserid'],
    ['visitorId', 'value', 'touchId', 'orderNo', 'refundNo'],
  ].flat(),
)

export function prefixed<T>(value: T, prefix: string): T {
  if (Array.isArray(value)) return value.map(entry => prefixed(entry as unknown, prefix)) as T
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => {
      if (typeof field !== 'string') return [key, prefixed(field as unknown, prefix)]
      if (key === 'phone') return [key, `1${field.slice(1, 3)}${phoneDigits(prefix)}${field.slice(-1)}`]
      return [key, NAMES.has(key) ? prefix + field : field]
    }),
  ) as T
}

/** Seven digits of which no two prefixes have the same. */
const phoneDigits = (prefix: string) => String(Number.parseInt(prefix, 36) % 10_000_000).padStart(7, '0')

/** What a plan says of stores, for the stores of all tellings. */
function planFor(body: PlanBody, prefixes: readonly string[]): PlanBody {
  const rules = (body['rules'] as Item[]).map(rule => {
    const when = rule['when'] as Record<string, unknown>
    const lists = ['sellingStores', 'homeStores'].filter(key => key in when)
    const named = lists.map(key => [key, (when[key] as string[]).flatMap(code => prefixes.map(one => one + code))])
    return { ...rule, when: { ...when, ...Object.fromEntries(named) } }
  })
  return { ...body, rules }
}

const sum = (rows: readonly { amountFen: number }[]) => rows.reduce((total, row) => total + row.amountFen, 0)

/**
 * Sends so many histories to a new brand, each twice, and checks every promise about them.
 *
 * @returns how many entitlements there were, so that a test sees that something happened
 */
export async function checkHistories(service: TestService, seed: number, count: number): Promise<number> {
  const random = randomOf(seed)
  const brand = await openBrand(service)
  const [bodies] = fc.sample(plans, { seed, numRuns: 1 }) as [PlanBody[]]
  const histories = fc.sample(history, { seed, numRuns: count })
  const streams = histories.flatMap((told, i): Stream[] =>
    ['a', 'b'].map(side => {
      const prefix = `${brand.brandId.toString(36)}${i.toString(36).padStart(2, '0')}${side}`
      const own = prefixed(told, prefix)
      return { prefix, history: own, evidence: shuffled(own.evidence, random, 4), overridesEarly: side === 'b' }
    }),
  )
  const prefixes = streams.map(stream => stream.prefix)
  const publish = async (body: PlanBody) => {
    expect(await brand.post('/plans', { ...planFor(body, prefixes), retroactive: true })).toBe(201)
  }
  const [last, ...first] = bodies.toReversed()
  const early = first.length === 0 ? [last!] : first.toReversed()
  for (const body of early) await publish(body)

  // Master data: commands, in their order.
  for (const kind of ['stores', 'associates', 'members']) {
    const items = streams.flatMap(stream => stream.history.master).filter(told => told.kind === kind)
    for (let i = 0; i < items.length; i += 500) {
      await brand.tell(
        kind,
        items.slice(i, i + 500).map(told => told.item),
      )
    }
  }

  // Evidence: some items of every telling at a time, in batches that are under way together.
  const override = async (command: OverrideCommand) => await brand.post('/overrides', command)
  const overridden = new Set<OverrideCommand>()
  const position = new Map(streams.map(stream => [stream, 0]))
  const half = (stream: Stream) => position.get(stream)! >= stream.evidence.length / 2
  while (streams.some(stream => position.get(stream)! < stream.evidence.length)) {
    const batches = new Map<string, Item[]>()
    for (const stream of streams) {
      const from = position.get(stream)!
      const to = Math.min(stream.evidence.length, from + Math.floor(random() * 5))
      position.set(stream, to)
      for (const { kind, item } of stream.evidence.slice(from, to)) {
        batches.set(kind, [...(batches.get(kind) ?? []), item])
      }
    }
    const calls = [...batches].flatMap(([kind, items]) => {
      const cut = Math.floor(random() * items.length)
      return [items.slice(0, cut), items.slice(cut)].filter(part => part.length > 0).map(part => ({ kind, part }))
    })
    await Promise.all(shuffled(calls, random).map(({ kind, part }) => brand.tell(kind, part)))
    for (const stream of streams.filter(one => one.overridesEarly && half(one))) {
      const there = new Set(
        stream.evidence
          .slice(0, position.get(stream))
          .filter(told => told.kind === 'orders')
          .map(told => told.item['orderNo']),
      )
      for (const command of stream.history.overrides) {
        if (overridden.has(command) || !there.has(command.orderNo)) continue
        expect(await override(command)).toBe(201)
        overridden.add(command)
      }
    }
  }
  for (const stream of streams) {
    const there = new Set(stream.evidence.filter(told => told.kind === 'orders').map(told => told.item['orderNo']))
    for (const command of stream.history.overrides) {
      if (!overridden.has(command)) expect(await override(command)).toBe(there.has(command.orderNo) ? 201 : 404)
    }
  }

  // Late master data: each telling's in its order.
  const rounds = Math.max(0, ...streams.map(stream => stream.history.lateMaster.length))
  for (let i = 0; i < rounds; i++) {
    for (const kind of ['stores', 'associates', 'members']) {
      const told = streams.flatMap(stream => stream.history.lateMaster.slice(i, i + 1)).filter(one => one.kind === kind)
      if (told.length > 0) await brand.tell(kind, told.map(one => one.item)) // prettier-ignore
    }
  }
  await brand.settled()
  let entitlements = await checkBooked(service, brand, streams, histories, early)
  if (early.length < bodies.length) {
    await publish(last!)
    await brand.settled()
    entitlements = await checkBooked(service, brand, streams, histories, bodies)
  }
  return entitlements
}

/** Entitlements, ledger, balances and audit against what is decided in memory. */
async function checkBooked(
  service: TestService,
  brand: Awaited<ReturnType<typeof openBrand>>,
  streams: readonly Stream[],
  histories: readonly History[],
  bodies: readonly PlanBody[],
): Promise<number> {
  const planned = plansOfBodies(bodies)
  const expected = histories.map(({ master, evidence, overrides, lateMaster }) =>
    owedBy(new Memory().take(master).take(evidence).override(overrides).take(lateMaster).decide(planned)),
  )
  const booked = new Map<string, OwedRow[]>(streams.map(stream => [stream.prefix, []]))
  let cursor: string | null = null
  do {
    const page: { items: (Omit<OwedRow, 'availableAt'> & { availableAt: string })[]; nextCursor: string | null } =
      await brand.get(`/entitlements?limit=500${cursor ? `&cursor=${cursor}` : ''}`)
    for (const row of page.items) {
      const prefix = streams.find(stream => row.orderNo.startsWith(stream.prefix))!.prefix
      const name = (kind: string, text: string) => (kind === 'headquarters' ? text : text.slice(prefix.length))
      booked.get(prefix)!.push({
        ...row,
        orderNo: row.orderNo.slice(prefix.length),
        payee: name(row.payeeKind, row.payee),
        bearer: name(row.bearerKind, row.bearer),
        availableAt: parseInstant(row.availableAt)!,
      })
    }
    cursor = page.nextCursor
  } while (cursor)
  const differing = streams.flatMap((stream, i) => {
    const owed = sortedText(expected[Math.floor(i / 2)]!)
    const got = sortedText(booked.get(stream.prefix)!)
    return JSON.stringify(owed) === JSON.stringify(got) ? [] : [{ i, prefix: stream.prefix, owed, got }]
  })
  expect(differing).toEqual([])

  const audit = await brand.get<{ items: unknown[]; nextCursor: string | null }>('/audit?limit=500')
  expect(audit).toMatchObject({ items: [], nextCursor: null })

  // What each account holds is the sum of what is owed to it; pending and available by the release, at any instant.
  const at = ORIGIN + Math.floor(bodies.length * 3) * 86_400_000
  for (const [i, stream] of streams.entries()) {
    const rows = expected[Math.floor(i / 2)]!
    const accounts = [...new Set(rows.filter(row => row.payeeKind !== 'headquarters').map(row => `${row.payeeKind} ${row.payee}`))] // prettier-ignore
    for (const account of accounts.slice(i % 3, (i % 3) + 1)) {
      const [payeeKind, payee] = account.split(' ') as [string, string]
      const mine = rows.filter(row => row.payeeKind === payeeKind && row.payee === payee)
      const query = `payeeKind=${payeeKind}&payee=${encodeURIComponent(stream.prefix + payee)}&at=${formatInstant(at)}`
      expect(await brand.get(`/balances?${query}`)).toEqual({
        pendingFen: sum(mine.filter(row => row.availableAt > at)),
        availableFen: sum(mine.filter(row => row.availableAt <= at)),
        settledFen: 0,
        bonusFen: 0,
      })
    }
  }
  const off = await service.pool`
    SELECT * FROM (
      SELECT brand_id, payee_kind, payee, available_at, sum(amount_fen) AS booked FROM ledger_rows GROUP BY 1, 2, 3, 4
    ) AS ledger
    FULL JOIN (
      SELECT brand_id, payee_kind, payee, available_at, sum(amount_fen) AS owed FROM entitlements GROUP BY 1, 2, 3, 4
    ) AS owed USING (brand_id, payee_kind, payee, available_at)
    WHERE COALESCE(booked, 0) <> COALESCE(owed, 0)`
  expect([...off]).toEqual([])
  return [...booked.values()].flat().length
}
