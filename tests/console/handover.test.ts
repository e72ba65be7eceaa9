import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { planSync, syncStep } from '../../server/features/mirror/sync.ts'
import type { MirrorDependencies } from '../../server/features/mirror/service.ts'
import type { Transfer } from '../../server/features/transfers/schema.ts'
import { transferStep } from '../../server/features/transfers/service.ts'
import { createVault } from '../../server/lib/vault.ts'
import { tell } from '../support/people.ts'
import { startTestWecom, type TestWecom } from '../support/wecom.ts'
import { expectSound, photograph, settle, startConsoleStage, type ConsoleStage } from './support.ts'

/** A handover as headquarters does it in the console, with the real service and WeCom's simulator behind. */

const SINCE = '2025-01-01T00:00:00+08:00'
const LINKED = '2025-02-01T00:00:00+08:00'
const HOUR_MS = 3_600_000
const customers = ['wm-1', 'wm-2', 'wm-3']

let wecom: TestWecom
let stage: ConsoleStage
let dependencies: MirrorDependencies
let aheadMs = 0
const now = () => Date.now() + aheadMs

beforeAll(async () => {
  wecom = await startTestWecom({
    now,
    staff: ['demo-1', 'demo-2', 'demo-hq'],
    customers: customers.map(externalUserid => ({
      name: `示例顾客 ${externalUserid}`,
      externalUserid,
      follows: [{ userid: 'demo-1' }],
    })),
    groupChats: [{ chatId: 'wr-1', name: '示例群', owner: 'demo-1', customers: [] }],
  })
  // The browser asks the service where it listens; WeCom knows it by its public address.
  stage = await startConsoleStage({ env: wecom.env, now })
  const { service } = stage
  await tell(service, {
    stores: [{ storeCode: 'S-JA', name: '静安示例店', type: 'direct' }],
    associates: [
      { associateId: 'demo-hq', name: '示例总部', kind: 'office', role: 'headquarters', activeFrom: SINCE },
      { associateId: 'demo-1', name: '示例一', storeCode: 'S-JA', activeFrom: SINCE },
      { associateId: 'demo-2', name: '示例二', storeCode: 'S-JA', activeFrom: SINCE },
    ],
    identities: customers.map((value, i) => ({ kind: 'external_userid', value, memberNo: `m-${i}`, at: LINKED })),
    'member-assignments': customers.map((_, i) => ({
      memberNo: `m-${i}`,
      from: LINKED,
      attributedAssociate: 'demo-1',
    })),
  })
  const { pool, settings } = service
  dependencies = {
    pool,
    vault: createVault(settings.dataKey),
    publicUrl: settings.publicUrl,
    wecom: service.app.wecom!,
    brandId: 1,
    now,
  }
  await planSync(pool, { brandId: 1, now: now() })
  const leaseId = randomUUID()
  while ((await syncStep(dependencies, { leaseId })) === 'worked');
}, 120_000)
afterEach(() => stage.clear())
afterAll(async () => {
  await stage.close()
  await wecom.close()
})

const carryOn = async (ms = 0) => {
  aheadMs += ms
  while (await transferStep(dependencies));
}
const holders = async () =>
  (
    await stage.service.pool<{ associateId: string | null }[]>`
      SELECT DISTINCT ON (member_no) attributed_associate AS "associateId"
      FROM member_assignments WHERE brand_id = 1 ORDER BY member_no, from_at DESC`
  ).map(row => row.associateId)

test('is begun, refused by one, asked for once more, done, and undone', async () => {
  const opened = await stage.open('demo-hq', '/handover?begin=demo-1')
  const { page } = opened
  await page.getByRole('dialog').getByText('示例一 · demo-1').waitFor()
  await page.getByRole('combobox', { name: '接手导购' }).click()
  await page.getByRole('option', { name: '示例二' }).click()
  await page.getByLabel('原因').fill('调店')
  await page.getByRole('button', { name: '下一步' }).click()
  await page.getByText('原来归属 示例一 · demo-1 的会员改归 示例二 · demo-2').waitFor()
  await page.getByRole('button', { name: '确认，开始交接' }).click()
  await page.getByRole('heading', { name: '示例一 → 示例二' }).waitFor()
  const { items } = await stage.service.get<{ items: Transfer[] }>('/transfers')
  expect(items).toMatchObject([{ fromAssociate: 'demo-1', toAssociate: 'demo-2', reason: '调店', madeBy: 'demo-hq' }])

  await carryOn()
  wecom.world.transfers.refuse('wm-2')
  await carryOn(12 * 60_000)
  await page.reload()
  await page.getByText('有 1 个没有成功').waitFor()
  await settle(page)
  await photograph(page, 'handover-real-1280')
  await expectSound(opened)
  await page.getByRole('button', { name: '再申请一次' }).click()
  await page.getByText('已重新申请 1 个。').waitFor()
  await carryOn()
  await carryOn(25 * HOUR_MS)
  await stage.service.settled()
  expect(await holders()).toEqual(['demo-2', 'demo-2', 'demo-2'])

  await page.goto(`${stage.url}/console/#/handover`)
  await page.reload()
  await page.getByRole('heading', { name: '示例一 → 示例二' }).waitFor()
  await page.getByText('调店 · 示例总部').waitFor()
  await page.getByText('已结束').waitFor()
  await page.getByRole('link', { name: '逐个看' }).click()
  await page.getByRole('button', { name: '撤销归属' }).click()
  await page.getByLabel('撤销原因').fill('弄错了')
  await page.getByRole('button', { name: '撤销归属' }).click()
  await page.getByText('3 位会员已回到原导购').waitFor()
  expect(await holders()).toEqual(['demo-1', 'demo-1', 'demo-1'])
  await page.getByText('已撤销 · 弄错了').waitFor()
})
