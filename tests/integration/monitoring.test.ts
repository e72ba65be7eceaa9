import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { auditNight } from '../../server/features/audit/nights.ts'
import { listen } from '../../server/lib/tracing.ts'
import { startTracing, type Tracing } from '../../server/tracing/opentelemetry.ts'
import { traceStatements } from '../../server/tracing/statements.ts'
import { associateItem, linkItem, orderItem, planBody, storeItem, touchItem } from '../builders/items.ts'
import { openPool } from '../../server/database.ts'
import { startTestService, type TestService } from '../support/service.ts'

const ROOT = join(import.meta.dirname, '../..')
const PHONE = '13912345678'

interface Span {
  name: string
  traceId: string
  spanId: string
  parentSpanId?: string
  attributes: { key: string; value: Record<string, unknown> }[]
}

let service: TestService
let tracing: Tracing
let receiver: Server
const bodies: string[] = []

beforeAll(async () => {
  receiver = createServer((request, response) => {
    let body = ''
    request.on('data', (text: Buffer) => (body += text.toString()))
    request.on('end', () => {
      bodies.push(`${request.url} ${body}`)
      response.setHeader('content-type', 'application/json').end('{}')
    })
  }).listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  const { port } = receiver.address() as { port: number }
  tracing = startTracing({ endpoint: `http://127.0.0.1:${port}`, serviceName: 'daogou-test', ratio: 1 })
  service = await startTestService()
  traceStatements(service.pool)
  await service.ingest('stores', [storeItem()])
  await service.ingest('associates', [associateItem()])
  await service.ingest('share-links', [linkItem()])
  await service.ingest('touches', [touchItem()])
  expect(await service.post('/plans', planBody({ retroactive: true }))).toMatchObject({ status: 201 })
})
afterAll(async () => {
  await service.close()
  listen(null)
  receiver.close()
})

const metrics = async (headers: Record<string, string> = {}, remoteAddress = '127.0.0.1') =>
  await service.app.inject({ url: '/metrics', headers, remoteAddress })

/** The value of a metric, by its name with labels; null where it is absent. */
function valueOf(text: string, name: string): number | null {
  const line = text.split('\n').find(each => each.startsWith(`${name} `))
  return line === undefined ? null : Number(line.slice(name.length + 1))
}

describe('metrics', () => {
  test('are for this machine and its network, not for the public', async () => {
    const statuses = await Promise.all([
      metrics(),
      metrics({}, '10.1.2.3'),
      metrics({}, '::ffff:192.168.0.9'),
      metrics({}, '203.0.113.9'),
      metrics({ 'x-forwarded-for': '203.0.113.9' }),
      metrics({ forwarded: 'for=10.0.0.1' }, '10.0.0.2'),
      metrics({ 'x-real-ip': '127.0.0.1' }),
    ])
    expect(statuses.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 404, 404, 404, 404])
  })

  test('with a token are for whoever has it, and are there while the database is not', async () => {
    const own = await startTestService({
      env: { METRICS_TOKEN: 'scraper' },
      worker: false,
      databaseUrl: service.databaseUrl,
    })
    await own.pool.end({ timeout: 1 })
    const ask = (authorization?: string) =>
      own.app.inject({ url: '/metrics', remoteAddress: '203.0.113.9', headers: authorization === undefined ? {} : { authorization } }) // prettier-ignore
    const answers = await Promise.all([ask('Bearer scraper'), ask('Bearer scrapes'), ask()])
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 404, 404])
    expect((await own.app.inject({ url: '/metrics' })).statusCode).toBe(404)
    expect(valueOf(answers[0].body, 'daogou_database_up')).toBe(0)
    expect(valueOf(answers[0].body, 'daogou_audit_differing')).toBeNull()
    await own.close()
  })

  test('rules, dashboard and runbook speak of what a running service has', async () => {
    const { body } = await metrics()
    const there = new Set([...body.matchAll(/^# TYPE (\S+) (\S+)/gm)].flatMap(([, name, type]) => type === 'histogram' ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name])) // prettier-ignore
    const [rules, dashboard, runbook] = await Promise.all(
      ['alerts.yml', 'dashboard.json', 'runbook.md'].map(name => readFile(join(ROOT, 'docs/monitoring', name), 'utf8')),
    )
    const { groups } = parse(rules!) as { groups: { name: string; rules: { alert: string; expr: string; annotations: { runbook: string; summary: string }; labels: { severity: string } }[] }[] } // prettier-ignore
    const alerts = groups.flatMap(group => group.rules)
    const { panels } = JSON.parse(dashboard!) as { panels: { title: string; targets?: { expr: string }[] }[] }
    const shown = panels.flatMap(panel => (panel.targets ?? []).map(target => target.expr))
    const named = [...alerts.map(({ expr }) => expr), ...shown, runbook!].flatMap(
      text => text.match(/\b(?:daogou|wecom|http|nodejs|process)_[a-z0-9_]+_(?:[a-z0-9_]+)/g) ?? [],
    )
    const tables = /^(?:wecom_(?:inbox|buckets)|http_requests)$/
    expect(alerts.length).toBeGreaterThan(20)
    expect(shown.length).toBeGreaterThan(20)
    const absent = new Set(['daogou_wal_archive_failing', 'http_request_duration_seconds'])
    expect([...new Set(named)].filter(name => !there.has(name) && !tables.test(name) && !absent.has(name))).toEqual([])
    expect(body).toContain('# TYPE daogou_wal_archive_failing gauge')
    const sections = [...runbook!.matchAll(/^## (\w+)$/gm)].map(match => match[1]!)
    expect([...sections].sort()).toEqual(alerts.map(({ alert }) => alert).sort())
    for (const { alert, annotations, labels } of alerts) {
      expect(annotations.runbook).toBe(`docs/monitoring/runbook.md#${alert.toLowerCase()}`)
      expect(annotations.summary).toMatch(/\S/)
      expect(['page', 'ticket']).toContain(labels.severity)
    }
    for (const section of runbook!.split(/^## /m).slice(1)) {
      for (const part of ['**For payroll:**', '**Look:**', '**Do:**']) expect(section).toContain(part)
    }
  })

  test('say what waits and what was refused, and hold nothing of what was sent', async () => {
    await service.ingest('orders', [orderItem({ orderNo: 'o-refused', memberNo: 7 })])
    await service.ingest('orders', [orderItem({ orderNo: 'o-1', phone: PHONE })])
    const { body } = await metrics()
    expect(valueOf(body, 'daogou_database_up')).toBe(1)
    expect(valueOf(body, 'daogou_queue_waiting{queue="orders"}')).toBeGreaterThanOrEqual(0)
    expect(body).toMatch(/daogou_rejected_items_total\{kind="orders",code="\w+"\} 1/)
    expect(valueOf(body, 'daogou_database_wait_seconds')).toBeGreaterThan(0)
    for (const secret of [PHONE, 'o-refused']) expect(body).not.toContain(secret)
  })
})

describe('the night’s audit', () => {
  const night = (text: string, more: object = {}) =>
    auditNight(service.pool, {
      brandId: 1,
      zone: 'Asia/Shanghai',
      now: () => Date.parse(text),
      isStopped: () => false,
      rest: () => Promise.resolve(),
      ...more,
    })

  test('sees in nights all that there is, remembers what differs until it agrees, and is not made by day or twice', async () => {
    const orders = Array.from({ length: 60 }, (_, i) => orderItem({ orderNo: `old-${i}` }))
    await service.ingest('orders', orders)
    await service.settled()
    expect(await night('2026-11-20T12:00:00+08:00')).toBe(false)
    expect(await Promise.all([night('2026-11-20T03:00:00+08:00'), night('2026-11-20T03:00:00+08:00')])).toContain(false)
    expect(await night('2026-11-20T03:10:00+08:00')).toBe(false)
    const owner = openPool(service.databaseUrl, { max: 1, asOwner: true })
    await owner`UPDATE entitlements SET amount_fen = amount_fen + 1 WHERE order_no = 'old-7' AND line_no = 1`
    const seen = async () =>
      (await owner`SELECT checked_orders AS checked, differing, differing_orders AS orders FROM audits ORDER BY night DESC LIMIT 1`)[0]! // prettier-ignore
    expect(await night('2026-11-21T03:00:00+08:00')).toBe(true)
    expect(await seen()).toMatchObject({ differing: 1, orders: [{ source: 'mall', orderNo: 'old-7' }] })
    await owner`UPDATE entitlements SET amount_fen = amount_fen - 1 WHERE order_no = 'old-7' AND line_no = 1`
    expect(await night('2026-11-22T03:00:00+08:00')).toBe(true)
    expect(await seen()).toMatchObject({ differing: 0, orders: [] })
    await owner.end()
  })
})

describe('traces', () => {
  test('go to the receiver, as one tree, without a value', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    await service.app.inject({
      method: 'POST',
      url: '/api/v1/orders',
      headers: { authorization: 'Bearer test-key-with-all-scopes', traceparent: `00-${traceId}-b7ad6b7169203331-01` },
      payload: [orderItem({ orderNo: 'o-traced', phone: PHONE })],
    })
    await service.settled()
    await tracing.stop()
    const spans = bodies.flatMap(body => {
      const [path, ...json] = body.split(' ')
      expect(path).toBe('/v1/traces')
      const { resourceSpans } = JSON.parse(json.join(' ')) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] }
      return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(scope => scope.spans))
    })
    const mine = spans.filter(span => span.traceId === traceId)
    const request = mine.find(span => span.name === 'POST /api/v1/orders')!
    const statements = mine.filter(span => span.name === 'postgresql')
    expect(statements.length).toBeGreaterThan(3)
    expect(statements.filter(span => span.parentSpanId !== request.spanId)).toEqual([])
    const texts = statements.map(
      span => span.attributes.find(({ key }) => key === 'db.query.text')!.value['stringValue'],
    )
    expect(texts.join('\n')).toContain('INSERT INTO')
    expect(spans.some(span => span.name === 'worker reconcile')).toBe(true)
    for (const value of [PHONE, 'o-traced', 'test-key']) expect(bodies.join('\n')).not.toContain(value)
  })
})
