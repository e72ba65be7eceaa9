import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { at, brand, NOW } from '../builders/brand.ts'
import { askerOf, type Asker } from '../support/askers.ts'
import { book } from '../support/ledger.ts'
import { createKey } from '../../server/features/auth/service.ts'
import { exportStatements } from '../../server/features/settlements/statements.ts'
import { openOtherBrand, personAt, tell } from '../support/people.ts'
import { all, startTestService, TEST_KEY, type TestService } from '../support/service.ts'
import { startTestWecom, type TestWecom } from '../support/wecom.ts'
import { readXlsx } from '../support/xlsx.ts'

/** What of a settlement is taken away as a file, who sees what of it, and who owes whom. */

const XLSX = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'

/** Settlements of one millisecond would have no order. */
let clock = NOW
let service: TestService
let wecom: TestWecom
/** Approved; its first rows are carried. And a draft of what came later. */
let approved: string
let draft: string
beforeAll(async () => {
  wecom = await startTestWecom({
    staff: ['a1', 'a3', 'f1', 'manager1', 'manager2', 'franchisee1', 'franchisee2', 'boss', 'auditor'],
  })
  service = await startTestService({ env: wecom.env, now: () => clock, worker: false })
  await tell(service, brand)
  await tell(service, {
    stores: [{ storeCode: 'S5', name: '苏州二店', type: 'franchise', franchiseeId: 'F1' }],
    associates: [
      { associateId: 'a1', name: '=1+1', payeeType: 'employee' },
      { associateId: 'a2', payeeType: 'individual' },
      { associateId: 'f1', payeeType: 'company' },
    ],
  })
  const availableAt = at('2026-05-01T00:00:00')
  const rows = [
    { payee: 'a1', amountFen: 12_345, role: 'sharer' },
    { payee: 'a1', amountFen: 100, role: 'attributed', bearer: 'S3' },
    { payee: 'a2', amountFen: -700, role: 'closer', bearer: 'S3' },
    { payee: 'a3', amountFen: 5, subject: 'bonus' },
    { payee: 'f1', amountFen: 300, role: 'closer', bearer: 'S3' },
    { payee: 'f2', amountFen: 40, role: 'closer', bearer: 'S4' },
    { payee: 'S3', payeeKind: 'store', amountFen: 4_485, role: 'home_store' },
    { payee: 'S3', payeeKind: 'store', amountFen: 15, role: 'home_store', bearer: 'S4' },
    { payee: 'S5', payeeKind: 'store', amountFen: -60, role: 'home_store' },
    { payee: 'S4', payeeKind: 'store', amountFen: 7, role: 'home_store' },
    { payee: 'headquarters', payeeKind: 'headquarters', amountFen: 500, role: 'headquarters', bearer: 'S3' },
    { payee: 'headquarters', payeeKind: 'headquarters', amountFen: 600, role: 'headquarters', bearer: 'S4' },
  ]
  await book(
    service.pool,
    1,
    rows.map((row, i) => ({ ...row, availableAt, bookedAt: `2026-03-20T04:00:${10 + i}Z` })),
  )
  approved = await draftOf(service)
  expect((await service.post(`/settlements/${approved}/approve`, {})).status).toBe(200)
  await book(service.pool, 1, [{ payee: 'a1', amountFen: 1, availableAt }])
  clock += 1000
  draft = await draftOf(service)
  const other = await openOtherBrand(service, 2, NOW)
  await tell(other, { stores: [{ storeCode: 'S3', name: '别家', type: 'franchise', franchiseeId: 'F1' }] })
})
afterAll(async () => {
  await service.close()
  await wecom.close()
})

async function draftOf(on: TestService): Promise<string> {
  const { status, body } = await on.post('/settlements', { cutoff: new Date(NOW).toISOString() })
  expect(status).toBe(201)
  return body['settlementId'] as string
}

async function file(path: string, accept: string) {
  const answer = await service.app.inject({
    method: 'GET',
    url: `/api/v1${path}`,
    headers: { authorization: `Bearer ${TEST_KEY}`, accept },
  })
  expect(answer.statusCode).toBe(200)
  return answer
}

/** Rows of both kinds of file, read by programs that did not write them. The numbers of CSV are made numbers. */
async function table(path: string): Promise<Record<string, string | number | null>[]> {
  const [head = [], ...lines] = parse((await file(path, 'text/csv')).rawPayload, { bom: true }) as string[][]
  const isNumber = (title: string) => /金额|笔数|行号|版本/.test(title)
  const csv = lines.map(line =>
    Object.fromEntries(
      head.map((title, i) => [title, isNumber(title) ? Number(line[i]) : line[i]!.replace(/^'=/, '=')]),
    ),
  )
  const sheet = readXlsx((await file(path, XLSX)).rawPayload)
  expect(sheet.rows[0]).toEqual(head)
  const xlsx = sheet.rows
    .slice(1)
    .map(row => Object.fromEntries(head.map((title, i) => [title, row[i] ?? (isNumber(title) ? 0 : '')])))
  expect(xlsx).toEqual(csv)
  return csv
}

describe('files', () => {
  test('statements: in yuan, before tax, with what payroll needs', async () => {
    const rows = await table(`/settlements/${approved}/statements`)
    expect(Object.keys(rows[0]!)).toContain('税前应付金额（元）')
    const shown = rows.map(row => [
      row['收款方类别'],
      row['收款方编号'],
      row['收款方名称'],
      row['收款类型'],
      row['税前应付金额（元）'],
      row['流水笔数'],
      row['结转下期'],
      row['付款状态'],
    ])
    expect(shown).toEqual([
      ['导购', 'a1', '=1+1', '员工工资', 124.45, 2, '否', '未付'],
      ['导购', 'a2', '导购 a2', '劳务报酬', -7, 1, '是', '未付'],
      ['导购', 'a3', '导购 a3', '未登记', 0.05, 1, '否', '未付'],
      ['导购', 'f1', '导购 f1', '公司', 3, 1, '否', '未付'],
      ['导购', 'f2', '导购 f2', '未登记', 0.4, 1, '否', '未付'],
      ['总部', 'headquarters', '总部', '', 11, 2, '否', '未付'],
      ['门店', 'S3', '苏州加盟店', '公司', 45, 2, '否', '未付'],
      ['门店', 'S4', '杭州加盟店', '公司', 0.07, 1, '否', '未付'],
      ['门店', 'S5', '苏州二店', '公司', -0.6, 1, '是', '未付'],
    ])
    const csv = (await file(`/settlements/${approved}/statements`, 'text/csv')).body
    expect(csv.startsWith('\uFEFF')).toBe(true)
    expect(csv).toContain(`,'=1+1,员工工资,124.45,2,`)
    expect(csv).toContain(',-7.00,')
  })

  test('the rows of a statement, with the brand’s own time', async () => {
    const rows = await table(`/settlements/${approved}/statements/associate/a1`)
    expect(rows).toMatchObject([
      { 项目: '分享导购提成', 承担方编号: 'headquarters', '税前金额（元）': 123.45, 可结算时间: '2026-05-01 00:00:00' },
      { 项目: '归属导购提成', 承担方编号: 'S3', '税前金额（元）': 1 },
    ])
    const json = await all<{ rowId: string }>(service, `/settlements/${approved}/statements/associate/a1`)
    expect(rows.map(row => row['流水号'])).toEqual(json.map(row => row.rowId))
  })

  test('more than a page is whole', async () => {
    const other = await openOtherBrand(service, 3, NOW)
    await tell(other, { stores: [{ storeCode: 'S1', name: '店', type: 'direct' }] })
    const associates = Array.from({ length: 1000 }, (_, i) => ({
      associateId: `p${i}`,
      name: `导购${i}`,
      storeCode: 'S1',
      activeFrom: at('2025-01-01T00:00:00'),
    }))
    await tell(other, { associates })
    await tell(other, { associates: associates.slice(0, 300).map((one, i) => ({ ...one, associateId: `q${i}` })) })
    const payees = [...associates.map(one => one.associateId), ...Array.from({ length: 300 }, (_, i) => `q${i}`)]
    await book(
      service.pool,
      3,
      payees.map((payee, i) => ({ payee, amountFen: i })),
    )
    await book(
      service.pool,
      3,
      Array.from({ length: 2500 }, () => ({ payee: 'p0', amountFen: 1 })),
    )
    const id = await draftOf(other)
    const { listed, summed } = await csvOf(3, `/settlements/${id}/statements`, '税前应付金额（元）')
    expect(listed).toBe(1300)
    expect(summed).toBeCloseTo(((1299 * 1300) / 2 + 2500) / 100, 6)
    const rows = await csvOf(3, `/settlements/${id}/statements/associate/p0`, '税前金额（元）')
    expect(rows.listed).toBe(2501)
  })

  /** As a key of another brand takes it. */
  async function csvOf(brandId: number, path: string, sumOf: string) {
    const key = await createKey(service.pool, { brandId, name: 'read', scopes: ['read'], now: NOW })
    const answer = await service.app.inject({
      method: 'GET',
      url: `/api/v1${path}`,
      headers: { authorization: `Bearer ${key}`, accept: 'text/csv' },
    })
    const rows = parse(answer.rawPayload, { bom: true, columns: true }) as Record<string, string>[]
    return { listed: rows.length, summed: rows.reduce((sum, row) => sum + Number(row[sumOf]), 0) }
  }

  test('who takes one away is written down', async () => {
    await file(`/settlements/${approved}/invoices`, XLSX)
    await file('/clearing', 'text/csv')
    const deeds = await all<Record<string, unknown>>(service, '/activity')
    expect(deeds.find(deed => deed['subject'] === `settlements/${approved}/invoices`)).toMatchObject({
      actor: 'key:bootstrap',
      action: 'settlement.exported',
      details: { format: 'xlsx', status: 'approved' },
    })
    expect(deeds.find(deed => deed['subject'] === 'clearing')).toMatchObject({ action: 'clearing.exported' })
    const before = deeds.length
    await service.get(`/settlements/${approved}/invoices`)
    expect(await all(service, '/activity')).toHaveLength(before) // looking is not taking away
  })

  test('a draft that is discarded while it is taken away breaks off', async () => {
    await book(service.pool, 1, [{ payee: 'a3', amountFen: 9, availableAt: at('2026-05-02T00:00:00') }])
    const id = await draftOf(service)
    const caller = await personAt(service, 'boss', NOW)
    const { rows } = await exportStatements(
      service.pool,
      { caller, format: 'csv', now: NOW },
      { settlementId: id, query: {} },
    )
    const reading = rows[Symbol.asyncIterator]()
    expect((await reading.next()).done).toBe(false)
    const gone = await service.app.inject({
      method: 'DELETE',
      url: `/api/v1/settlements/${id}`,
      headers: { authorization: `Bearer ${TEST_KEY}` },
    })
    expect(gone.statusCode).toBe(204)
    await expect(
      (async () => {
        while (!(await reading.next()).done);
      })(),
    ).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('who owes whom', () => {
  test('in a settlement, without what is carried', async () => {
    const items = await all<Record<string, unknown>>(service, `/clearing?settlementId=${approved}`)
    expect(items.map(one => [one['bearer'], one['payee'], one['totalFen'], one['rowCount']])).toEqual([
      ['headquarters', 'a1', 12_345, 1],
      ['S3', 'a1', 100, 1],
      ['headquarters', 'a3', 5, 1],
      ['S3', 'f1', 300, 1],
      ['S4', 'f2', 40, 1],
      ['S3', 'headquarters', 500, 1],
      ['S4', 'headquarters', 600, 1],
      ['headquarters', 'S3', 4_485, 1],
      ['S4', 'S3', 15, 1],
      ['headquarters', 'S4', 7, 1],
    ])
    expect(await table(`/clearing?settlementId=${approved}`)).toHaveLength(10)
  })

  test('in all that is not settled: drafts and carried rows too', async () => {
    const items = await all<Record<string, unknown>>(service, '/clearing')
    const shown = items.map(one => [one['bearer'], one['payee'], one['totalFen']])
    expect(shown).toEqual(
      expect.arrayContaining([
        ['headquarters', 'a1', 1],
        ['S3', 'a2', -700],
        ['headquarters', 'S5', -60],
      ]),
    )
    const pages: unknown[] = []
    let cursor = ''
    do {
      const page = await service.get<{ items: unknown[]; nextCursor: string | null }>(`/clearing?limit=1${cursor}`)
      pages.push(...page.items)
      cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`
    } while (cursor !== '')
    expect(pages).toEqual(items)
    expect(await table('/clearing')).toHaveLength(items.length)
  })

  test('invoices are written by who is paid, to who bears it', async () => {
    const items = await all<Record<string, unknown>>(service, `/settlements/${approved}/invoices`)
    expect(items.map(one => [one['issuer'], one['recipient'], one['purpose'], one['totalFen']])).toEqual([
      ['headquarters', 'S3', 'headquarters', 500],
      ['headquarters', 'S4', 'headquarters', 600],
      ['S3', 'headquarters', 'home_store', 4_485],
      ['S3', 'S4', 'home_store', 15],
      ['S4', 'headquarters', 'home_store', 7],
    ])
    expect(items[3]).toMatchObject({
      issuerName: '苏州加盟店',
      issuerFranchiseeId: 'F1',
      recipientName: '杭州加盟店',
      recipientFranchiseeId: 'F2',
    })
    expect(await table(`/settlements/${approved}/invoices`)).toMatchObject([
      { 开票方名称: '总部', 受票方加盟商: 'F1', 项目: '总部服务费', '税前金额（元）': 5 },
      {},
      { 开票方编号: 'S3', 受票方名称: '总部', 项目: '服务门店分成', '税前金额（元）': 44.85 },
      {},
      {},
    ])
  })

  test('franchisees: what they are owed, what they bear, and the difference', async () => {
    expect(await all(service, `/settlements/${approved}/franchises`)).toEqual([
      { franchiseeId: 'F1', storeCount: 2, owedFen: 4_500, borneFen: 900, netFen: 3_600 },
      { franchiseeId: 'F2', storeCount: 1, owedFen: 7, borneFen: 655, netFen: -648 },
    ])
    const franchise = await service.get(`/settlements/${approved}/franchises/F1`)
    expect(franchise).toEqual({
      settlementId: approved,
      status: 'approved',
      cutoff: new Date(NOW).toISOString(),
      taxBasis: 'before_tax',
      franchiseeId: 'F1',
      owedFen: 4_500,
      borneFen: 900,
      netFen: 3_600,
      stores: [
        {
          storeCode: 'S3',
          name: '苏州加盟店',
          owedFen: 4_500,
          borneFen: 900,
          netFen: 3_600,
          carried: false,
          owed: [
            owed('headquarters', 'headquarters', null, 'home_store', 4_485),
            owed('store', 'S4', '杭州加盟店', 'home_store', 15),
          ],
          borne: [
            borne('associate', 'a1', null, 'attributed', 100), // not one of his
            { ...borne('associate', 'a2', null, 'closer', -700), carried: true },
            borne('associate', 'f1', '导购 f1', 'closer', 300),
            borne('headquarters', 'headquarters', null, 'headquarters', 500),
          ],
        },
        {
          storeCode: 'S5',
          name: '苏州二店',
          owedFen: 0,
          borneFen: 0,
          netFen: 0,
          carried: true,
          owed: [{ ...owed('headquarters', 'headquarters', null, 'home_store', -60), carried: true }],
          borne: [],
        },
      ],
    })
    const lines = await table(`/settlements/${approved}/franchises/F1`)
    expect(lines).toHaveLength(7)
    const counted = lines.filter(line => line['结转下期（不计入）'] === '否')
    expect(counted.reduce((sum, line) => sum + Number(line['税前金额（元，应付为负）']) * 100, 0)).toBeCloseTo(3_600, 6)
    await expect(service.get(`/settlements/${approved}/franchises/F9`)).rejects.toThrow('404')
  })

  const amounts = (purpose: string, totalFen: number) => ({ purpose, totalFen, rowCount: 1, carried: false })
  const owed = (bearerKind: string, bearer: string, bearerName: string | null, purpose: string, totalFen: number) => ({
    bearerKind,
    bearer,
    bearerName,
    ...amounts(purpose, totalFen),
  })
  const borne = (payeeKind: string, payee: string, payeeName: string | null, purpose: string, totalFen: number) => ({
    payeeKind,
    payee,
    payeeName,
    ...amounts(purpose, totalFen),
  })
})

describe('who sees what', () => {
  interface Seen {
    settlements: string[]
    statements: string[]
    totalFen: number | undefined
    franchises: string[] | number
  }

  async function seen(asker: Asker): Promise<Seen> {
    const list = async <T>(path: string) => {
      const { status, body } = await asker.ask('GET', path)
      return status === 200 ? (body['items'] as T[]) : status
    }
    const settlements = await all<{ settlementId: string; totalFen: number }>(
      { get: (path: string) => asker.get(path) } as TestService,
      '/settlements',
    )
    const statements = await list<{ payee: string }>(`/settlements/${approved}/statements`)
    const franchises = await list<{ franchiseeId: string }>(`/settlements/${approved}/franchises`)
    return {
      settlements: settlements.map(({ settlementId }) =>
        settlementId === approved ? 'approved' : settlementId === draft ? 'draft' : 'other',
      ),
      statements: Array.isArray(statements) ? statements.map(one => one.payee) : [],
      totalFen: settlements.find(one => one.settlementId === approved)?.totalFen,
      franchises: Array.isArray(franchises) ? franchises.map(one => one.franchiseeId) : franchises,
    }
  }
  const WHOLE = ['a1', 'a2', 'a3', 'f1', 'f2', 'headquarters', 'S3', 'S4', 'S5']
  const TOTAL = 12_445 + 5 + 300 + 40 + 4_500 + 7 + 1_100

  test.each([
    ['boss', ['draft', 'approved'], WHOLE, TOTAL, ['F1', 'F2']],
    ['auditor', ['draft', 'approved'], WHOLE, TOTAL, ['F1', 'F2']],
    ['a1', ['approved'], ['a1'], 12_445, 404],
    ['a3', ['approved'], ['a3'], 5, 404],
    ['manager1', ['approved'], ['a1', 'a2'], 12_445, 404],
    ['manager2', ['approved'], ['a3'], 5, 404],
    ['franchisee1', ['approved'], ['f1', 'S3', 'S5'], 4_800, ['F1']],
    ['franchisee2', ['approved'], ['f2', 'S4'], 47, ['F2']],
  ] as const)('%s', async (who, settlements, statements, totalFen, franchises) => {
    expect(await seen(await askerOf(service, who))).toEqual({ settlements, statements, totalFen, franchises })
  })

  test('what is not his is not there', async () => {
    const status = async (who: string, path: string) => (await (await askerOf(service, who)).ask('GET', path)).status
    const of = (id: string, rest: string) => `/settlements/${id}${rest}`
    expect(await status('a1', of(draft, ''))).toBe(404)
    expect(await status('a1', of(draft, '/statements'))).toBe(404)
    expect(await status('a1', of(draft, '/statements/associate/a1'))).toBe(404)
    expect(await status('a1', of(approved, '/statements/associate/a1'))).toBe(200)
    expect(await status('a1', of(approved, '/statements/associate/a2'))).toBe(404)
    expect(await status('manager1', of(approved, '/statements/associate/a2'))).toBe(200)
    expect(await status('manager1', of(approved, '/statements/store/S3'))).toBe(404)
    expect(await status('franchisee1', of(approved, '/statements/store/S3'))).toBe(200)
    expect(await status('franchisee1', of(approved, '/statements/store/S4'))).toBe(404)
    expect(await status('franchisee1', of(approved, '/franchises/F1'))).toBe(200)
    expect(await status('franchisee1', of(approved, '/franchises/F2'))).toBe(404)
    expect(await status('franchisee1', of(draft, '/franchises/F1'))).toBe(404)
    expect(await status('manager1', of(approved, '/franchises/F1'))).toBe(404)
    expect(await status('f1', of(approved, '/invoices'))).toBe(404)
    expect(await status('franchisee1', `/clearing?settlementId=${approved}`)).toBe(404)
    expect(await status('boss', `/clearing?settlementId=${approved}`)).toBe(200)
  })

  test('a franchisee whose stores only bear something of a settlement sees it too', async () => {
    await book(service.pool, 1, [
      { payee: 'manager2', amountFen: 50, bearer: 'S4', availableAt: at('2026-05-03T00:00:00') },
    ])
    const settlementId = await draftOf(service)
    expect((await service.post(`/settlements/${settlementId}/approve`, {})).status).toBe(200)
    const franchisee = await askerOf(service, 'franchisee2')
    expect(await franchisee.get(`/settlements/${settlementId}/franchises/F2`)).toMatchObject({
      owedFen: 0,
      borneFen: 50,
    })
    expect(await franchisee.get(`/settlements/${settlementId}/statements`)).toMatchObject({ items: [] })
    expect((await (await askerOf(service, 'f1')).ask('GET', `/settlements/${settlementId}`)).status).toBe(404)
  })
})
