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
  bonuses: { associateId: string; month: string; amountFen: number }[]
}

const cases = JSON.parse(readFileSync(new URL('../cases/histories.json', import.meta.url), 'utf8')) as {
  plans: Record<string, unknown>[]
  histories: History[]
}

/** The months that the plans cover. */
const MONTHS = ['2026-01', '2026-02', '2026-03', '2026-04', '2026-05', '2026-06', '2026-07']

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

    const associates = new Set(
      history.master
        .filter(({ path }) => path === '/associates')
        .flatMap(({ items }) => (items as { associateId: string }[]).map(item => item.associateId)),
    )
    const bonuses: History['bonuses'] = []
    for (const month of MONTHS) {
      bonuses.push(...(await all<History['bonuses'][number]>(service, `/bonuses?month=${month}`)))
    }
    const own = bonuses.filter(row => associates.has(row.associateId) && row.amountFen !== 0)
    const named = (rows: History['bonuses']) =>
      rows.map(row => `${row.associateId} ${row.month} ${row.amountFen}`).sort()
    expect(named(own)).toEqual(named(history.bonuses))
    for (const associateId of associates) {
      const { bonusFen } = await service.get<{ bonusFen: number }>(`/balances?payeeKind=associate&payee=${associateId}`)
      const expected = history.bonuses.filter(row => row.associateId === associateId)
      expect(bonusFen).toBe(expected.reduce((sum, row) => sum + row.amountFen, 0))
    }
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
