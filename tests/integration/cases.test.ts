import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { all, startTestService, type TestService } from '../support/service.ts'

interface Owed {
  source: string
  orderNo: string
  lineNo: number
  role: string
  payee: string
  bearer: string
  ruleId: string
  planVersion: number
  amountFen: number
  availableAt: string
}

interface History {
  name: string
  master: { path: string; items: unknown[] }[]
  evidence: { path: string; item: unknown }[]
  overrides: unknown[]
  entitlements: Owed[]
}

const cases = JSON.parse(readFileSync(new URL('../cases/histories.json', import.meta.url), 'utf8')) as {
  plans: Record<string, unknown>[]
  histories: History[]
}

/** Computed by an independent reading of the rules; the amounts are theirs, not ours. */
describe('worked histories come out to the fen through HTTP', () => {
  let service: TestService
  beforeAll(async () => {
    service = await startTestService()
    for (const plan of cases.plans) {
      const { status } = await service.post('/plans', { ...plan, retroactive: true })
      expect(status).toBe(201)
    }
  })
  afterAll(() => service.close())

  test.each(cases.histories.map(history => [history.name, history] as const))('%s', async (_name, history) => {
    for (const { path, items } of history.master) {
      const results = await service.ingest(path.slice(1), items)
      expect(results.filter(result => result.status === 'rejected')).toEqual([])
    }
    for (const { path, item } of history.evidence) {
      const results = await service.ingest(path.slice(1), [item])
      expect(results.filter(result => result.status === 'rejected')).toEqual([])
    }
    for (const override of history.overrides) {
      expect((await service.post('/overrides', override)).status).toBe(201)
    }
    await service.settled()
    const orders = new Set(
      history.evidence
        .filter(entry => entry.path === '/orders')
        .map(({ item }) => {
          const { source, orderNo } = item as { source: string; orderNo: string }
          return `${source}/${orderNo}`
        }),
    )
    const owed = (await all<Owed>(service, '/entitlements')).filter(row => orders.has(`${row.source}/${row.orderNo}`))
    expect(sorted(owed)).toEqual(sorted(history.entitlements))
  })

  test('and the audit finds nothing', async () => {
    const audit = await service.get<{ items: unknown[]; checkedOrders: number }>('/audit')
    expect(audit.items).toEqual([])
    expect(audit.checkedOrders).toBeGreaterThan(200)
  })
})

const sorted = (rows: readonly Owed[]) =>
  rows
    .map(row =>
      [
        row.source,
        row.orderNo,
        row.lineNo,
        row.role,
        row.payee,
        row.bearer,
        row.ruleId,
        row.planVersion,
        row.amountFen,
        row.availableAt,
      ].join(' '),
    )
    .sort()
