import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { readOwnCoupons } from '../../server/features/coupons/service.ts'
import { sharePicture } from '../../server/features/materials/service.ts'
import { createObjectStore, signedHeaders } from '../../server/lib/object-store.ts'
import { drawPng } from '../../server/lib/png.ts'
import { brand, standardPlan } from '../builders/brand.ts'
import { personAt, tell } from '../support/people.ts'
import { expectSound, photograph, settle, startConsoleStage, type ConsoleStage, type Opened } from './support.ts'

/** Materials, the content calendar and coupons, played on the real service whose pictures lie in a bucket. */

const PLACE = { region: 'test-1', accessKeyId: 'test-key', secretAccessKey: 'test-secret' }
const bucket = new Map<string, { type: string; bytes: Buffer }>()
let storage: Server
let stage: ConsoleStage

/** A bucket that believes only requests that are signed as S3 wants it. */
function startBucket(): Promise<string> {
  storage = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const bytes = Buffer.concat(parts)
      const type = request.headers['content-type']
      const time = String(request.headers['x-amz-date']).replace(/^(\d{4})(..)(..T..)(..)(..)Z$/, '$1-$2-$3:$4:$5Z')
      const expected = signedHeaders(PLACE, {
        method: request.method!,
        url: new URL(`http://${request.headers.host}${request.url}`),
        headers: type === undefined ? {} : { 'content-type': type },
        body: bytes,
        now: Date.parse(time),
      })
      const key = request.url!.replace('/pictures-test/', '')
      const found = bucket.get(key)
      if (request.headers.authorization !== expected['authorization']) response.writeHead(403).end()
      else if (request.method === 'PUT') {
        bucket.set(key, { type: type ?? '', bytes })
        response.end()
      } else if (found) response.end(found.bytes)
      else response.writeHead(404).end()
    })
  })
  return new Promise(resolve => {
    storage.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(storage.address() as AddressInfo).port}`))
  })
}

const day = (offset: number) => new Date(Date.now() + 8 * 3_600_000 + offset * 86_400_000).toISOString().slice(0, 10)
const inDays = (offset: number) => new Date(Date.now() + offset * 86_400_000).toISOString()
const materials = () => stage.service.get<{ items: Record<string, unknown>[] }>('/materials').then(page => page.items)
const posts = () => stage.service.get<{ items: Record<string, unknown>[] }>('/posts').then(page => page.items)

beforeAll(async () => {
  const endpoint = await startBucket()
  stage = await startConsoleStage({
    env: {
      S3_ENDPOINT: endpoint,
      S3_BUCKET: 'pictures-test',
      S3_REGION: PLACE.region,
      S3_ACCESS_KEY_ID: PLACE.accessKeyId,
      S3_SECRET_ACCESS_KEY: PLACE.secretAccessKey,
    },
  })
  const { service } = stage
  await tell(service, {
    ...brand,
    products: [{ sku: 'k1', name: '羊毛大衣', priceFen: 100_000 }],
    members: [{ memberNo: 'm1', name: '顾客一' }],
    coupons: [{ couponCode: 'C-100', name: '满 1000 减 100', kind: 'amount', amountFen: 10_000, minimumFen: 100_000 }],
    'share-links': [
      { linkCode: 'L1', associateId: 'a1', storeCode: 'S1', target: { kind: 'product', ref: 'k1' }, channel: 'single_chat', createdAt: inDays(-3) },
      { linkCode: 'L2', associateId: 'a1', storeCode: 'S1', target: { kind: 'coupon', ref: 'C-100' }, channel: 'moments', createdAt: inDays(-3) },
    ],
  }) // prettier-ignore
  await service.post('/plans', standardPlan)
  const order = { source: 'mall', orderNo: 'o1', channel: 'online', memberNo: 'm1', paidAt: inDays(-1) }
  await tell(service, {
    touches: [{ touchId: 't1', linkCode: 'L1', at: inDays(-2), kind: 'click', memberNo: 'm1' }],
    orders: [{ ...order, lines: [{ lineNo: 1, sku: 'k1', quantity: 1, paidFen: 90_000 }] }],
    'coupon-events': [
      { eventId: 'e1', couponCode: 'C-100', kind: 'claimed', memberNo: 'm1', at: inDays(-2), linkCode: 'L2' },
      { eventId: 'e2', couponCode: 'C-100', kind: 'redeemed', memberNo: 'm1', at: inDays(-1), orderNo: 'o1', source: 'mall' },
    ],
  }) // prettier-ignore
  await service.settled()
  const laidOut = [
    { kind: 'product', ref: 'k1', title: '羊毛大衣到店', text: '软糯不扎', campaign: '当季新品', category: '外套' },
    { kind: 'article', title: '大衣怎么洗', category: '护理', validTo: inDays(-1) },
    { kind: 'coupon', ref: 'C-100', title: '满减券', storeCodes: ['S1'], validFrom: inDays(5) },
  ]
  for (const body of laidOut) expect(await service.post('/materials', body)).toMatchObject({ status: 201 })
  const shown = { from: '10:00', to: '12:00', places: ['moments'] }
  for (const body of [
    { ...shown, day: day(0), text: '今天降温，多穿一件' },
    { ...shown, day: day(0), text: '只给徐汇店', storeCodes: ['S2'], places: ['single_chat'] },
  ]) {
    expect(await service.post('/posts', body)).toMatchObject({ status: 201 })
  }
}, 120_000)
afterEach(() => stage.clear())
afterAll(async () => {
  await stage?.close()
  storage?.close()
})

/** Each page once as headquarters has it, and once on a phone as an auditor does. */
async function seen(hash: string, name: string, texts: { zh: string; en: string }): Promise<void> {
  for (const [who, width, language] of [
    ['boss', 1280, 'zh'],
    ['auditor', 390, 'en'],
  ] as const) {
    const opened = await stage.open(who, hash, { width, language })
    await opened.page.getByText(texts[language]).first().waitFor()
    await settle(opened.page)
    await expectSound(opened)
    await photograph(opened.page, `${name}-${width}-${language}`)
    if (who === 'auditor') expect(await opened.page.getByRole('button', { name: /^New / }).count()).toBe(0)
  }
}

/** Says what is in the way where something does not come. */
const settled = ({ page }: Opened) => settle(page)

test('requests are signed as Amazon’s own examples are', () => {
  const { authorization } = signedHeaders(
    { region: 'us-east-1', accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
    {
      method: 'GET',
      url: new URL('https://examplebucket.s3.amazonaws.com/test.txt'),
      headers: { range: 'bytes=0-9' },
      body: new Uint8Array(),
      now: Date.parse('2013-05-24T00:00:00Z'),
    },
  ) // prettier-ignore
  expect(authorization).toContain('Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41')
})

test('what is not in the bucket is told apart from a bucket that cannot be reached', async () => {
  const endpoint = `http://127.0.0.1:${(storage.address() as AddressInfo).port}`
  const store = createObjectStore({ ...PLACE, endpoint, bucket: 'pictures-test' })
  expect(await store.get('nothing')).toBeNull()
  await expect(createObjectStore({ ...PLACE, endpoint, bucket: 'pictures-test', secretAccessKey: 'x' }).get('nothing')).rejects.toThrow('403') // prettier-ignore
})

test('materials: how each does, and whom it is for', async () => {
  await seen('/materials', 'materials', { zh: '羊毛大衣到店', en: '羊毛大衣到店' })
  const { page } = await stage.open('boss', '/materials?campaign=当季新品')
  const card = page.locator('.material', { hasText: '羊毛大衣到店' })
  await card.getByText('¥900.00').waitFor()
  expect(await card.locator('dd').allTextContents()).toEqual(['1', '1', '1', '¥900.00'])
  expect(await page.locator('.material').count()).toBe(1)
  await page.getByLabel('状态').selectOption('over')
  await page.getByText('没有符合条件的素材').waitFor()
})

test('a material is made with a large picture, seen by associates of its stores, archived and brought back', async () => {
  const opened = await stage.open('boss', '/materials')
  const { page } = opened
  await page.getByRole('button', { name: '新建素材' }).click()
  const drawer = page.getByRole('dialog')
  await drawer.getByLabel('类型').selectOption('activity')
  await drawer.getByLabel('标题').fill('周末护理')
  await drawer.getByLabel('文案').fill('到店免费蒸汽护理')
  const large = drawPng(1600, 1200, (x, y) => [(x * 7) % 256, (y * 5) % 256, 120])
  await drawer.locator('input[type=file]').setInputFiles([
    { name: 'large.png', mimeType: 'image/png', buffer: large },
    { name: 'broken.png', mimeType: 'image/png', buffer: Buffer.from('no picture') },
  ])
  await drawer.getByText('这不是能读的图片').waitFor()
  await drawer.locator('.pictures-list img').waitFor()
  await drawer.getByText('导购看到的样子').scrollIntoViewIfNeeded()
  await settled(opened)
  await expectSound(opened)
  await photograph(page, 'material-form')
  await drawer.getByRole('button', { name: '保存' }).click()
  await drawer.waitFor({ state: 'detached' })
  await page.getByText('周末护理').waitFor()

  const made = (await materials()).find(one => one['title'] === '周末护理')!
  const [picture] = made['pictures'] as string[]
  const [file] = [...bucket.values()]
  expect(file!.type).toBe('image/jpeg')
  const answer = await stage.service.app.inject({ method: 'GET', url: picture! })
  expect(answer.headers['content-type']).toBe('image/jpeg')
  expect(answer.rawPayload.equals(file!.bytes)).toBe(true)
  const rows = await stage.service.pool<{ width: number; height: number; bytes: null }[]>`
    SELECT width, height, bytes FROM pictures`
  expect(rows).toEqual([{ width: 1440, height: 1080, bytes: null }])

  await page.getByRole('button', { name: '周末护理' }).click()
  await page.getByRole('button', { name: '下架' }).click()
  await page.getByText('导购马上看不到它').waitFor()
  await page.getByRole('dialog').last().getByRole('button', { name: '下架' }).click()
  await page.getByRole('dialog').first().waitFor({ state: 'detached' })
  expect((await materials()).map(one => one['title'])).not.toContain('周末护理')
  await page.getByLabel('状态').selectOption('archived')
  await page.getByRole('button', { name: '周末护理' }).click()
  await page.getByRole('button', { name: '恢复上架' }).click()
  await page.getByText('没有符合条件的素材').waitFor()
  expect((await materials()).map(one => one['title'])).toContain('周末护理')
})

test('the calendar: an entry is made, moved by keyboard, and read by a manager whose store it is for', async () => {
  await seen('/calendar', 'calendar', { zh: '今天降温，多穿一件', en: '今天降温，多穿一件' })
  const opened = await stage.open('boss', `/calendar?view=week&day=${day(0)}`)
  const { page } = opened
  await page.getByRole('button', { name: '新建内容' }).click()
  const drawer = page.getByRole('dialog')
  await drawer.getByLabel('从几点').fill('09:30')
  await drawer.getByLabel('怎么发').selectOption('group_message')
  await drawer.getByText('写点文案').waitFor()
  expect(await drawer.getByRole('checkbox', { name: '朋友圈' }).count()).toBe(0)
  await drawer.getByLabel('文案').fill('周末见')
  await drawer.locator('section.pictures').evaluate((target, base64) => {
    const bytes = Uint8Array.from(atob(base64), character => character.charCodeAt(0))
    const data = new DataTransfer()
    data.items.add(new File([bytes], 'pasted.png', { type: 'image/png' }))
    target.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
  }, sharePicture.toString('base64'))
  await drawer.locator('.pictures-list img').waitFor()
  await settled(opened)
  await photograph(page, 'post-form')
  await drawer.getByRole('button', { name: '保存' }).click()
  await drawer.waitFor({ state: 'detached' })
  const entry = page.locator('.calendar-post', { hasText: '周末见' })
  await entry.waitFor()
  const before = (await posts()).find(one => one['text'] === '周末见')!
  expect(before).toMatchObject({ from: '09:30', via: 'group_message', places: ['single_chat'], pictures: [expect.stringContaining('/api/v1/pictures/1-')] }) // prettier-ignore
  await entry.focus()
  await page.keyboard.press('Alt+ArrowDown')
  await page.getByText('已移到').waitFor()
  const week = new Date(Date.parse(`${String(before['day'])}T00:00:00Z`) + 7 * 86_400_000).toISOString().slice(0, 10)
  expect((await posts()).find(one => one['text'] === '周末见')).toMatchObject({ ...before, day: week, changedAt: expect.any(String) }) // prettier-ignore

  const other = await stage.open('manager1', '/calendar', { width: 390 })
  await other.page.getByText('今天降温，多穿一件').click()
  await other.page.getByText('静安店').waitFor()
  await settled(other)
  await expectSound(other)
  await photograph(other.page, 'post-results')
  expect(await other.page.getByText('徐汇店').count()).toBe(0)
  expect(await other.page.getByText('只给徐汇店').count()).toBe(0)
})

test('coupons: what came of them, and one that only some stores hand out', async () => {
  await seen('/coupons', 'coupons', { zh: '满 1000 减 100', en: 'from ¥1,000.00' })
  const { page } = await stage.open('boss', '/coupons')
  const row = page.locator('tr', { hasText: 'C-100' })
  expect((await row.locator('td.figure').allTextContents()).slice(1)).toEqual(['0', '1', '1', '¥900.00'])
  await page.getByRole('button', { name: '新建优惠券' }).click()
  const drawer = page.getByRole('dialog')
  await drawer.getByLabel('券编号').fill('C-85')
  await drawer.getByLabel('券名').fill('徐汇八五折')
  await drawer.getByLabel('类型').selectOption('discount')
  await drawer.getByLabel('打几折').fill('8.5')
  await drawer.getByLabel('指定门店').check()
  await drawer.getByLabel('门店', { exact: true }).last().fill('S2')
  await page.getByRole('option', { name: '徐汇店' }).click()
  // The list of stores closes.
  await drawer.getByLabel('券名').click()
  await photograph(page, 'coupon-form')
  await drawer.getByRole('button', { name: '保存' }).click()
  await page.getByText('已保存 徐汇八五折').waitFor()
  const { items } = await stage.service.get<{ items: Record<string, unknown>[] }>('/coupons?q=C-85')
  expect(items).toMatchObject([{ kind: 'discount', discountBps: 8500, storeCodes: ['S2'], amountFen: null }])
  const namesFor = async (associateId: string) => {
    const caller = await personAt(stage.service, associateId, Date.now())
    return (await readOwnCoupons(stage.service.pool, caller, { query: {}, now: Date.now() })).items.map(one => one.name)
  }
  expect(await namesFor('a1')).toEqual(['满 1000 减 100'])
  expect(await namesFor('a3')).toEqual(['徐汇八五折', '满 1000 减 100'].sort())
})
