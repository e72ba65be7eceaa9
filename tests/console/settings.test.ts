import { readFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { tell } from '../support/people.ts'
import { expectSound, photograph, settle, startConsoleStage, type ConsoleStage, VIEWS } from './support.ts'

/** The settings page against the real service. */

const SINCE = '2025-01-01T00:00:00+08:00'

let stage: ConsoleStage
beforeAll(async () => {
  stage = await startConsoleStage()
  await tell(stage.service, {
    associates: [
      { associateId: 'demo-hq', name: '示例总部', kind: 'office', role: 'headquarters', activeFrom: SINCE },
      { associateId: 'demo-aud', name: '示例审计', kind: 'office', role: 'auditor', activeFrom: SINCE },
    ],
  })
}, 120_000)
afterEach(() => stage.clear())
afterAll(() => stage.close())

const read = <T>(section: string) => stage.service.get<T>(`/settings/${section}`)
interface Asked {
  fields: { key: string; label: string; kind: string; options?: string[] }[]
}

test('an auditor looks and changes nothing', async () => {
  const { page } = await stage.open('demo-aud', '/settings?section=visibility')
  await page.getByText('你的角色只能看，不能改。').waitFor()
  expect(await page.getByRole('radio', { name: '谁都不能' }).isDisabled()).toBe(true)
  expect(await page.getByRole('button', { name: '保存', exact: true }).count()).toBe(0)
})

test('questions are added, put in sequence by keys and by dragging, taken away and brought back', async () => {
  const { page } = await stage.open('demo-hq', '/settings')
  for (const [i, label] of ['肤质', '身高', '喜欢的颜色'].entries()) {
    await page.getByRole('button', { name: '加一个问题' }).click()
    await page.getByLabel('问题', { exact: true }).nth(i).fill(label)
  }
  await page.getByLabel('怎么答').nth(0).selectOption('choice')
  expect(await page.getByRole('button', { name: '保存', exact: true }).isDisabled()).toBe(true)
  await page.getByLabel('选项').fill('干\n油\n')
  await page.getByLabel('怎么答').nth(1).selectOption('number')
  await page.getByRole('button', { name: '换「喜欢的颜色」的位置' }).focus()
  await page.keyboard.press('ArrowUp')
  await page.getByText('「喜欢的颜色」现在是第 2 个').waitFor({ state: 'attached' })
  await page.keyboard.press('ArrowUp')
  await page.getByRole('button', { name: '保存', exact: true }).click()
  await page.getByText('已保存').waitFor()
  const labels = async () => (await read<Asked>('questionnaire')).fields.map(field => field.label)
  expect(await labels()).toEqual(['喜欢的颜色', '肤质', '身高'])
  expect((await read<Asked>('questionnaire')).fields[1]).toMatchObject({ kind: 'choice', options: ['干', '油'] })

  const handles = page.locator('.drag')
  await handles.nth(2).dragTo(handles.nth(0))
  await page.getByRole('button', { name: '删除 肤质' }).click()
  await page.getByText('「肤质」以后不再问').waitFor()
  await page.getByRole('button', { name: '保存', exact: true }).click()
  await page.getByText('已保存').waitFor()
  await expect.poll(labels).toEqual(['身高', '喜欢的颜色'])
  await page.getByRole('button', { name: '撤销刚才的保存' }).click()
  await page.getByText('已改回保存前的样子。').waitFor()
  expect(await labels()).toEqual(['喜欢的颜色', '肤质', '身高'])
})

test('attribution rules say what they decide anew before they are told', async () => {
  const { page } = await stage.open('demo-hq', '/settings?section=binding')
  await page.getByLabel('加企业微信好友').check()
  await page.getByLabel('后来的替换先来的').check()
  await page.getByLabel('保护期').fill('30')
  await page.getByRole('button', { name: '保存', exact: true }).click()
  await page.getByRole('radio', { name: '全部历史' }).check()
  await page.getByText('全部历史上的事都按新规则重新判定').waitFor()
  await page.getByRole('radio', { name: '从某一天起' }).check()
  await page.getByLabel('日期').fill('2026-01-01')
  await page.getByText('2026-01-01 起发生的事按新规则').waitFor()
  expect(await read('binding')).toMatchObject({ on: [] })
  await page.getByRole('button', { name: '确认，按新规则定归属' }).click()
  await page.getByText('已保存').waitFor()
  expect(await read('binding')).toMatchObject({
    on: ['friend_added'],
    mode: 'latest',
    protectDays: 30,
    effectiveFrom: '2025-12-31T16:00:00.000Z',
    toldBy: 'demo-hq',
  })
})

test('who sees what, and when nobody is disturbed, are saved each by itself', async () => {
  const { page } = await stage.open('demo-hq', '/settings?section=visibility')
  await page.getByRole('radio', { name: '总部、店长和加盟商', exact: true }).check()
  await page.getByRole('radio', { name: '只看自己的名次' }).check()
  await page.getByRole('button', { name: '保存', exact: true }).click()
  await page.getByText('已保存').waitFor()
  expect(await read('visibility')).toEqual({ wholePhone: 'managers', ranks: 'own' })
  await page.getByRole('button', { name: '消息提醒' }).click()
  await page.getByLabel('从', { exact: true }).fill('22:30')
  await page.getByText('每天 22:30 到 09:00 不发消息').waitFor()
  await page.getByLabel('客户删除了他').uncheck()
  await page.getByLabel('多少分钟内').fill('0')
  await page.getByText('分钟填 1 到 240').waitFor()
  await page.getByLabel('多少分钟内').fill('20')
  await page.getByRole('button', { name: '保存', exact: true }).click()
  await page.getByText('已保存').waitFor()
  expect(await read('messages')).toMatchObject({ quietFrom: '22:30', digestMinutes: 20, kinds: { friend_lost: false, sold: true } }) // prettier-ignore
})

test('one person’s data is found by phone, copied, and erased after the number was repeated', async () => {
  const phone = '+8613800138123'
  await tell(stage.service, { members: [{ memberNo: 'demo-m1', name: '示例会员', phone, joinedAt: SINCE }] })
  const { page } = await stage.open('demo-hq', '/settings?section=privacy')
  const find = async (asked: string) => {
    await page.getByLabel('会员号或手机号').fill(asked)
    await page.getByRole('button', { name: '查找' }).click()
  }
  await find('13800138999')
  await page.getByText('没有找到。').waitFor()
  await find('138 0013 8123')
  await page.getByText('138****8123').waitFor()
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: '下载一份资料' }).click(),
  ])
  expect(download.suggestedFilename()).toBe('demo-m1.json')
  expect(await readFile(await download.path(), 'utf8')).toContain('示例会员')
  await photograph(page, 'settings-privacy-found-1280')

  await page.getByRole('button', { name: '删除个人资料' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('原因').fill('本人要求')
  const deed = dialog.getByRole('button', { name: '删除个人资料' })
  await dialog.getByLabel('再输一遍会员号').fill('demo-m2')
  expect(await deed.isDisabled()).toBe(true)
  await dialog.getByLabel('再输一遍会员号').fill('demo-m1')
  await settle(page)
  await photograph(page, 'settings-privacy-erase-1280')
  await deed.click()
  await page.getByText('已删除 demo-m1 的个人资料。').waitFor()
  await find('demo-m1')
  await page.getByText(/个人资料已于 \d{4}-\d\d-\d\d 删除/).waitFor()
  expect(await page.getByText('示例会员').count()).toBe(0)
  expect(await page.getByRole('button', { name: '删除个人资料' }).count()).toBe(0)
})

describe('every section at both widths', () => {
  test.each([
    ['questionnaire', '加一个问题', 'Add a question'],
    ['binding', '现在的规则', 'Protected for'],
    ['visibility', '谁能看客户的完整手机号', 'Who sees whole phone numbers'],
    ['messages', '消息太多时合并', 'Quiet hours'],
    ['brand', '数据保存多久', 'How long data is kept'],
    ['privacy', '访客标识保存（天）', 'Visitor ids (days)'],
    ['doctor', '企业微信应用已配置', 'The WeCom app is set up'],
  ])('%s', async (section, zh, en) => {
    for (const [width, language] of VIEWS) {
      const opened = await stage.open('demo-hq', `/settings?section=${section}`, { width, language })
      await opened.page
        .getByText(language === 'zh' ? zh : en)
        .first()
        .waitFor()
      await settle(opened.page)
      await photograph(opened.page, `settings-${section}-${width}`)
      await expectSound(opened)
    }
  })
})
