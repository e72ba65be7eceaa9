import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it, test } from 'vitest'
import { checkIngestItem, type IngestKindName } from '../../server/features/ingest/service.ts'
import { catalogue } from '../../simulator/brand/catalogue.ts'
import { generateBrand, type Brand } from '../../simulator/brand/generate.ts'
import { picturePath, renderPicture } from '../../simulator/brand/pictures.ts'
import { sendBrand } from '../../simulator/brand/send.ts'
import { makeTransfer } from '../../simulator/brand/transfers.ts'
import { castOf, describeWorld } from '../../simulator/demo-world.ts'

const now = Date.parse('2026-11-22T15:30:00+08:00')
const brand = generateBrand({ seed: 'demo', now })

describe('the demo brand', () => {
  it('is the same for one seed and moment, and another for another', () => {
    expect(generateBrand({ seed: 'demo', now })).toEqual(brand)
    expect(generateBrand({ seed: 'other', now }).orders).not.toEqual(brand.orders)
  })

  it('has the size that was asked for', () => {
    expect(brand.stores).toHaveLength(12)
    expect(brand.stores.filter(store => store.type === 'franchise')).toHaveLength(4)
    expect(brand.associates).toHaveLength(60)
    expect(brand.members).toHaveLength(3000)
    expect(brand.products.length).toBeGreaterThanOrEqual(30)
    expect(brand.orders.length).toBeGreaterThan(4000)
    expect(brand.orders.length).toBeLessThan(6000)
    expect(brand.touches.length).toBeGreaterThan(12_000)
    expect(brand.touches.length).toBeLessThan(18_000)
    expect(brand.refunds.length).toBeGreaterThan(100)
    expect(brand.lateIdentities.length).toBeGreaterThan(100)
    expect(brand.overrides.length).toBeGreaterThan(0)
  })

  it('can be small', () => {
    const small = generateBrand({ seed: 'small', now, stores: 3, associates: 12, members: 40, days: 10 })
    expect(small.associates).toHaveLength(12)
    expectWhole(small)
  })

  it('speaks only of what it has', () => expectWhole(brand))

  it('has a leaver whose customers are his in WeCom, and a colleague of his store who gets them', () => {
    const cast = castOf(brand)
    const { fromAssociate, toAssociate, customers } = makeTransfer(cast.leaver!)
    const [leaver, heir] = [fromAssociate, toAssociate].map(id => brand.associates.find(one => one.associateId === id)!)
    expect(leaver!.activeTo).toBeDefined()
    expect(heir).toMatchObject({ storeCode: leaver!.storeCode, role: 'associate' })
    expect(heir!.activeTo).toBeUndefined()
    const world = describeWorld(brand, cast, { trustedHosts: [], now })
    const his = world.customers!.filter(({ follows }) => follows.some(({ userid }) => userid === fromAssociate))
    expect(his.map(customer => customer.externalUserid)).toEqual(customers)
    expect(customers).toHaveLength(5)
  })

  test.each<[string, readonly string[]]>([
    ['stores', brand.stores.map(store => store.storeCode)],
    ['associates', brand.associates.map(associate => associate.associateId)],
    ['members', brand.members.map(member => member.memberNo)],
    ['phones', brand.members.flatMap(member => member.phone ?? [])],
    ['products', brand.products.map(product => product.sku)],
    ['links', brand.shareLinks.map(link => link.linkCode)],
    ['touches', brand.touches.map(touch => touch.touchId)],
    ['orders', brand.orders.map(order => `${order.source} ${order.orderNo} ${order.revision ?? 1}`)],
    ['refunds', brand.refunds.map(refund => `${refund.source} ${refund.refundNo}`)],
    ['identities', [...brand.identities, ...brand.lateIdentities].map(({ kind, value }) => `${kind} ${value}`)],
    ['assignments', brand.assignments.map(({ memberNo, from }) => `${memberNo} ${from}`)],
  ])('names no two %s alike', (_, keys) => {
    expect(new Set(keys).size).toBe(keys.length)
  })

  test.each<[IngestKindName, readonly object[]]>([
    ['stores', brand.stores],
    ['associates', brand.associates],
    ['members', brand.members],
    ['products', brand.products],
    ['coupons', brand.coupons],
    ['coupon-events', brand.couponEvents],
    ['targets', brand.targets],
    ['share-links', brand.shareLinks],
    ['identities', [...brand.identities, ...brand.lateIdentities]],
    ['member-assignments', brand.assignments],
    ['touches', brand.touches],
    ['orders', brand.orders],
    ['refunds', brand.refunds],
  ])('has %s of the shape that the ingest takes', (kind, items) => {
    expect(items.flatMap(item => checkIngestItem(kind, item) ?? [])).toEqual([])
  })

  it('has phone numbers that are plainly nobody’s', () => {
    for (const { phone } of brand.members) if (phone !== undefined) expect(phone).toMatch(/^1990000\d{4}$/)
  })

  it('lies between the ninetieth day back and now', () => {
    const days = brand.orders.map(order => Date.parse(order.paidAt))
    expect(Math.min(...days)).toBeGreaterThanOrEqual(Date.parse('2026-08-25T00:00:00+08:00'))
    expect(Math.max(...days, ...brand.touches.map(touch => Date.parse(touch.at)))).toBeLessThanOrEqual(now)
    expect(Math.max(...brand.refunds.map(refund => Date.parse(refund.refundedAt)))).toBeLessThanOrEqual(now)
    expect(Math.max(...brand.lateIdentities.map(identity => Date.parse(identity.at)))).toBeLessThanOrEqual(now)
  })

  it('has every kind of touch, of person and of way to know a buyer', () => {
    const kinds = new Set(brand.touches.map(touch => touch.kind))
    expect(kinds).toEqual(new Set(['click', 'visit', 'scan', 'live_enter', 'coupon_claim', 'sent']))
    const roles = new Set(brand.associates.map(associate => associate.role))
    expect(roles).toEqual(new Set(['associate', 'manager', 'franchisee', 'headquarters', 'auditor']))
    for (const key of ['memberNo', 'unionid', 'externalUserid', 'visitorId', 'phone', 'shareCode'] as const) {
      expect(brand.orders.some(order => order[key] !== undefined)).toBe(true)
    }
    expect(brand.members.some(member => member.phone === undefined)).toBe(true)
    expect(brand.associates.some(associate => associate.activeTo !== undefined)).toBe(true)
    expect(brand.associates.some(associate => associate.invitedBy !== undefined)).toBe(true)
    for (const store of brand.stores) {
      const managers = brand.associates.filter(
        ({ role, storeCode }) => role === 'manager' && storeCode === store.storeCode,
      )
      expect(managers).toHaveLength(1)
    }
    expect(Object.values(brand.people).every(id => id !== '')).toBe(true)
  })

  it('has shops of very different size, and full weekends', () => {
    const count = (storeCode: string) => brand.orders.filter(order => order.sellingStore === storeCode).length
    expect(count('D-S01')).toBeGreaterThan(4 * count('D-S12'))
    const onWeekday = (weekday: number) =>
      brand.orders.filter(order => new Date(Date.parse(order.paidAt) + 8 * 3_600_000).getUTCDay() === weekday).length
    expect(onWeekday(6)).toBeGreaterThan(1.5 * onWeekday(2))
  })

  it('draws a picture for each product, and none for what it does not have', () => {
    for (const { sku, name } of catalogue) {
      expect(renderPicture(sku)).toContain(name)
      expect(renderPicture(sku)).toMatch(/^<svg [^]*<path d="M[^"]+"[^]*<\/svg>\n$/)
      expect(picturePath(sku)).toBe(`/simulator/images/${sku}.svg`)
    }
    expect(renderPicture('"><script>')).toBeUndefined()
  })
})

function expectWhole(each: Brand): void {
  const stores = new Set(each.stores.map(store => store.storeCode))
  const franchisees = new Set(each.stores.flatMap(store => store.franchiseeId ?? []))
  const associates = new Set(each.associates.map(associate => associate.associateId))
  const members = new Set(each.members.map(member => member.memberNo))
  const skus = new Set(each.products.map(product => product.sku))
  const links = new Set(each.shareLinks.map(link => link.linkCode))
  const orders = new Map(each.orders.map(order => [`${order.source} ${order.orderNo}`, order]))
  const isUnknown = (known: { has(key: string): boolean }, key: string | undefined) =>
    key !== undefined && !known.has(key)
  const unknown = [
    each.associates.filter(({ storeCode }) => isUnknown(stores, storeCode)),
    each.associates.filter(({ kind, storeCode }) => kind === 'store' && storeCode === undefined),
    each.associates.filter(({ franchiseeId }) => isUnknown(franchisees, franchiseeId)),
    each.associates.filter(({ invitedBy }) => isUnknown(associates, invitedBy)),
    each.associates.filter(({ memberNo }) => isUnknown(members, memberNo)),
    each.members.filter(member => isUnknown(stores, member.openingStore)),
    each.members.filter(member => isUnknown(associates, member.openingAssociate)),
    each.shareLinks.filter(link => isUnknown(associates, link.associateId) || isUnknown(stores, link.storeCode)),
    each.targets.filter(target => isUnknown(stores, target.storeCode) || isUnknown(associates, target.associateId)),
    each.identities.filter(({ memberNo }) => isUnknown(members, memberNo)),
    each.lateIdentities.filter(({ memberNo }) => isUnknown(members, memberNo)),
    each.assignments.filter(({ memberNo }) => isUnknown(members, memberNo)),
    each.assignments.filter(({ attributedAssociate }) => isUnknown(associates, attributedAssociate)),
    each.assignments.filter(({ homeStore }) => isUnknown(stores, homeStore)),
    each.touches.filter(({ linkCode, memberNo }) => isUnknown(links, linkCode) || isUnknown(members, memberNo)),
    each.touches.filter(
      ({ memberNo, unionid, externalUserid, visitorId }) => !memberNo && !unionid && !externalUserid && !visitorId,
    ),
    each.orders.filter(({ sellingStore, closer }) => isUnknown(stores, sellingStore) || isUnknown(associates, closer)),
    each.orders.filter(({ memberNo, shareCode }) => isUnknown(members, memberNo) || isUnknown(links, shareCode)),
    each.orders.filter(({ channel, sellingStore }) => channel === 'in_store' && sellingStore === undefined),
    each.orders
      .flatMap(order => order.lines)
      .filter(line => isUnknown(skus, line.sku) || isUnknown(associates, line.closer)),
    each.refunds.filter(({ source, orderNo, lines }) => {
      const order = orders.get(`${source} ${orderNo}`)
      return !lines.every(({ lineNo, refundFen, quantity }) =>
        order?.lines.some(line => line.lineNo === lineNo && refundFen <= line.paidFen && quantity <= line.quantity),
      )
    }),
    each.overrides.filter(({ source, orderNo }) => !orders.has(`${source} ${orderNo}`)),
  ]
  expect(unknown).toEqual(unknown.map(() => []))
  const amounts = each.orders.flatMap(order => order.lines).flatMap(line => [line.paidFen, line.listFen])
  expect(amounts.every(amount => Number.isSafeInteger(amount) && amount > 0)).toBe(true)
}

describe('sending the brand', () => {
  const small = generateBrand({ seed: 'small', now, stores: 3, associates: 12, members: 40, days: 10 })
  let server: Server | undefined
  afterEach(() => server?.close())

  type Call = { path: string; body: unknown }

  /** Stands for the service at its door: answers as the contract says. */
  async function listen(answer: (call: Call) => { status: number; body: unknown }) {
    const calls: Call[] = []
    server = createServer((request, response) => {
      void (async () => {
        let text = ''
        for await (const chunk of request) text += String(chunk)
        expect(request.headers.authorization).toBe('Bearer key')
        const call = { path: request.url ?? '', body: JSON.parse(text) as unknown }
        calls.push(call)
        const { status, body } = answer(call)
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
      })()
    })
    await new Promise<void>(resolve => server?.listen(0, '127.0.0.1', resolve))
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls }
  }

  const takeAll = ({ body }: Call) => ({
    status: Array.isArray(body) ? 200 : 201,
    body: Array.isArray(body) ? body.map(() => ({ key: 'k', status: 'created' })) : {},
  })

  it('sends master data first, and everything in batches within the limit', async () => {
    const { url, calls } = await listen(takeAll)
    await sendBrand(small, { url, apiKey: 'key', batchSize: 20 })
    expect(calls.every(({ body }) => !Array.isArray(body) || (body.length >= 1 && body.length <= 20))).toBe(true)
    expect([...new Set(calls.map(call => call.path.replace('/api/v1/', '')))].slice(0, 12)).toEqual(
      'stores associates members products coupons targets share-links coupon-events plans identities member-assignments touches'.split(
        ' ',
      ),
    )
    const plans = calls.filter(call => call.path === '/api/v1/plans').map(call => call.body)
    expect(plans).toMatchObject([
      { version: 1, retroactive: true },
      { version: 2, retroactive: true },
    ])
    const sent = calls.filter(call => call.path === '/api/v1/orders').flatMap(call => call.body)
    expect(sent).toEqual(small.orders)
  })

  it('fails loudly at the first item that is refused', async () => {
    const { url } = await listen(call => {
      if (call.path !== '/api/v1/products') return takeAll(call)
      const refused = { key: 'D-P001', status: 'rejected', error: { code: 'unknown_field', message: 'no', field: 'x' } }
      return { status: 200, body: (call.body as unknown[]).map(() => refused) }
    })
    await expect(sendBrand(small, { url, apiKey: 'key' })).rejects.toThrow(
      'POST /products refused D-P001: unknown_field (x): no',
    )
  })

  it('fails loudly at a call that is refused', async () => {
    const { url } = await listen(() => ({ status: 401, body: { code: 'unauthorized' } }))
    await expect(sendBrand(small, { url, apiKey: 'key' })).rejects.toThrow('POST /stores answered 401')
  })
})
