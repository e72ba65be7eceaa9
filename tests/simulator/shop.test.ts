import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startSimulator } from '../../simulator/listen.ts'
import { Shop, findAddress, type ShopDescription } from '../../simulator/shop.ts'
import { createWorld, type MessageBody, type World } from '../../simulator/world.ts'
import { startStubService, type StubService } from './stub-service.ts'
import { smallCorp } from './world.ts'

const description: ShopDescription = {
  miniProgram: { appId: 'wx0000000000000001', name: '演示商城' },
  products: [
    { sku: 'SKU-1', name: '演示大衣', priceFen: 159_900, listFen: 199_900, category: '羊毛大衣' },
    { sku: 'SKU-12', name: '演示围巾', priceFen: 45_900 },
  ],
  stores: [{ storeCode: 'S1', name: '演示·上海静安店', associates: ['demo-a01', 'demo-a02'] }],
}

let world: World
let service: StubService
let shop: Shop
beforeEach(async () => {
  world = createWorld(smallCorp)
  service = await startStubService(world)
  shop = new Shop({ world, service: { url: service.url, apiKey: 'key' }, shop: description })
})
afterEach(() => service.close())

function receive(body: MessageBody, customer = 'wmDemoGold'): string {
  return world.say(`single:demo-a02:${customer}`, { kind: 'staff', id: 'demo-a02' }, body).messageId
}
const link = (url: string): MessageBody => ({ kind: 'link', title: '演示', description: '', imageUrl: '', url })
const card = (page: string): MessageBody => ({ kind: 'mini_program', appId: 'wx', title: '演示', imageUrl: '', page })
const sent = (call: string) => service.received.filter(each => each.call === call).flatMap(each => each.items)

describe('a link', () => {
  it('opens as in a browser that keeps its cookie, and leads to the product', async () => {
    const { page } = await shop.open('wmDemoGold', receive(link(`${service.url}/s/abc`)))
    expect(page).toEqual({ kind: 'product', sku: 'SKU-1', shareCode: 'abc', sharedBy: 'demo-a02' })
    await shop.open('wmDemoGold', receive({ kind: 'text', text: `看看这件 ${service.url}/s/abc。` }))
    expect(service.visits).toMatchObject([
      { code: 'abc', cookie: undefined },
      { code: 'abc', cookie: 'daogou_visitor=stub-visitor' },
    ])
    expect(service.visits[0]?.userAgent).toContain('MicroMessenger')
  })

  it('is no touch of ours: the service counts the click itself; a member is told once', async () => {
    const messageId = receive(link(`${service.url}/s/abc`))
    await shop.open('wmDemoGold', messageId)
    await shop.open('wmDemoGold', messageId)
    expect(sent('touches')).toEqual([])
    expect(sent('identities').map(({ kind, value, memberNo }) => [kind, value, memberNo])).toEqual([
      ['unionid', 'oDemoGold', 'D-M00001'],
      ['openid', world.customerOf('wmDemoGold').openid, 'D-M00001'],
      ['visitor', 'stub-visitor', 'D-M00001'],
    ])
  })

  it('that leads to a URL link opens the mini program, which tells of the visit by the share', async () => {
    const made = { appId: 'wx', ticket: 'mini', path: 'pages/product/index', query: 'sku=SKU-12&dg=abc' }
    world.wechat.links.set('mini', { ...made, expiresAt: world.now() + 60_000 })
    const { page } = await shop.open('wmDemoGold', receive(link(`${service.url}/s/mini`)))
    expect(page).toEqual({ kind: 'product', sku: 'SKU-12', shareCode: 'abc', sharedBy: 'demo-a02' })
    expect(sent('touches')).toMatchObject([{ kind: 'visit', linkCode: 'abc', unionid: 'oDemoGold' }])
  })

  it('that is gone says so', async () => {
    const { page, steps } = await shop.open('wmDemoGold', receive(link(`${service.url}/s/gone`)))
    expect(page).toEqual({ kind: 'gone', title: '这个链接已失效', detail: 'HTTP 410' })
    expect(steps).toMatchObject([{ what: 'GET /s/gone', isRefused: true }])
  })

  it('to anywhere else is not followed', async () => {
    const { page } = await shop.open('wmDemoGold', receive(link('https://elsewhere.example/x')))
    expect(page).toMatchObject({ kind: 'gone', title: '外部网页' })
    expect(service.visits).toEqual([])
  })
})

describe('a card', () => {
  it('opens in the mini program, which reports who came by which code', async () => {
    const { page } = await shop.open(
      'wmDemoStranger',
      receive(card('pages/a.html?sku=SKU-12&dg=xyz'), 'wmDemoStranger'),
    )
    expect(page).toEqual({ kind: 'product', sku: 'SKU-12', shareCode: 'xyz', sharedBy: 'demo-a02' })
    const { unionid, openid } = world.customerOf('wmDemoStranger')
    expect(sent('touches')).toMatchObject([
      { linkCode: 'xyz', kind: 'click', unionid, openid, channel: 'single_chat', page: { ref: 'SKU-12' } },
    ])
    expect(sent('touches')[0]).not.toHaveProperty('memberNo')
    expect(sent('identities')).toEqual([])
    expect(service.visits).toEqual([])
  })

  it('without .html behind its path opens nothing', async () => {
    const { page } = await shop.open('wmDemoGold', receive(card('pages/a?sku=SKU-1&dg=xyz')))
    expect(page).toMatchObject({ kind: 'gone', title: '页面不存在' })
    expect(sent('touches')).toEqual([])
  })
})

describe('the shop', () => {
  it('sells online with the code that was opened', async () => {
    await shop.buyOnline('wmDemoGold', { sku: 'SKU-1', quantity: 2, shareCode: 'abc' })
    expect(sent('orders')).toMatchObject([
      {
        source: 'sim-mall',
        channel: 'online',
        unionid: 'oDemoGold',
        memberNo: 'D-M00001',
        shareCode: 'abc',
        lines: [{ lineNo: 1, sku: 'SKU-1', quantity: 2, paidFen: 319_800, listFen: 399_800 }],
      },
    ])
    expect(shop.phone('wmDemoGold').orders).toMatchObject([{ paidFen: 319_800, refundedFen: 0 }])
  })

  it('reports a look without a share as a view that belongs to nobody', async () => {
    await shop.look('wmDemoGold', 'SKU-12')
    expect(sent('touches')).toMatchObject([{ kind: 'visit', memberNo: 'D-M00001', page: { ref: 'SKU-12' } }])
    expect(sent('touches')[0]).not.toHaveProperty('linkCode')
  })

  it('knows at the till only what is said there', async () => {
    const sale = { sku: 'SKU-12', quantity: 1, storeCode: 'S1', closer: 'demo-a01' }
    await shop.buyInStore('wmDemoGold', { ...sale, identity: 'member' })
    await shop.buyInStore('wmDemoStranger', { ...sale, closer: null, identity: 'none' })
    const [known, unknown] = sent('orders')
    expect(known).toMatchObject({ channel: 'in_store', memberNo: 'D-M00001', sellingStore: 'S1', closer: 'demo-a01' })
    expect(known).not.toHaveProperty('unionid')
    expect(unknown).not.toHaveProperty('memberNo')
    expect(unknown).not.toHaveProperty('closer')
  })

  it('takes back half, then the rest, and no more', async () => {
    await shop.buyOnline('wmDemoGold', { sku: 'SKU-1', quantity: 1, shareCode: null })
    const orderNo = shop.phone('wmDemoGold').orders[0]!.orderNo
    await shop.refund('wmDemoGold', { orderNo, share: 'half' })
    await shop.refund('wmDemoGold', { orderNo, share: 'all' })
    await expect(shop.refund('wmDemoGold', { orderNo, share: 'all' })).rejects.toThrow('nothing left')
    expect(sent('refunds').map(({ lines }) => lines)).toEqual([
      [{ lineNo: 1, quantity: 0, refundFen: 79_950 }],
      [{ lineNo: 1, quantity: 1, refundFen: 79_950 }],
    ])
  })

  it('enrols with the store of whoever sent the page', async () => {
    await shop.enrol('wmDemoStranger', { sharedBy: 'demo-a02' })
    const { memberNo } = shop.phone('wmDemoStranger')
    expect(sent('members')).toMatchObject([
      { memberNo, name: '演示顾客乙', openingStore: 'S1', openingAssociate: 'demo-a02' },
    ])
    expect(sent('identities').map(({ kind, memberNo: of }) => [kind, of])).toEqual([
      ['unionid', memberNo],
      ['openid', memberNo],
    ])
  })
})

it('finds the address in a sentence', () => {
  expect(findAddress('看这件：http://127.0.0.1:8686/s/aB-9_x，很衬你')).toBe('http://127.0.0.1:8686/s/aB-9_x')
  expect(findAddress('没有链接')).toBeNull()
})

it('a simulator listens where it is told, and stops', async () => {
  const simulator = await startSimulator({ world, port: 0 })
  const answer = await fetch(`${simulator.url}/cgi-bin/gettoken`)
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ errcode: 41002 })
  await simulator.close()
  await expect(fetch(simulator.url)).rejects.toThrow()
})
