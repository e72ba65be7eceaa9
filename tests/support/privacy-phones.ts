import { Writable } from 'node:stream'
import { buildApp } from '../../server/app.ts'
import { openPool } from '../../server/database.ts'
import { createKey } from '../../server/features/auth/service.ts'
import { startReconcileWorker } from '../../server/workers/reconcile.ts'
import { createVault } from '../../server/lib/vault.ts'
import { brand, daysAgo, NOW, standardPlan } from '../builders/brand.ts'
import { dumpOf, finder, type Looked } from './privacy.ts'
import { TEST_KEY, type TestService } from './service.ts'

const shape = (phone: string, n: number) =>
  [phone, `+86 ${phone}`, `${phone.slice(0, 3)} ${phone.slice(3, 7)} ${phone.slice(7)}`, `0086${phone}`][n % 4]!

/** Numbers that nothing else looks like: no part of an instant, an id or an amount. */
export const phonesOf = (count: number): string[] =>
  Array.from(
    { length: count },
    (_, n) => `19${(1 + (n % 8)).toString()}${String((n * 7_654_321 + 1_234_567) % 100_000_000).padStart(8, '0')}`,
  )

/**
 * Tells a service many phone numbers in every way in which it may be told one, right and wrong, and looks for them
 * wherever something is kept, written or answered.
 */
export async function seekPhones(service: TestService, count: number): Promise<Looked[]> {
  const phones = [...new Set(phonesOf(count))]
  const lines: string[] = []
  const log = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString())
      done()
    },
  })
  const { pool, settings } = service
  const vault = createVault(settings.dataKey)
  const app = await buildApp({
    settings,
    pool,
    vault,
    now: () => NOW,
    // As main.ts has it, and louder.
    logger: {
      level: 'trace',
      stream: log,
      serializers: { req: request => ({ method: request.method, route: request.routeOptions?.url ?? null }) },
    },
  })
  const worker = startReconcileWorker({ pool, now: () => NOW, onError: error => lines.push(String(error)) })
  const answers: string[] = []
  const errors: string[] = []
  const call = async (method: 'GET' | 'POST' | 'PUT', url: string, payload?: unknown, headers: object = {}) => {
    const answer = await app.inject({
      method,
      url: `/api/v1${url}`,
      headers: { authorization: `Bearer ${TEST_KEY}`, ...headers },
      ...(payload === undefined ? {} : { payload: payload as object }),
    })
    ;(answer.statusCode >= 400 ? errors : answers).push(answer.body)
    return answer
  }
  const ingest = async (kind: string, items: readonly object[]) => {
    for (let at = 0; at < items.length; at += 500) {
      const answer = await call('POST', `/${kind}`, items.slice(at, at + 500))
      // What was said of refused items goes with the errors.
      errors.push(...answer.json<{ error?: { message: string } }[]>().flatMap(({ error }) => error?.message ?? []))
    }
  }
  try {
    for (const [kind, items] of Object.entries(brand)) await ingest(kind, items)
    await call('POST', '/plans', standardPlan)
    await call('POST', '/webhooks', {
      url: 'https://hook.example/daogou',
      events: ['entitlement.changed', 'order.booked'],
    })
    await ingest('share-links', [
      {
        linkCode: 'seek-a1',
        associateId: 'a1',
        target: { kind: 'page', ref: 'home' },
        channel: 'moments',
        createdAt: daysAgo(90),
      },
    ])
    const nth = (n: number) => `P${String(n).padStart(6, 'x')}`
    await ingest(
      'members',
      phones.map((phone, n) => ({
        memberNo: nth(n),
        phone: shape(phone, n),
        name: n % 3 === 0 ? `顾客${phone}` : `顾客 ${nth(n)}`,
        joinedAt: daysAgo(30),
        openingStore: 'S1',
        openingAssociate: 'a1',
        consents: { tracking: true },
      })),
    )
    const some = (every: number) => phones.flatMap((phone, n) => (n % every === 0 ? [{ phone, n }] : []))
    const bought = { channel: 'online', source: 'seek', lines: [{ lineNo: 1, sku: 'k', quantity: 1, paidFen: 9_900 }] }
    await ingest('identities', some(4).map(({ n }) => ({ kind: 'visitor', value: `seen-${nth(n)}`, memberNo: nth(n), at: daysAgo(20) }))) // prettier-ignore
    await ingest('touches', some(4).map(({ n }) => ({ touchId: `seek-${nth(n)}`, linkCode: 'seek-a1', at: daysAgo(4), kind: 'click', visitorId: `seen-${nth(n)}` }))) // prettier-ignore
    await ingest('orders', some(2).map(({ phone, n }) => ({ ...bought, orderNo: nth(n), paidAt: daysAgo(3), phone: shape(phone, n + 1) }))) // prettier-ignore
    await ingest('refunds', some(8).map(({ n }) => ({ source: 'seek', refundNo: nth(n), orderNo: nth(n), refundedAt: daysAgo(1), lines: [{ lineNo: 1, quantity: 0, refundFen: 100 }] }))) // prettier-ignore
    // Wrong in many ways: refused, and kept masked.
    await ingest(
      'members',
      some(5).map(({ phone, n }) => ({ memberNo: nth(n), phone, birthday: 'never' })),
    )
    await ingest(
      'members',
      some(5).map(({ phone, n }) => ({ memberNo: nth(n), mobile: phone, [`tel${phone}`]: 1 })),
    )
    await ingest(
      'members',
      some(7).map(({ phone, n }) => ({ memberNo: nth(n), phone: `${phone}0000000000000` })),
    )
    await ingest('orders', some(6).map(({ phone, n }) => ({ ...bought, orderNo: `bad-${nth(n)}`, paidAt: daysAgo(3), phone, sellingStore: `店 ${phone}` }))) // prettier-ignore
    await ingest(
      'orders',
      some(9).map(({ phone, n }) => ({ ...bought, orderNo: nth(n), paidAt: phone, phone })),
    )
    await ingest(
      'touches',
      some(9).map(({ phone, n }) => ({ touchId: nth(n), at: phone, kind: phone })),
    )
    // Searches, in addresses as they should not be too, and calls that fail.
    for (const { phone, n } of some(Math.max(1, Math.floor(phones.length / 12)))) {
      await call('POST', '/personal-data/search', { phone: shape(phone, n) })
      await call('GET', `/members/${phone}/personal-data`)
      await call('GET', `/orders?memberNo=${phone}`)
      await call('GET', `/orders?limit=${phone}`)
      await call('GET', `/orders?cursor=${phone}`)
      await call('GET', `/nothing/${phone}?phone=${phone}`)
      await call('POST', `/members?phone=${phone}`, `[{"phone": "${phone}"`, { 'content-type': 'application/json' })
      await call('POST', '/members', { phone }, { authorization: `Bearer ${phone}` })
      await call('POST', '/personal-data/search', { telephone: phone, [phone]: phone })
      await call('PUT', '/settings/visibility', { wholePhone: phone, ranks: phone })
      answers.push((await app.inject({ method: 'GET', url: `/s/${phone}` })).body)
      answers.push((await app.inject({ method: 'GET', url: `/auth/wecom/callback?code=${phone}&state=${phone}` })).body)
    }
    for (let i = 0; i < 20_000; i++) {
      if ((await call('GET', '/health/reconcile')).json<{ pendingOrders: number }>().pendingOrders === 0) break
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    // Whatever a key that reads may have, as lists and as files.
    const key = await createKey(pool, { brandId: 1, name: 'reader', scopes: ['read'], now: NOW })
    const exports: string[] = []
    const span = `from=${encodeURIComponent(daysAgo(40))}&to=${encodeURIComponent(daysAgo(0))}`
    for (const path of [
      '/rejected-items',
      '/activity',
      `/performance/associates?${span}`,
      `/orders?${span}`,
      '/ledger',
      '/webhook-deliveries',
      '/imports',
      `/members/${nth(0)}/personal-data`,
      '/erasures',
      '/audit',
    ]) {
      // prettier-ignore
      for (const accept of ['application/json', 'text/csv']) {
        const headers = { authorization: `Bearer ${key}`, accept }
        exports.push((await app.inject({ method: 'GET', url: `/api/v1${path}`, headers })).body)
      }
    }
    const metrics = (await app.inject({ method: 'GET', url: '/metrics' })).body

    const seek = finder(phones)
    const owner = openPool(service.databaseUrl, { max: 1, asOwner: true })
    const dump = await dumpOf(owner)
    const [sealed] = await owner<
      { count: number }[]
    >`SELECT count(*)::int AS count FROM members WHERE phone_encrypted IS NOT NULL`
    await owner.end()
    if (sealed!.count < phones.length) throw new Error(`only ${sealed!.count} of ${phones.length} numbers were taken`)
    const whole = dump.map(({ table, text }) => seek(`table ${table}`, text))
    const busy = whole.filter(({ bytes, found }) => found.length > 0 || bytes > 20_000)
    const rest = whole.filter(one => !busy.includes(one))
    // The eye that looks is tried first: what it is to find, it finds.
    const planted = seek('planted', `x${shape(phones[1]!, 2)} ${Buffer.from(`to ${phones[2]!} or`).toString('hex')} ${Buffer.from(`ab${phones[3]!}`).toString('base64')}`) // prettier-ignore
    if (planted.found.length !== 3) throw new Error(`the search finds ${planted.found.length} of 3 planted numbers`)
    return [
      ...busy,
      { where: `${rest.length} smaller tables`, bytes: rest.reduce((sum, one) => sum + one.bytes, 0), found: [] },
      seek('log at trace', lines.join('')),
      seek('answers', answers.join('\n')),
      seek('error answers', errors.join('\n')),
      seek('exports and lists', exports.join('\n')),
      seek('/metrics', metrics),
    ]
  } finally {
    await worker.stop()
    await app.close()
  }
}
