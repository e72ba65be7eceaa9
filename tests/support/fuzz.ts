import { Ajv, type ValidateFunction } from 'ajv'
import type { ItemResult } from '../../server/lib/items.ts'
import { parseInstant } from '../../server/lib/time.ts'
import {
  Fuzzer,
  operationsOf,
  type FuzzedCall,
  type Json,
  type Known,
  type OpenApi,
  type Operation,
} from '../builders/fuzz.ts'
import { associateItem, LONG_BEFORE, orderItem, refundItem, storeItem } from '../builders/items.ts'
import { startTestService, TEST_KEY, type TestService } from './service.ts'
import { signedIn, startTestWecom, type TestWecom } from './wecom.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const CODE = /^[a-z_]+(\.[a-z_]+)?$/
/** What only somebody who reads the code or the log may see. */
const INSIDE =
  /node_modules|file:\/\/|\/work\/|\/home\/|\.[jt]s:\d|\n\s+at |postgres|\b(?:SELECT|INSERT INTO|DELETE FROM)\b|violates|relation \\?"|column \\?"|syntax error at|out of range for type|invalid input syntax|byte sequence|Error:|Cannot (?:read|convert)|is not a function|is not iterable|maximum call stack/i
/** What a service without a mini program, object store or reachable address may say of itself. */
const NOT_SET_UP = new Set(['mini_program.not_configured', 'wecom.not_configured', 'picture.storage_unreachable'])

/** Who calls, in turn: a key with all scopes, and people. */
const CALLERS = ['key', 'hq', 'a1', 'f1', 'aud'] as const
type FuzzCaller = (typeof CALLERS)[number]

/** Sign-ins end, so people come anew while thousands of calls are made. */
const SIGNED_IN_MS = 5 * 60_000

/** A call that was made, and by whom. */
interface Made extends FuzzedCall {
  caller: FuzzCaller
}

export interface FuzzStage {
  service: TestService
  operations: Operation[]
  /**
   * Makes so many calls of each operation.
   *
   * @returns how many answers there were of each status, and what is wrong with any of them
   */
  play(options: { seed: number; calls: number }): Promise<{
    statuses: Record<number, number>
    wrong: string[]
  }>
  /**
   * Sends each kind of item with something wrong between two good ones.
   *
   * @returns what is wrong with the answers
   */
  mix(options: { seed: number; calls: number }): Promise<string[]>
  close(): Promise<void>
}

/** The service beside a WeCom, with a little of everything in it and no worker, so that nothing changes by itself. */
export async function startFuzzStage(): Promise<FuzzStage> {
  const wecom: TestWecom = await startTestWecom({
    staff: ['a1', 'a2', 'f1', 'hq', 'aud'],
    customers: [{ name: '顾客', externalUserid: 'wmOne', follows: [{ userid: 'a1' }] }],
  })
  const service = await startTestService({ env: wecom.env, worker: false })
  await furnish(service)
  const document = (await service.app.inject('/api/openapi.json')).json<OpenApi>()
  const operations = operationsOf(document)
  const known: Record<string, string[]> = {
    storeCode: ['S1', 'S2', 'S3'],
    storeCodes: ['S1', 'S2', 'S3'],
    homeStore: ['S1', 'S3'],
    sellingStore: ['S1', 'S2'],
    openingStore: ['S1'],
    associateId: ['a2', 'a3'],
    associate: ['a1', 'a2', 'a3'],
    closer: ['a1', 'a2'],
    attributedAssociate: ['a1', 'a2'],
    openingAssociate: ['a2'],
    invitedBy: ['a2'],
    payee: ['a1', 'a2', 'S2'],
    memberNo: ['m1', 'm2', 'm3'],
    memberNos: ['m1', 'm2', 'm3'],
    source: ['mall'],
    orderNo: ['o1', 'o2', 'o3'],
    sku: ['sku-1'],
    linkCode: ['L1', 'L2'],
    shareCode: ['L1'],
    couponCode: ['c1'],
    externalUserid: ['wmOne', 'wmTwo'],
    chatId: ['g1'],
    code: ['p'],
    franchiseeId: ['F1'],
    region: ['north'],
  }
  const checks = new Map<string, ValidateFunction>()
  const ajv = new Ajv({ strict: false, validateFormats: true })
  for (const name of ['instant', 'date-time']) {
    ajv.addFormat(name, { type: 'string', validate: (text: string) => parseInstant(text) !== null })
  }
  for (const name of ['text', 'key']) ajv.addFormat(name, true)
  ajv.addFormat('uuid', UUID)

  const people = new Map<FuzzCaller, { since: number; headers: Record<string, string> }>()
  const headersOf = async (caller: FuzzCaller): Promise<Record<string, string>> => {
    if (caller === 'key') return { authorization: `Bearer ${TEST_KEY}` }
    const kept = people.get(caller)
    if (kept && Date.now() - kept.since < SIGNED_IN_MS) return kept.headers
    const { browser, csrf } = await signedIn(service, caller)
    const headers = { ...csrf, cookie: [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ') }
    people.set(caller, { since: Date.now(), headers })
    return headers
  }
  const make = async (call: Made): Promise<{ status: number; type: string; text: string }> => {
    const answer = await service.app.inject({
      method: call.operation.method,
      url: call.url,
      headers: { ...call.headers, ...(await headersOf(call.caller)) },
      ...(call.payload === undefined ? {} : { payload: call.payload }),
    })
    return {
      status: answer.statusCode,
      type: String(answer.headers['content-type'] ?? ''),
      text: answer.body,
    }
  }

  /** What is wrong with an answer, in words; null where nothing is. */
  const faultOf = ({ operation }: Made, { status, type, text }: Awaited<ReturnType<typeof make>>): string | null => {
    if (status >= 400) {
      if (!type.startsWith('application/problem+json')) return `is of type ${type}`
      const { code } = JSON.parse(text) as { code?: string }
      if (status >= 500 && !(status === 503 && NOT_SET_UP.has(code ?? ''))) return 'is a failure of the service'
      if (typeof code !== 'string' || !CODE.test(code)) return `has the code ${code}`
      return INSIDE.test(text) ? 'tells of the inside' : null
    }
    const schema = operation.answers[status]
    if (!type.startsWith('application/json')) return null
    if (!schema)
      return Object.keys(operation.answers).length > 0 ? 'has a status that the document does not name' : null
    const id = `${operation.method} ${operation.path} ${status}`
    const check = checks.get(id) ?? ajv.compile(schema)
    checks.set(id, check)
    const answer = JSON.parse(text) as unknown
    learn(answer)
    if (!check(answer)) return `is not as the document says: ${ajv.errorsText(check.errors)}`
    return /"(?:code|message)":"[^"]*(?:postgres|violates|Error:)/i.test(text) ? 'tells of the inside' : null
  }
  let fuzzer: Fuzzer
  /** Ids and cursors of an answer are asked for later. */
  const learn = (answer: unknown): void => {
    if (answer === null || typeof answer !== 'object') return
    for (const [name, value] of Object.entries(answer)) {
      if (name === 'nextCursor' && typeof value === 'string') fuzzer.keepCursor(value)
      else if (typeof value === 'string' && UUID.test(value)) {
        const kept = (known[name] ??= [])
        if (kept.length < 10 && !kept.includes(value)) kept.push(value)
      } else learn(value)
    }
  }

  const told = ({ caller, operation, url, payload, headers }: Made, status: number, what: string) =>
    `${caller} ${operation.method} ${cut(url)} ${headers['content-type'] ?? ''} ${cut(String(payload ?? ''))} → ${status} ${what}`

  /** Makes the refused calls again, between looks at all tables: none of them may leave anything. */
  const changesBy = async (refused: readonly Made[]): Promise<string[]> => {
    const wrong: string[] = []
    let before = await stateOf(service)
    for (let from = 0; from < refused.length; from += 100) {
      let some = refused.slice(from, from + 100)
      // What is taken this time, since another call was taken meanwhile, may change what it likes.
      for (let round = 0; round < 4 && some.length > 0; round++) {
        const still: Made[] = []
        for (const call of some) if ((await make(call)).status >= 400) still.push(call)
        const after = await stateOf(service)
        const isAsBefore = differences(before, after).length === 0
        before = after
        if (isAsBefore) break
        if (still.length < some.length) some = still
        else {
          for (const call of some) {
            const { status } = await make(call)
            const next = await stateOf(service)
            const changed = differences(before, next)
            if (status >= 400 && changed.length > 0) wrong.push(told(call, status, `changed ${changed.join()}`))
            before = next
          }
          break
        }
      }
    }
    return wrong
  }

  return {
    service,
    operations,
    async play({ seed, calls }) {
      fuzzer = new Fuzzer(seed, known as Known)
      const statuses: Record<number, number> = {}
      const wrong: string[] = []
      const refused: Made[] = []
      for (const operation of operations) {
        // Who may not call it at all says nothing more about it after the first time.
        let callers: readonly FuzzCaller[] = CALLERS
        for (let i = 0; i < calls; i++) {
          const caller = callers[i % callers.length]!
          const call: Made = { ...fuzzer.callOf(operation), caller }
          const answer = await make(call)
          if (i >= CALLERS.length && callers.length > 1 && (answer.status === 401 || answer.status === 403)) {
            callers = callers.filter(each => each !== caller)
          }
          statuses[answer.status] = (statuses[answer.status] ?? 0) + 1
          const fault = faultOf(call, answer)
          if (fault !== null) wrong.push(told(call, answer.status, `${fault} ${answer.text.slice(0, 400)}`))
          if (answer.status >= 400) refused.push(call)
        }
      }
      wrong.push(...(await changesBy(refused.filter(call => call.operation.method !== 'GET'))))
      return { statuses, wrong }
    },
    async mix({ seed, calls }) {
      fuzzer = new Fuzzer(seed, known as Known)
      const wrong: string[] = []
      let n = 0
      for (const [kind, goodOf] of Object.entries(GOOD)) {
        const operation = operations.find(({ method, path }) => method === 'POST' && path === `/api/v1/${kind}`)
        if (!operation?.body?.items) throw new Error(`${kind} is not in the document`)
        for (let i = 0; i < calls; i++) {
          const payload = fuzzer.between([goodOf(++n), goodOf(++n)], operation.body.items)
          const headers = { 'content-type': 'application/json' }
          const call: Made = { operation, url: operation.path, headers, payload, caller: 'key' }
          const { status, text } = await make(call)
          const results = JSON.parse(text) as ItemResult[] | { code: string }
          const isRight = Array.isArray(results)
            ? results.length === 3 && [results[0], results[2]].every(result => result?.status !== 'rejected')
            : results.code === 'malformed_json'
          if (!isRight) wrong.push(told(call, status, text.slice(0, 400)))
        }
      }
      return wrong
    },
    async close() {
      await service.close()
      await wecom.close()
    },
  }
}

const cut = (text: string) => (text.length > 600 ? `${text.slice(0, 600)}… (${text.length})` : text)

/** What changes although nothing was taken: who signed in meanwhile, and how often WeCom was asked. */
const MOVING = new Set(['sessions', 'wecom_buckets', 'wecom_tokens'])

/** Of each table how many rows it has and which was written last. */
async function stateOf({ pool }: TestService): Promise<Map<string, string>> {
  const tables = await pool<{ name: string }[]>`
    SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace ORDER BY 1`
  const each = tables
    .filter(({ name }) => !MOVING.has(name))
    .map(
      ({ name }) =>
        `SELECT '${name}' AS name, count(*) || ' ' || coalesce(max(xmin::text::bigint), 0) AS state FROM "${name}"`,
    )
  const rows = await pool.unsafe<{ name: string; state: string }[]>(each.join(' UNION ALL '))
  return new Map(rows.map(({ name, state }) => [name, state]))
}

const differences = (before: Map<string, string>, after: Map<string, string>) =>
  [...after].filter(([name, state]) => before.get(name) !== state).map(([name]) => name)

const AT = '2026-05-01T12:00:00+08:00'

/** A right item of each kind, another one for each number. */
const GOOD: Readonly<Record<string, (n: number) => { [name: string]: Json }>> = {
  stores: n => ({ storeCode: `G${n}`, name: 'x', type: 'direct' }),
  associates: n => ({ associateId: `g${n}`, name: 'x', storeCode: 'S1', activeFrom: LONG_BEFORE }),
  members: n => ({ memberNo: `g${n}` }),
  'member-merges': n => ({ memberNo: `gm${n}`, into: `gn${n}`, at: AT }),
  products: n => ({ sku: `g${n}`, name: 'x', priceFen: 1 }),
  coupons: n => ({ couponCode: `g${n}`, name: 'x', kind: 'gift' }),
  'coupon-events': n => ({ eventId: `g${n}`, couponCode: 'c1', kind: 'issued', memberNo: 'm1', at: AT }),
  targets: n => ({ month: `${2000 + n}-05`, storeCode: 'S1', netSalesFen: n }),
  groups: n => ({ chatId: `g-${n}`, name: 'x', storeCode: 'S1' }),
  identities: n => ({ kind: 'visitor', value: `g${n}`, memberNo: 'm1', at: AT }),
  'member-assignments': n => ({ memberNo: `ga${n}`, from: AT, homeStore: 'S1' }),
  'share-links': n => ({ linkCode: `g${n}`, associateId: 'a1', target: { kind: 'page', ref: 'x' }, channel: 'other' }),
  touches: n => ({ touchId: `g${n}`, at: AT, kind: 'click', visitorId: 'v' }),
  orders: n => ({ source: 'g', orderNo: `g${n}`, channel: 'online', paidAt: AT, lines: [] }),
  refunds: n => ({ source: 'g', refundNo: `g${n}`, orderNo: 'none', refundedAt: AT, lines: [] }),
  'friend-events': n => ({ associateId: 'a1', externalUserid: `wm${n}`, kind: 'added', at: AT }),
  'task-events': n => ({ taskId: `g${n}`, kind: 'done', at: AT, associateId: 'a1', task: 'visit' }),
  'opening-balances': n => ({ balanceNo: `g${n}`, payeeKind: 'associate', payee: 'a1', amountFen: 1 }),
}

/** Two direct stores and one of a franchisee, with people, orders, a plan, a coupon and links. */
async function furnish(service: TestService): Promise<void> {
  await service.ingest('stores', [
    storeItem({ region: 'north' }),
    storeItem({ storeCode: 'S2', type: 'franchise', franchiseeId: 'F1' }),
    storeItem({ storeCode: 'S3' }),
  ])
  const office = (associateId: string, role: string, more = {}) => ({
    associateId,
    name: associateId,
    kind: 'office',
    role,
    activeFrom: LONG_BEFORE,
    ...more,
  })
  await service.ingest('associates', [
    ...[1, 2, 3].map(n => associateItem({ associateId: `a${n}`, storeCode: `S${n}` })),
    office('hq', 'headquarters'),
    office('aud', 'auditor'),
    office('f1', 'franchisee', { franchiseeId: 'F1' }),
  ])
  const plan = {
    code: 'p',
    version: 1,
    effectiveFrom: LONG_BEFORE,
    attribution: { model: 'last_touch', windowDays: 15 },
    holdDays: 7,
    rules: [{ id: 'till', role: 'closer', rateBps: 300, bearer: 'headquarters' }],
    retroactive: true,
  }
  const { status } = await service.post('/plans', plan)
  if (status !== 201) throw new Error(`the plan was not taken: ${status}`)
  const links = [1, 2].map(n => ({
    linkCode: `L${n}`,
    associateId: `a${n}`,
    target: { kind: 'product', ref: 'sku-1' },
    channel: 'other',
  }))
  await service.ingest('products', [{ sku: 'sku-1', name: '大衣', priceFen: 10_000 }])
  await service.ingest('coupons', [{ couponCode: 'c1', name: '券', kind: 'gift' }])
  await service.ingest('groups', [{ chatId: 'g1', name: '群', storeCode: 'S1', owner: 'a1' }])
  await service.ingest('share-links', links)
  await service.ingest(
    'orders',
    [1, 2, 3].map(n =>
      orderItem({ orderNo: `o${n}`, channel: 'in_store', sellingStore: `S${n}`, closer: `a${n}`, memberNo: `m${n}` }),
    ),
  )
  await service.ingest('refunds', [refundItem({ orderNo: 'o3' })])
  await service.pool`
    INSERT INTO wecom_friends (brand_id, userid, external_userid, since, tag_ids, is_told, seen_at)
    VALUES (1, 'a1', 'wmOne', now(), '{}', true, now()), (1, 'a1', 'wmTwo', now(), '{}', true, now())`
}
