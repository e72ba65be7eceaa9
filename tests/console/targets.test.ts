import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { addMonths, scaled } from '../../console/features/targets/months.ts'
import { parseCsv, writeCsv } from '../../console/lib/csv.ts'
import { parseYuan, yuanText } from '../../console/lib/money.ts'
import { startOfDay } from '../../console/lib/zone.ts'
import { associateItem, lineItem, orderItem, storeItem } from '../builders/items.ts'
import { book } from '../support/ledger.ts'
import { tell as tellAll } from '../support/people.ts'
import type { TestService } from '../support/service.ts'
import { expectSound, photograph, settle, startConsoleStage, type ConsoleStage, type Opened, VIEWS } from './support.ts'

/** Targets typed, copied and imported, and adjustments by two people: the real service, the real pages. */

let stage: ConsoleStage

const month = new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 7)
const before = addMonths(month, -1)

interface Target {
  storeCode?: string
  associateId?: string
  netSalesFen: number
}
const targets = async (of = month) => (await stage.service.get<{ items: Target[] }>(`/targets?month=${of}`)).items
const targetOf = async (key: string) =>
  (await targets()).find(one => one.storeCode === key || one.associateId === key)?.netSalesFen
interface Adjustment {
  payee: string
  amountFen: number
  status: string
  kind: string
  decidedBy: string | null
  reason: string
}
const adjustments = async () => (await stage.service.get<{ items: Adjustment[] }>('/adjustments')).items

/** Nothing of it may be refused. */
const tell = (service: TestService, kind: string, items: readonly object[]) => tellAll(service, { [kind]: items })

beforeAll(async () => {
  stage = await startConsoleStage()
  const { service } = stage
  await tell(service, 'stores', [storeItem({ name: '示例一店' }), storeItem({ storeCode: 'S2', name: '示例二店' })])
  const office = { kind: 'office', storeCode: null, role: 'headquarters' }
  await tell(service, 'associates', [
    associateItem({ associateId: 'boss', name: '示例总部', ...office }),
    associateItem({ associateId: 'second', name: '示例复核', ...office }),
    associateItem({ associateId: 'audit', name: '示例审计', kind: 'office', storeCode: null, role: 'auditor' }),
    associateItem({ associateId: 'lead', name: '示例店长', role: 'manager' }),
    associateItem({ name: '导购甲' }),
    associateItem({ associateId: 'A2', name: '导购乙', storeCode: 'S2' }),
    associateItem({ associateId: 'gone', name: '导购离', activeTo: '2026-01-01T00:00:00+08:00' }),
  ])
  await tell(service, 'targets', [
    { month: before, storeCode: 'S1', netSalesFen: 1_000_000 },
    { month: before, associateId: 'A1', netSalesFen: 333_333 },
    { month, storeCode: 'S1', netSalesFen: 2_000_000 },
  ])
  await tell(service, 'orders', [
    orderItem({
      channel: 'in_store',
      sellingStore: 'S1',
      closer: 'A1',
      paidAt: new Date().toISOString(),
      lines: [lineItem({ paidFen: 1_600_000 })],
    }),
  ])
  await book(service.pool, 1, [{ payee: 'gone', amountFen: -4_567 }])
  await service.settled()
}, 120_000)
afterAll(() => stage?.close())
afterEach(() => stage.clear())

const seen = async (opened: Opened, text: string) => await opened.page.getByText(text).first().waitFor()
const file = (rows: readonly (readonly string[])[]) => ({
  name: 'list.csv',
  mimeType: 'text/csv',
  buffer: Buffer.from(writeCsv(rows)),
})

describe('what is typed', () => {
  test.each([
    ['1234.5', 123_450],
    ['¥1,234.56', 123_456],
    ['-0.01', -1],
    ['−3', -300],
    ['１２', 1200],
    ['0.29', 29],
    ['9999999999.99', 999_999_999_999],
    ['10000000000.01', null],
    ['1.234', null],
    ['1,23', null],
    ['', null],
    ['12元', 1200],
    ['1e3', null],
  ])('%s yuan is %s fen', (text, fen) => {
    expect(parseYuan(text)).toBe(fen)
    if (fen !== null) expect(parseYuan(yuanText(fen))).toBe(fen)
  })

  test('a list is read with its lines, quotes and separators; a target is scaled to the yuan', () => {
    expect(parseCsv('a;b\r\n"x;""y""\nz";2\r\n\r\n3;4')).toEqual([
      { line: 1, cells: ['a', 'b'] },
      { line: 2, cells: ['x;"y"\nz', '2'] },
      { line: 5, cells: ['3', '4'] },
    ])
    expect(scaled(333_333, 10_500)).toBe(350_000)
    expect(scaled(999_999_999_999, 100_000)).toBe(10_000_000_000_000)
    expect(startOfDay('2026-03-01', 'Asia/Shanghai')).toBe('2026-02-28T16:00:00.000Z')
    expect(startOfDay('2026-03-08', 'America/New_York')).toBe('2026-03-08T05:00:00.000Z')
  })
})

describe('targets', () => {
  test('are typed into the table, saved by themselves, and undone', async () => {
    const opened = await stage.open('boss', '/targets')
    const { page } = opened
    await seen(opened, '示例二店')
    await expectSound(opened)
    await photograph(page, 'targets-1280-zh')
    const field = page.getByLabel('示例二店 的目标（元）')
    await field.fill('12,345.67')
    await page.getByText('已保存').waitFor()
    expect(await targetOf('S2')).toBe(1_234_567)
    await page.getByRole('button', { name: '撤销' }).click()
    await expect.poll(() => targetOf('S2')).toBeUndefined()
    await field.fill('1.234')
    await seen(opened, '请写成元，最多两位小数')
    expect(await targetOf('S2')).toBeUndefined()
    // S1 sold 16,000 of 20,000.
    await seen(opened, '80.0%')
  })

  test('are copied from last month by percent, and the copy is undone', async () => {
    const opened = await stage.open('boss', '/targets?do=copy')
    const { page } = opened
    await page.getByLabel('按上个月的百分之几').fill('105')
    await seen(opened, '会写入 1 个目标：上个月合计 ¥3,333.33，变为 ¥3,500.00。')
    await seen(opened, '1 个已有目标，保持不变。')
    await settle(page)
    await photograph(page, 'targets-copy-1280-zh')
    await page.getByRole('button', { name: '写入 1 个目标' }).click()
    await seen(opened, '已写入 1 个目标。')
    expect(await targetOf('A1')).toBe(350_000)
    await page.getByRole('button', { name: '撤销' }).click()
    await seen(opened, '已撤销')
    expect(await targetOf('A1')).toBeUndefined()
  })

  test('are imported; faults are told by line and nothing else is lost', async () => {
    const opened = await stage.open('boss', '/targets?do=import')
    const { page } = opened
    await page.locator('input[type=file]').setInputFiles(
      file([
        ['门店编号', '导购账号', '目标（元）'],
        ['S2', '', '8,000'],
        ['', 'A2', '500.5'],
        ['', 'nobody', '1'],
        ['S1', 'A1', '1'],
        ['', 'A1', 'viel'],
      ]),
    )
    await seen(opened, '3 行可以导入，2 行有问题。')
    await seen(opened, '门店编号和导购账号要写一个，只写一个')
    await page.getByRole('button', { name: '导入 3 行' }).click()
    await seen(opened, '2 行已收下，3 行没有收下。')
    await seen(opened, '没有这位导购')
    await settle(page)
    await photograph(page, 'targets-import-1280-zh')
    expect([await targetOf('S2'), await targetOf('A2'), await targetOf('A1')]).toEqual([800_000, 50_050, undefined])
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: '下载没有收下的行' }).click()
    const stream = await (await download).createReadStream()
    let text = ''
    for await (const part of stream) text += String(part)
    expect(text).toContain(',nobody,1,没有这位导购')
  })

  test('are read by a manager, his store’s alone; on a phone in English', async () => {
    const opened = await stage.open('lead', '/targets', { width: 390, language: 'en' })
    await seen(opened, '示例一店')
    await seen(opened, 'Targets are set by headquarters.')
    expect(await opened.page.locator('.target-input').count()).toBe(0)
    expect(await opened.page.locator('main').textContent()).not.toContain('S2')
    await expectSound(opened)
    await photograph(opened.page, 'targets-390-en')
  })
})

describe('adjustments', () => {
  test('are proposed by one person and confirmed by another', async () => {
    const opened = await stage.open('boss', '/adjustments?do=new')
    const { page } = opened
    const pick = page.getByRole('combobox', { name: '谁的账户' }).last()
    await pick.click()
    await page.keyboard.type('A1')
    await page.keyboard.press('Enter')
    await page.getByLabel('金额（税前）').fill('100.10')
    await page.getByLabel('原因（收款方看得到）').fill('陈列比赛第一名')
    await settle(page)
    await photograph(page, 'adjustment-form-1280-zh')
    await page.getByRole('button', { name: '下一步' }).click()
    await seen(opened, '导购 A1 多得 ¥100.10，由总部承担。')
    await page.getByRole('button', { name: '确认提出' }).click()
    await page.getByRole('button', { name: '导购 A1' }).waitFor()
    expect(await adjustments()).toMatchObject([{ payee: 'A1', amountFen: 10_010, status: 'proposed' }])
    await page.getByRole('button', { name: '导购 A1' }).click()
    await seen(opened, '这笔是你提出的，要由另一位总部同事确认')
    expect(await page.getByRole('button', { name: '确认入账' }).count()).toBe(0)
    await expectSound(opened)
    await photograph(page, 'adjustment-1280-zh')

    const other = await stage.open('second', '/adjustments')
    await other.page.getByRole('button', { name: '导购 A1' }).click()
    await other.page.getByRole('button', { name: '确认入账' }).click()
    await other.page.getByRole('button', { name: '确认入账' }).click()
    await other.page.getByRole('button', { name: '冲回' }).waitFor()
    expect(await adjustments()).toMatchObject([{ status: 'confirmed', decidedBy: 'second' }])
    await other.page.getByRole('button', { name: '冲回' }).click()
    await other.page.getByLabel('原因').last().fill('发错人')
    await other.page.getByRole('button', { name: '冲回' }).last().click()
    await other.page.getByText('已提冲回').first().waitFor()
    expect(await adjustments()).toMatchObject([
      { kind: 'reversal', amountFen: -10_010, status: 'proposed', reason: '发错人' },
      { kind: 'bonus' },
    ])
  })

  test('come as opening balances, and write off what a leaver owes', async () => {
    const opened = await stage.open('boss', '/adjustments?do=import')
    const { page } = opened
    await page.locator('input[type=file]').setInputFiles(
      file([
        ['编号', '账户类别', '账户编号', '金额（元）'],
        ['B-1', '导购', 'A2', '-12.30'],
        ['B-2', '门店', 'S9', '5'],
        ['B-3', '门店', 'S2', '0'],
      ]),
    )
    await seen(opened, '2 行可以导入，1 行有问题。')
    await page.getByRole('button', { name: '导入 2 行' }).click()
    await seen(opened, '1 行已收下，2 行没有收下。')
    await seen(opened, '没有这家门店')
    expect((await adjustments())[0]).toMatchObject({ kind: 'opening_balance', payee: 'A2', amountFen: -1_230 })

    await page.goto(`${stage.url}/console/#/adjustments?do=write-off`)
    await page.getByRole('combobox', { name: '离职导购' }).last().click()
    await page.keyboard.type('gone')
    await page.keyboard.press('Enter')
    await page.getByLabel('原因（收款方看得到）').fill('已离职，追不回')
    await page.getByRole('button', { name: '提出核销' }).click()
    await seen(opened, '已提出 1 笔，共 ¥45.67')
    expect((await adjustments())[0]).toMatchObject({ kind: 'write_off', payee: 'gone', amountFen: 4_567 })
  })

  test('are confirmed many at once by the other; an auditor only looks', async () => {
    const opened = await stage.open('second', '/adjustments?status=proposed')
    const { page } = opened
    await page.getByRole('button', { name: '确认别人提的 2 笔' }).click()
    await seen(opened, '2 笔，净额 ¥33.37（税前）')
    await page.getByRole('button', { name: '确认别人提的 2 笔' }).last().click()
    await seen(opened, '已确认 2 笔，0 笔没有确认。')
    for (const [width, language] of VIEWS) {
      const shown = await stage.open('audit', '/adjustments', { width, language })
      expect(await shown.page.locator('.page-head button').count()).toBe(0)
      await expectSound(shown)
      await photograph(shown.page, `adjustments-${width}-${language}`)
    }
  })
})
