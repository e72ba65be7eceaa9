import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPool, type Pool } from '../server/database.ts'
import { countedFor, SORTS, type Figures } from '../server/features/performance/domain.ts'
import { OF_PEOPLE } from '../server/features/performance/rolled.ts'
import { addDays } from '../server/lib/calendar.ts'
import { dayOf } from '../server/lib/time.ts'
import type { Answered, Asked, AskOptions } from './lib/ask-process.ts'
import { ZONE, type Bench } from './lib/bench.ts'
import type { Figure, Measured } from './lib/figure.ts'
import { onceInRun } from './lib/once.ts'
import { signInAs } from './lib/people.ts'
import { prepareBrand } from './lib/prepared.ts'
import { runProcess } from './lib/process.ts'
import { startService, type BenchService } from './lib/service.ts'
import { drawOrders, readShop } from './lib/tickets.ts'

/** What is made where no data is given: large enough that every list has a second page. */
const BRAND_ORDERS = 10_000
const CONNECTIONS = 50
const SECONDS = 8
const WARM_SECONDS = 120
/** So long orders come while views are asked; those that are not reached meanwhile are left out. */
const BESIDE_SECONDS = 120
/** Far more than a brand's associates open together. */
const CARDS_PER_SECOND = 200
const ASKERS = 20
const CARDS = 2000
const OWN_CUSTOMERS = 20_000
const BATCH = 100
/** A view is asked so often, unless that takes longer. */
const TIMES = 20
const TIMES_MS = 3000
/** Of a view that took longer, longer spans are left out: it missed its limit a hundred times over. */
const TOO_LONG_MS = 10_000

const LIMIT_CARD_MS = 15
const LIMIT_VIEW_MS = 100
const LIMIT_OWN_MS = 300
const LIMIT_BESIDE_INGEST = 2

interface Reads {
  busy: Answered
  paced: Answered
  own: Answered
  ownCount: number
  views: readonly View[]
  besideCard: Answered
  besideViews: readonly View[]
  ordersPerSecond: number
}

interface View {
  name: string
  /** What a page shows at once, and what is summed of each row of evidence. */
  isSummed: boolean
  p50Ms: number
  p95Ms: number
}

const readsOf = onceInRun<Reads>(measure)

const figure = (name: string, measures: string, valueOf: (reads: Reads) => Measured): Figure => ({
  name,
  measures,
  run: async bench => valueOf(await readsOf(bench)),
})

const ms = (answered: Answered, atMost: number): Measured => ({
  value: answered.p99Ms,
  unit: 'ms',
  limit: { atMost },
  details: { perSecond: Math.round(answered.perSecond), p50Ms: answered.p50Ms, bytes: answered.bytes },
})

const slowest = (views: readonly View[]): Measured => ({
  value: Math.max(...views.map(view => view.p95Ms)),
  unit: 'ms',
  limit: { atMost: LIMIT_VIEW_MS },
  details: Object.fromEntries(views.map(view => [view.name, view.p95Ms])),
})

/** A customer's card, the views of headquarters and an associate's own customers, each as a screen asks for them. */
export const reads: readonly Figure[] = [
  figure('card', `cards, ${CONNECTIONS} connections, 99 of 100 within`, ({ busy }) => ms(busy, LIMIT_CARD_MS)),
  figure('card-paced', `the same at ${CARDS_PER_SECOND} a second`, ({ paced }) => ms(paced, LIMIT_CARD_MS)),
  figure('own-customers', `a page of ${OWN_CUSTOMERS} own customers, 99 of 100 within`, ({ own, ownCount }) => ({
    ...ms(own, LIMIT_OWN_MS),
    details: { customers: ownCount, p50Ms: own.p50Ms },
  })),
  figure('views', 'the slowest of headquarters’ views, 95 of 100 within', ({ views }) =>
    slowest(views.filter(view => view.isSummed)),
  ),
  figure('views-evidence', 'the slowest of those that are summed from evidence', ({ views }) =>
    slowest(views.filter(view => !view.isSummed)),
  ),
  figure('card-ingest', 'cards while orders come, at half of the most, 99 of 100 within', ({ paced, ...beside }) => ({
    value: beside.besideCard.p99Ms,
    unit: 'ms',
    ratio: beside.besideCard.p99Ms / paced.p99Ms,
    against: `${paced.p99Ms} ms`,
    limit: { atMost: LIMIT_BESIDE_INGEST },
    details: { ordersPerSecond: Math.round(beside.ordersPerSecond) },
  })),
  figure('views-ingest', 'the views that are summed ahead, meanwhile; median of their p95', reads => {
    const before = new Map(reads.views.map(view => [view.name, view]))
    const ratios = reads.besideViews.map(view => view.p95Ms / before.get(view.name)!.p95Ms).sort((a, b) => a - b)
    return {
      value: Math.max(...reads.besideViews.map(view => view.p95Ms)),
      unit: 'ms',
      ratio: ratios[ratios.length >> 1]!,
      against: 'idle',
      limit: { atMost: LIMIT_BESIDE_INGEST },
      details: Object.fromEntries(reads.besideViews.map(view => [view.name, view.p95Ms])),
    }
  }),
]

async function measure(bench: Bench): Promise<Reads> {
  const brand = bench.given ?? (await bench.brand(BRAND_ORDERS))
  const { brandId, until } = brand
  const url = bench.given?.url ?? (await bench.copyOf(await bench.brand(BRAND_ORDERS)))
  if (!bench.given) await prepareBrand(url, brandId, ZONE)
  const folder = await mkdtemp(join(tmpdir(), 'daogou-bench-reads-'))
  const owner = openPool(url, { max: 1, asOwner: true, statementTimeoutMs: 0 })
  const service = await startService(url, bench.given ? { env: bench.given.env } : {})
  const load = async (asked: readonly Asked[], how: Omit<AskOptions, 'port' | 'file'>) => {
    const file = join(folder, `asked-${Math.random()}`)
    await writeFile(file, asked.map(one => JSON.stringify(one)).join('\n'))
    const answered = await runProcess<Answered>(new URL('./lib/ask-process.ts', import.meta.url), [
      JSON.stringify({ port: service.port, file, ...how } satisfies AskOptions),
    ])
    const wrong = Object.keys(answered.statuses).filter(status => status !== '200')
    if (wrong.length > 0) throw new Error(`answered with ${wrong.join(', ')}`)
    return answered
  }
  try {
    await sumsAreBuilt(bench, owner, brandId)
    const askers = await owner<{ id: string }[]>`
      SELECT a.attributed_associate AS id FROM member_assignments AS a
      JOIN associates AS own ON own.brand_id = ${brandId} AND own.associate_id = a.attributed_associate
      WHERE a.brand_id = ${brandId} AND own.role = 'associate' AND own.employments -> -1 ->> 'activeTo' IS NULL
      GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT ${ASKERS}`
    const headerOf = (associateId: string) => signInAs(service, { databaseUrl: url, brandId, associateId })
    const contacts = await drawContacts(
      owner,
      brandId,
      askers.map(one => one.id),
    )
    /** Signed in anew: a session is over before all views were asked. */
    const drawCards = async () => {
      const headers = new Map<string, string>()
      for (const { id } of askers) headers.set(id, await headerOf(id))
      return contacts.map(({ asker, contact }) => ({
        path: `/api/v1/cards/customer?externalUserid=${encodeURIComponent(contact)}`,
        header: headers.get(asker)!,
      }))
    }
    await service.rests()
    const cards = await drawCards()
    // Each once before: who is asked for today is in memory afterwards, whatever the size of the history.
    const first = await load(cards, { connections: CONNECTIONS, seconds: WARM_SECONDS, atMost: cards.length })
    const busy = await load(cards, { connections: CONNECTIONS, seconds: SECONDS })
    const pace = { connections: CONNECTIONS, seconds: SECONDS, perSecond: CARDS_PER_SECOND }
    const paced = await load(cards, pace)
    bench.say(`cards for the first time: ${Math.round(first.perSecond)} a second, p99 ${first.p99Ms} ms`)
    bench.say(`cards: ${Math.round(busy.perSecond)} a second, p99 ${busy.p99Ms} ms; paced ${paced.p99Ms} ms`)

    const views = await askViews(service, viewsOf(brand, await someStore(owner, brandId)), text => bench.say(text))

    const [busiest] = askers
    const ownCount = await giveCustomers(service, owner, { brandId, associateId: busiest!.id, until })
    const asking = [{ path: '/api/v1/me/customers', header: await headerOf(busiest!.id) }]
    // Whose customers they became is looked at for all that they ever bought.
    await service.rests()
    const firstOwn = await load(asking, { connections: 1, seconds: WARM_SECONDS, atMost: 1 })
    const own = await load(asking, { connections: 1, seconds: 2 * SECONDS })
    bench.say(`${ownCount} own customers: p99 ${own.p99Ms} ms, the first ${firstOwn.p99Ms} ms`)

    const shop = await readShop(owner, brand)
    const drawn = drawOrders(shop, { seed: 1, prefix: `reads-${Date.now()}-`, sellers: 'spread', now: Date.now() })
    const batches = (count: number): Asked[] =>
      Array.from({ length: count }, () => ({
        path: '/api/v1/orders',
        header: `authorization: Bearer ${service.key}`,
        body: JSON.stringify(Array.from({ length: BATCH }, () => drawn.next().value)),
      }))
    const most = await load(batches(300), { connections: 4, seconds: 5 })
    const half = most.perSecond / 2
    const again = await drawCards()
    // Anew: the views in between read so much that what cards need is no longer in memory.
    await load(again, { connections: CONNECTIONS, seconds: WARM_SECONDS, atMost: again.length })
    const besideUntil = performance.now() + BESIDE_SECONDS * 1000
    const beside = load(batches(Math.ceil(half * BESIDE_SECONDS)), {
      connections: 4,
      seconds: BESIDE_SECONDS,
      perSecond: half,
    })
    const besideCard = await load(again, pace)
    const besideViews = await askViews(
      service,
      viewsOf(brand, await someStore(owner, brandId)).filter(view => view.isSummed),
      () => {},
      { times: 5, until: besideUntil },
    )
    const { perSecond } = await beside
    return { busy, paced, own, ownCount, views, besideCard, besideViews, ordersPerSecond: perSecond * BATCH }
  } finally {
    await owner.end({ timeout: 5 })
    await service.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** A brand that was given may be one whose figures nobody summed yet: that is done by the service, and takes its time. */
async function sumsAreBuilt(bench: Bench, owner: Pool, brandId: number): Promise<void> {
  for (let told = 0; ;) {
    const [row] = await owner<{ marks: number; isBegun: boolean }[]>`
      SELECT (SELECT count(*) FROM rollup_marks WHERE brand_id = ${brandId}) AS marks,
        EXISTS (SELECT FROM rollup_states WHERE brand_id = ${brandId}) AS "isBegun"`
    if (row!.isBegun && row!.marks === 0) return
    if (Date.now() - told > 60_000) bench.say(`${row!.marks} days are still to be summed`)
    if (Date.now() - told > 60_000) told = Date.now()
    await new Promise(resolve => setTimeout(resolve, 1000))
  }
}

/** Mostly each asker’s own customers, some of others, and some whom nobody knows. */
async function drawContacts(owner: Pool, brandId: number, askers: readonly string[]) {
  const own = await owner<{ asker: string; contact: string }[]>`
    SELECT asker.id AS asker, i.value AS contact FROM unnest(${askers as string[]}::text[]) AS asker (id)
    CROSS JOIN LATERAL (
      SELECT i.value FROM member_assignments AS a
      JOIN identities AS i ON i.brand_id = ${brandId} AND i.member_no = a.member_no AND i.kind = 'external_userid'
      WHERE a.brand_id = ${brandId} AND a.attributed_associate = asker.id LIMIT ${(CARDS * 0.7) / ASKERS}) AS i`
  const others = await owner<{ contact: string }[]>`
    SELECT value AS contact FROM identities WHERE brand_id = ${brandId} AND kind = 'external_userid'
    ORDER BY md5(value) LIMIT ${CARDS * 0.2}`
  const at = (i: number) => askers[i % askers.length]!
  const all = [
    ...own,
    ...others.map(({ contact }, i) => ({ asker: at(i), contact })),
    ...Array.from({ length: CARDS * 0.1 }, (_, i) => ({ asker: at(i), contact: `nobody-${i}` })),
  ]
  // Spread, the same in every run.
  return all
    .map((one, i) => ({ one, place: (i * 7919) % all.length }))
    .sort((a, b) => a.place - b.place)
    .map(({ one }) => one)
}

async function someStore(owner: Pool, brandId: number): Promise<string> {
  const [row] = await owner<{ code: string }[]>`
    SELECT store_code AS code FROM associates WHERE brand_id = ${brandId} AND store_code IS NOT NULL
    GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1`
  return row!.code
}

interface ViewToAsk {
  name: string
  path: string
  isSummed: boolean
}

const isOfPeople = (name: keyof Figures) => [...countedFor([name])].some(part => OF_PEOPLE.has(part))
/** Tables are shown with what is a sum, and distinct people come into them. */
const SUMS = SORTS.filter(name => !isOfPeople(name)).join(',')
const PEOPLE = SORTS.filter(isOfPeople).join(',')
const TABLES = ['stores', 'regions', 'associates', 'channels', 'links', 'products', 'groups']

/** What the console's pages ask for, for each span that can be chosen. */
function viewsOf({ until }: { until: number }, storeCode: string): ViewToAsk[] {
  const last = dayOf(until - 1, ZONE)
  const next = addDays(last, 1)
  const month = `${last.slice(0, 7)}-01`
  const monthBack = (count: number) => {
    const [year, number] = month.split('-').map(Number) as [number, number]
    return new Date(Date.UTC(year, number - 1 - count, 1)).toISOString().slice(0, 10)
  }
  const spans = {
    today: [last, next],
    '7 days': [addDays(last, -6), next],
    month: [month, next],
    'last month': [monthBack(1), month],
    quarter: [monthBack(2), next],
    year: [monthBack(11), next],
  }
  const inSpan = Object.entries(spans).flatMap(([span, [from, to]]) => {
    const view = (what: string, path: string, isSummed: boolean, more = '') => ({
      name: `${what}, ${span}`,
      path: `/api/v1${path}?from=${from}&to=${to}${more}`,
      isSummed,
    })
    return [
      view('headline', '/performance/summary', true, '&before=year'),
      view('trend', '/performance/trend', true, `&figures=${SUMS}`),
      view('people of trend', '/performance/trend', false, `&figures=${PEOPLE}`),
      ...TABLES.map(table => view(table, `/performance/${table}`, true, `&limit=20&figures=${SUMS}`)),
      ...TABLES.map(table => view(`people of ${table}`, `/performance/${table}`, false, `&limit=20&figures=${PEOPLE}`)),
      view('headline of a store', '/performance/summary', true, `&storeCode=${storeCode}`),
      view('community', '/community/stores', true, '&limit=20'),
      view('community of a store', `/community/stores/${storeCode}`, true),
      view('associates of a store', '/performance/associates', true, `&limit=20&storeCode=${storeCode}`),
      view('orders behind', '/performance/orders', false, '&limit=20'),
    ]
  })
  const plain = (name: string, path: string) => ({ name, path: `/api/v1${path}`, isSummed: true })
  return [
    ...inSpan,
    plain('attainment', `/attainment?month=${last.slice(0, 7)}&limit=50`),
    plain('attainment totals', `/attainment/totals?month=${last.slice(0, 7)}`),
    plain('targets', `/targets?month=${last.slice(0, 7)}&limit=500`),
    plain('disputes', '/disputes'),
    plain('unattributed', '/unattributed'),
    plain('risks', '/risks'),
    plain('settlements', '/settlements?limit=20'),
    plain('plans', '/plans'),
    plain('orders', '/orders?limit=50'),
  ]
}

async function askViews(
  service: BenchService,
  views: readonly ViewToAsk[],
  say: (text: string) => void,
  { times, until: end }: { times: number; until: number } = { times: TIMES, until: Infinity },
): Promise<View[]> {
  const answered: View[] = []
  const tooLong = new Set<string>()
  for (const { name, path, isSummed } of views) {
    const what = name.split(',')[0]!
    if (tooLong.has(what) || performance.now() > end) continue
    const tookMs: number[] = []
    const ask = async () => {
      const began = performance.now()
      const answer = await fetch(`http://127.0.0.1:${service.port}${path}`, {
        headers: { authorization: `Bearer ${service.key}` },
      })
      const text = await answer.text()
      if (!answer.ok) say(`${name}: ${answer.status} ${text.slice(0, 200)}`)
      return performance.now() - began
    }
    const first = await ask()
    if (first > TOO_LONG_MS) tooLong.add(what)
    const until = performance.now() + TIMES_MS
    if (first > TIMES_MS) tookMs.push(first)
    while (tookMs.length < times && performance.now() < until && first <= TIMES_MS) tookMs.push(await ask())
    tookMs.sort((a, b) => a - b)
    const at = (part: number) => Math.round(tookMs[Math.floor((tookMs.length - 1) * part)]! * 10) / 10
    answered.push({ name, isSummed, p50Ms: at(0.5), p95Ms: at(0.95) })
    if (at(0.95) > LIMIT_VIEW_MS)
      say(`${name}: p95 ${at(0.95)} ms of ${tookMs.length}, the first ${Math.round(first)} ms`)
  }
  return answered
}

/** Tells that so many members became one associate's customers, unless they are. */
async function giveCustomers(
  service: BenchService,
  owner: Pool,
  { brandId, associateId, until }: { brandId: number; associateId: string; until: number },
): Promise<number> {
  const have = await owner<{ memberNo: string }[]>`
    SELECT DISTINCT member_no AS "memberNo" FROM member_assignments
    WHERE brand_id = ${brandId} AND attributed_associate = ${associateId}`
  const more = await owner<{ memberNo: string }[]>`
    SELECT member_no AS "memberNo" FROM members
    WHERE brand_id = ${brandId} AND member_no = last_member_no
      AND member_no <> ALL (${have.map(one => one.memberNo)}::text[])
    ORDER BY md5(member_no) LIMIT ${Math.max(0, OWN_CUSTOMERS - have.length)}`
  for (let i = 0; i < more.length; i += 500) {
    const items = more.slice(i, i + 500).map(({ memberNo }) => ({
      memberNo,
      from: new Date(until).toISOString(),
      attributedAssociate: associateId,
    }))
    const answer = await fetch(`http://127.0.0.1:${service.port}/api/v1/member-assignments`, {
      method: 'POST',
      headers: { authorization: `Bearer ${service.key}`, 'content-type': 'application/json' },
      body: JSON.stringify(items),
    })
    if (!answer.ok) throw new Error(`member-assignments: ${answer.status} ${await answer.text()}`)
  }
  return have.length + more.length
}
