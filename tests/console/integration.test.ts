import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openRunLog } from '../../server/features/imports/runs/service.ts'
import type { Reject } from '../../server/features/ingest/schema.ts'
import type { ApiKey } from '../../server/features/keys/schema.ts'
import { planSync, syncStep } from '../../server/features/mirror/sync.ts'
import { buildGate } from '../../server/features/webhooks/service.ts'
import type { Delivery, Webhook } from '../../server/features/webhooks/schema.ts'
import { createVault } from '../../server/lib/vault.ts'
import type { Worker } from '../../server/workers/loop.ts'
import { startWebhookWorker } from '../../server/workers/webhooks.ts'
import { associateItem, orderItem, storeItem } from '../builders/items.ts'
import { startReceiver, type Receiver } from '../support/receiver.ts'
import { startTestWecom, type TestWecom } from '../support/wecom.ts'
import { expectSound, photograph, settle, startConsoleStage, type ConsoleStage, type Opened, VIEWS } from './support.ts'

/** How other systems are connected, from the console, with a receiver that listens. */

const TABS = ['keys', 'webhooks', 'intake', 'rejects', 'imports', 'wecom'] as const
let stage: ConsoleStage
let wecom: TestWecom
let receiver: Receiver
let worker: Worker
const errors: unknown[] = []

beforeAll(async () => {
  receiver = await startReceiver()
  wecom = await startTestWecom({ staff: ['boss', 'A1'], customers: [{ name: '示例顾客', externalUserid: 'wm1', unionid: 'u1', follows: [{ userid: 'A1' }] }] }) // prettier-ignore
  stage = await startConsoleStage({ env: { ...wecom.env, WEBHOOK_PRIVATE_HOSTS: receiver.host } })
  const { service } = stage
  const { pool, settings } = service
  const vault = createVault(settings.dataKey)
  const gate = buildGate({ privateHosts: settings.webhookPrivateHosts })
  worker = startWebhookWorker({ pool, vault, gate, now: Date.now, onError: error => errors.push(error) })
  await service.ingest('stores', [storeItem({ name: '示例一店' })])
  await service.ingest('associates', [
    associateItem({ associateId: 'boss', name: '示例总部', role: 'headquarters', kind: 'office', storeCode: null }),
    associateItem({ associateId: 'audit', name: '示例审计', role: 'auditor', kind: 'office', storeCode: null }),
    associateItem({ associateId: 'A1', name: '导购甲' }),
    associateItem({ associateId: 'owner', name: '示例加盟商', role: 'franchisee', franchiseeId: 'F1' }),
  ])
  const order = (orderNo: string, over: object) => orderItem({ source: 'mall', orderNo, ...over })
  await service.ingest('orders', [
    order('T-1', {}),
    order('T-2', { sellingStore: 'S77', phone: '13812345678' }),
    order('T-3', { sellingStore: 'S77' }),
  ])
  const run = await openRunLog(pool, { brandId: 1, kind: 'orders', file: '/srv/2025 年订单.csv', now: Date.now })
  run.note({ line: 1200, bytesRead: 1, bytesTotal: 2, counts: { created: 1100, updated: 0, unchanged: 60, rejected: 40, rejectedLines: 40 } }) // prettier-ignore
  await run.end('interrupted')
  await openRunLog(pool, { brandId: 1, kind: 'members', file: 'members.csv', now: Date.now })
  const mirror = { pool, vault, publicUrl: settings.publicUrl, brandId: 1, wecom: service.app.wecom!, now: Date.now }
  await planSync(pool, { brandId: 1, now: Date.now() })
  const leaseId = randomUUID()
  while ((await syncStep(mirror, { leaseId })) === 'worked');
  await pool`
    INSERT INTO wecom_inbox (brand_id, message_id, dedupe_key, event, lane, content_encrypted, at, received_at, status, tries,
      due_at, reason, finished_at)
    VALUES (1, ${randomUUID()}, 'x', 'change_external_contact/add_external_contact', 'wm9', ${vault.encrypt('{}')}, now(),
      now(), 'set_aside', 5, now(), 'WecomError: 84061 not external contact', now())`
})
afterAll(async () => {
  await worker.stop()
  await stage.close()
  await Promise.all([wecom.close(), receiver.close()])
  expect(errors).toEqual([])
})
afterEach(() => stage.clear())

const goTo = async ({ page }: Opened, hash: string) => {
  await page.evaluate(to => (location.hash = to), hash)
  await page.locator('.card').first().waitFor()
  await settle(page)
}
const keys = async () => (await stage.service.get<{ items: ApiKey[] }>('/keys')).items
const webhooks = async () => (await stage.service.get<{ items: Webhook[] }>('/webhooks')).items
const deliveries = async () => (await stage.service.get<{ items: Delivery[] }>('/webhook-deliveries')).items

describe('keys', () => {
  test('one is made, shown once, works, and is revoked', async () => {
    const { page } = await stage.open('boss', '/integration/keys')
    await page.getByText('还没有密钥').waitFor()
    await page.getByRole('button', { name: '新建密钥' }).click()
    await page.getByLabel('用在哪里').fill('静安店收银')
    await page.getByRole('button', { name: '生成密钥' }).click()
    await page.getByText('密钥只显示这一次').waitFor()
    const key = (await page.locator('.el-drawer .written').textContent())!.trim()
    await photograph(page, 'integration-key-once')
    const answer = await stage.service.app.inject({
      url: '/api/v1/orders',
      headers: { authorization: `Bearer ${key}` },
    })
    expect(answer.statusCode).toBe(200)
    await page.getByRole('button', { name: '我已保存好' }).click()
    await page.getByText('上次使用').waitFor()
    expect(await keys()).toMatchObject([{ name: '静安店收银', scopes: ['ingest', 'read'], createdBy: 'boss' }])
    await page.getByRole('button', { name: '停用' }).click()
    await page.getByText('还在使用').waitFor()
    await settle(page)
    await photograph(page, 'integration-key-revoke')
    await page.locator('.el-drawer').getByRole('button', { name: '停用' }).click()
    await page.getByText('已停用').waitFor()
    expect((await keys())[0]!.revokedAt).not.toBeNull()
  })
})

describe('webhooks', () => {
  test('an address is refused, another is told, tried out, paused, sent again and removed', async () => {
    const opened = await stage.open('boss', '/integration/webhooks')
    const { page } = opened
    const drawer = page.locator('.el-drawer')
    await page.getByRole('button', { name: '新建推送' }).click()
    await drawer.getByLabel('接收地址').fill('https://169.254.169.254/latest')
    await drawer.getByRole('button', { name: '创建' }).click()
    await drawer.getByText('这个地址不能用').waitFor()
    await drawer.getByLabel('接收地址').fill(receiver.url)
    await drawer.getByRole('button', { name: '创建' }).click()
    await drawer.getByText('签名密钥只显示这一次').waitFor()
    expect(await drawer.locator('.written').textContent()).toMatch(/^whsec_/)
    await drawer.getByRole('button', { name: '我已保存好' }).click()
    receiver.answer = 500
    await page.getByRole('button', { name: '发一条测试' }).click()
    await expect.poll(async () => (await deliveries())[0]?.answerCode, { timeout: 5000 }).toBe(500)
    await page.reload()
    await page.getByText('对方回答 500').waitFor()
    await settle(page)
    await photograph(page, 'integration-webhook-failing')
    receiver.answer = 204
    await page.getByRole('button', { name: '查看' }).click()
    await drawer.getByText('发送的内容').waitFor()
    await settle(page)
    await expectSound(opened)
    await photograph(page, 'integration-delivery')
    await drawer.getByRole('button', { name: '再送一次' }).click()
    await drawer.getByText('已排队').waitFor()
    await expect.poll(async () => (await deliveries())[0]!.status, { timeout: 5000 }).toBe('delivered')
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: '补发一段时间' }).click()
    await drawer.getByRole('button', { name: '补发' }).click()
    await page.getByText('已安排补发 1 条').waitFor()
    await expect.poll(() => receiver.received.length, { timeout: 5000 }).toBe(3)
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    await page.getByRole('button', { name: '暂停' }).click()
    await drawer.getByRole('button', { name: '暂停' }).click()
    await page.getByRole('button', { name: '恢复' }).waitFor()
    expect(await webhooks()).toMatchObject([{ active: false }])
    await page.getByRole('button', { name: '恢复' }).click()
    await page.getByRole('button', { name: '暂停' }).waitFor()
    expect(await webhooks()).toMatchObject([{ active: true }])
    await page.getByRole('button', { name: '删除' }).click()
    await drawer.getByRole('button', { name: '删除' }).click()
    await page.getByText('还没有推送').waitFor()
    expect(await webhooks()).toEqual([])
  })
})

describe('what came in', () => {
  test('what was refused is looked at, filled in where it was masked, and sent again', async () => {
    const opened = await stage.open('boss', '/integration/intake')
    const { page } = opened
    await page
      .getByRole('row', { name: /订单 mall/ })
      .getByRole('link', { name: '2' })
      .click()
    await page.getByRole('button', { name: '查看 mall/T-2' }).click()
    const drawer = page.locator('.el-drawer')
    const text = drawer.getByLabel('改正后再发送')
    await drawer.getByText('这些内容被遮住').waitFor()
    await settle(page)
    await expectSound(opened)
    await photograph(page, 'integration-reject')
    const kept = (await text.inputValue()).replace('S77', 'S1')
    await text.fill(kept)
    await drawer.getByRole('button', { name: '再发送' }).click()
    await drawer.getByRole('alert').waitFor()
    await text.fill(kept.replace(/"phone": "[^"]*"/, '"phone": "13812345678"'))
    await drawer.getByRole('button', { name: '再发送' }).click()
    await drawer.getByText('已收下。').waitFor()
    const { items } = await stage.service.get<{ items: Reject[] }>('/rejected-items?resent=true')
    expect(items).toMatchObject([{ itemKey: 'mall/T-2', resentBy: 'boss' }])
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: '查看 mall/T-3' }).click()
    await drawer.getByRole('button', { name: '再发送' }).click()
    await drawer.getByText('还是没有收下：门店不存在').waitFor()
  })

  test('a callback that was set aside is tried again', async () => {
    const { page } = await stage.open('boss', '/integration/wecom')
    await page.getByRole('button', { name: '再试一次' }).click()
    await page.getByText('已重新排队').waitFor()
    const { items } = await stage.service.get<{ items: { status: string }[] }>('/wecom/callbacks')
    expect(items).toMatchObject([{ status: 'waiting' }])
    await stage.service.pool`UPDATE wecom_inbox SET status = 'set_aside' WHERE brand_id = 1`
  })
})

describe('the pages', () => {
  test.each(VIEWS)('at %i px in %s: sound, each of them', async (width, language) => {
    if ((await webhooks()).length === 0) {
      await stage.service.post('/webhooks', { url: receiver.url, events: ['entitlement.changed', 'dispute.decided'] })
      const [webhook] = await webhooks()
      for (const answer of [204, 302]) {
        receiver.answer = answer
        const before = receiver.received.length
        await stage.service.post(`/webhooks/${webhook!.webhookId}/test`, {})
        await expect.poll(() => receiver.received.length, { timeout: 5000 }).toBe(before + 1)
      }
      await stage.service.post('/keys', { name: 'mall', scopes: ['ingest', 'admin'] })
    }
    const opened = await stage.open('boss', '/integration', { width, language })
    for (const tab of TABS) {
      await goTo(opened, `/integration/${tab}`)
      await expectSound(opened)
      await photograph(opened.page, `integration-${tab}-${width}-${language}`)
    }
  })

  test('an auditor sees and changes nothing; a franchisee has none of it', async () => {
    const opened = await stage.open('audit', '/integration')
    const { page } = opened
    await goTo(opened, '/integration/webhooks')
    expect(await page.getByRole('link', { name: '密钥' }).count()).toBe(0)
    expect(await page.getByRole('button', { name: '新建推送' }).count()).toBe(0)
    expect(await page.getByRole('button', { name: '删除' }).count()).toBe(0)
    await goTo(opened, '/integration/rejects')
    await page.getByRole('button', { name: /查看/ }).first().click()
    await page.locator('.el-drawer .written').waitFor()
    expect(await page.getByRole('button', { name: '再发送' }).count()).toBe(0)
    await goTo(opened, '/integration/wecom')
    await page.getByText('只有总部可以看').waitFor()
    const owner = await stage.open('owner', '/community')
    expect(await owner.page.getByRole('link', { name: '系统对接' }).count()).toBe(0)
  })
})
