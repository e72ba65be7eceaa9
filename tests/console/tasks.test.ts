import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { ListedRule } from '../../server/features/task-rules/schema.ts'
import { tendTasks } from '../../server/features/task-rules/service.ts'
import { brand, standardPlan } from '../builders/brand.ts'
import { tell } from '../support/people.ts'
import { expectSound, photograph, settle, startConsoleStage, type ConsoleStage } from './support.ts'

/** Task rules, from what tonight would make to what became of it. */

const DAY = 86_400_000
const ago = (days: number) => new Date(Date.now() - days * DAY).toISOString()
const numbers = Array.from({ length: 14 }, (_, i) => `m${String(i + 1).padStart(2, '0')}`)
let stage: ConsoleStage
const rules = () => stage.service.get<{ items: ListedRule[] }>('/task-rules').then(page => page.items)
const ruleOf = async (title: string) => (await rules()).find(rule => rule.title === title)!
const night = () => tendTasks(stage.service.pool, { clock: Date.now, isStopped: () => false })
/** As if it were the next night. */
const forgetNight = () => stage.service.pool`DELETE FROM task_runs`

beforeAll(async () => {
  stage = await startConsoleStage()
  const { service } = stage
  await tell(service, {
    ...brand,
    members: numbers.map(memberNo => ({ memberNo, name: `顾客${memberNo}`, openingStore: 'S1' })),
    'member-assignments': numbers.map((memberNo, i) => ({
      memberNo,
      from: ago(300),
      attributedAssociate: i < 12 ? 'a1' : 'a3',
    })),
    products: [{ sku: 'k1', name: '羊毛大衣', priceFen: 10_000 }],
  })
  await service.post('/plans', standardPlan)
  await tell(service, {
    orders: numbers.map(memberNo => ({
      source: 'till',
      orderNo: `o-${memberNo}`,
      channel: 'in_store',
      sellingStore: 'S1',
      memberNo,
      paidAt: ago(100),
      lines: [{ lineNo: 1, sku: 'k1', quantity: 1, paidFen: 10_000 }],
    })),
  })
  await service.settled()
}, 120_000)
afterEach(() => stage.clear())
afterAll(() => stage?.close())

test('a rule says what tonight would make; it is capped, made, and read by store and associate', async () => {
  const { page } = await stage.open('boss', '/tasks')
  await page.getByText('还没有任务规则').waitFor()
  await page.getByRole('button', { name: '新建规则' }).click()
  const drawer = page.getByRole('dialog')
  await drawer.getByLabel('什么时候生成').selectOption('asleep')
  expect(await drawer.getByLabel('每位导购每晚最多几个').inputValue()).toBe('10')
  await drawer.getByLabel('任务标题').fill('好久不见，问候一声')
  await drawer.getByLabel('发给顾客的话').fill('店里换了新一季，来看看？')
  await drawer.getByRole('button', { name: '看看今晚会生成多少' }).click()
  await drawer.getByText('今晚会给 2 位导购生成 12 个任务。').waitFor()
  await drawer.getByText('另有 2 位顾客符合').waitFor()
  await photograph(page, 'task-rule-form')
  await drawer.getByRole('button', { name: '保存' }).click()
  await drawer.waitFor({ state: 'detached' })
  await page.getByText('每人每晚最多 10 个').waitFor()
  const { ruleId, ...rule } = await ruleOf('好久不见，问候一声')
  expect(rule).toMatchObject({ kind: 'asleep', days: 60, nightlyMax: 10, isOn: true, made: 0 })

  await night()
  expect(await ruleOf('好久不见，问候一声')).toMatchObject({ made: 12, open: 12 })
  const byStore = await stage.service.get<{ items: object[] }>(`/task-rules/${ruleId}/completion`)
  expect(byStore.items).toMatchObject([
    { storeCode: 'S1', made: 10, open: 10, doneBps: 0 },
    { storeCode: 'S2', made: 2 },
  ])
  await stage.service.pool`UPDATE tasks SET state = 'done' WHERE task_id IN (SELECT task_id FROM tasks WHERE store_code = 'S1' LIMIT 4)` // prettier-ignore
  await stage.service.pool`UPDATE tasks SET due_day = '2026-01-01' WHERE task_id IN (SELECT task_id FROM tasks WHERE store_code = 'S1' AND state = 'open' LIMIT 2)` // prettier-ignore
  // The rest have their turn on another night.
  await forgetNight()
  await stage.service.pool`UPDATE tasks SET made_day = '2026-01-01'`
  await night()
  expect(await ruleOf('好久不见，问候一声')).toMatchObject({ made: 14, done: 4, overdue: 2 })
}, 60_000)

test('a rule that is turned off makes none, and one that is ended closes what is open', async () => {
  await stage.service.post('/task-rules', { kind: 'campaign', title: '换季通知', text: '', segment: {}, lastDay: '2099-01-01' }) // prettier-ignore
  const { page } = await stage.open('boss', '/tasks')
  await page.getByRole('button', { name: '停用 换季通知' }).click()
  await page.getByRole('button', { name: '启用 换季通知' }).waitFor()
  expect(await ruleOf('换季通知')).toMatchObject({ isOn: false, nightlyMax: 20 })
  await forgetNight()
  await stage.service.pool`UPDATE tasks SET made_day = '2026-01-01'`
  await night()
  expect(await ruleOf('换季通知')).toMatchObject({ made: 0 })
  await page.getByRole('button', { name: '修改 换季通知' }).click()
  await page.getByRole('button', { name: '结束规则' }).click()
  await page.getByText('还没做的 0 个任务会一起关掉。').waitFor()
  await page.getByRole('dialog').last().getByRole('button', { name: '结束规则' }).click()
  await page.getByText('已结束').first().waitFor()
  expect((await ruleOf('换季通知')).endedAt).not.toBeNull()
}, 60_000)

test('a campaign is for the members of a file; who is none is named', async () => {
  const { page } = await stage.open('boss', '/tasks?edit=new')
  const drawer = page.getByRole('dialog')
  await drawer.getByLabel('什么时候生成').selectOption('campaign')
  await drawer.getByLabel('按会员名单').check()
  await drawer.getByLabel('会员名单', { exact: true }).setInputFiles({
    name: '名单.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from('会员号,姓名\nm01,甲\nm13,乙\nnobody-1,丙\n'),
  })
  await drawer.getByText('读到 3 个会员号').waitFor()
  await drawer.getByLabel('任务标题').fill('邀请看秀')
  await drawer.getByLabel('到哪天为止').fill('2099-01-01')
  await drawer.getByRole('button', { name: '保存' }).click()
  await page.getByText('名单已换：2 位会员。 没有这些会员，已略过：nobody-1').waitFor()
  expect(await ruleOf('邀请看秀')).toMatchObject({ segment: { isListed: true }, listed: 2 })
  await forgetNight()
  await stage.service.pool`UPDATE tasks SET made_day = '2026-01-01'`
  await night()
  expect(await ruleOf('邀请看秀')).toMatchObject({ made: 2 })
}, 60_000)

test('a manager sees his store alone, an auditor changes nothing', async () => {
  const wide = await stage.open('boss', '/tasks')
  await wide.page.getByText('好久不见，问候一声').first().waitFor()
  await settle(wide.page)
  await expectSound(wide)
  await photograph(wide.page, 'tasks-1280-zh')
  const narrow = await stage.open('auditor', '/tasks', { width: 390, language: 'en' })
  await narrow.page.getByText('at most 10 a night for one associate').waitFor()
  await settle(narrow.page)
  await expectSound(narrow)
  await photograph(narrow.page, 'tasks-390-en')
  expect(await narrow.page.getByRole('button', { name: 'New rule' }).count()).toBe(0)

  const own = await stage.open('manager1', '/tasks', { width: 390 })
  await own.page.getByRole('button', { name: '完成情况 好久不见，问候一声' }).click()
  await own.page.getByRole('button', { name: '看导购' }).click()
  await own.page.getByText('导购 a1').waitFor()
  await settle(own.page)
  await expectSound(own)
  await photograph(own.page, 'task-completion')
  expect(await own.page.getByText('徐汇店').count()).toBe(0)
  const cells = await own.page.locator('tr', { hasText: '导购 a1' }).locator('td').allTextContents()
  expect(cells).toEqual(['导购 a1', '12', '4', '6', '2', '33.3%'])
}, 60_000)
