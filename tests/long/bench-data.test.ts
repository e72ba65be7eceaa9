import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bulkUrl } from '../../bench/data/bulk.ts'
import { cleanUp, fillBrand, isFilled, type Filled } from '../../bench/data/fill.ts'
import { dropIndexes } from '../../bench/data/indexes.ts'
import { openPool, transact, type Pool } from '../../server/database.ts'
import { reconcile } from '../../server/features/commissions/service.ts'
import { startTestService, type TestService } from '../support/service.ts'

/** A generated brand is what the service would have made of the same evidence. */

const UNTIL = Date.UTC(2026, 10, 1)
const ORDERS = 2000

let service: TestService
let owner: Pool
let url: string
let catalogueBefore: unknown
let filled: Filled

beforeAll(async () => {
  service = await startTestService({ now: () => UNTIL + 60_000 })
  url = await bulkUrl(service.databaseUrl)
  owner = openPool(url, { max: 8, asOwner: true })
  catalogueBefore = await catalogue()
  filled = await fill(1, false)
}, 180_000)

afterAll(async () => {
  await owner.end({ timeout: 5 })
  await service.close()
})

const fill = (brandId: number, append: boolean) =>
  fillBrand(owner, {
    databaseUrl: url,
    dataKey: service.settings.dataKey,
    brand: { brandId, orders: ORDERS, seed: 7, until: UNTIL, zone: 'Asia/Shanghai' },
    append,
    onProgress: () => {},
  })

/** Every index and constraint of the tables; partitions of a month come with the rows. */
async function catalogue() {
  return await owner`
    SELECT t.relname AS table, i.relname AS index, pg_get_indexdef(i.oid) AS definition, x.indisvalid AS valid,
      c.conname AS constraint, pg_get_constraintdef(c.oid) AS rule
    FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid JOIN pg_class AS t ON t.oid = x.indrelid
    LEFT JOIN pg_constraint AS c ON c.conindid = i.oid AND c.conrelid = t.oid
    WHERE t.relnamespace = 'public'::regnamespace AND NOT t.relispartition
    ORDER BY 1, 2`
}

const decided = async () => await owner`SELECT * FROM orders WHERE brand_id = 1 ORDER BY source, order_no`
const ledgerSize = async () => (await owner`SELECT count(*) AS rows FROM ledger_rows WHERE brand_id = 1`)[0]!['rows']

test('it holds what was asked for, with all that makes life hard', async () => {
  expect(filled.rows['orders']).toBe(ORDERS)
  const [seen] = await owner`
    SELECT count(*) FILTER (WHERE channel = 'in_store') AS "inStore", count(*) FILTER (WHERE cancelled) AS cancelled,
      count(*) FILTER (WHERE buyer IS NULL) AS anonymous, count(*) FILTER (WHERE relation = 'direct') AS direct,
      count(*) FILTER (WHERE relation = 'indirect') AS indirect, count(*) FILTER (WHERE phone_hash IS NOT NULL) AS phones
    FROM orders WHERE brand_id = 1`
  expect(seen!['inStore'] / ORDERS).toBeGreaterThan(0.55)
  expect(seen!['inStore'] / ORDERS).toBeLessThan(0.65)
  for (const figure of ['cancelled', 'anonymous', 'direct', 'indirect', 'phones']) {
    expect(seen![figure], figure).toBeGreaterThan(0)
  }
  for (const table of ['refund_revisions', 'touches', 'member_assignments', 'identities', 'bonus_entitlements']) {
    expect(filled.rows[table], table).toBeGreaterThan(0)
  }
})

test('indexes and keys are as before', async () => {
  expect(await catalogue()).toEqual(catalogueBefore)
  expect(await owner`SELECT FROM pg_tables WHERE tablename LIKE 'bench%'`).toHaveLength(0)
})

test('the audit finds nothing, and nothing waits', async () => {
  const audit = await service.get<{ items: unknown[]; checkedOrders: number }>('/audit?limit=500')
  expect(audit.checkedOrders).toBe(ORDERS)
  expect(audit.items).toEqual([])
  expect(await service.get('/health/reconcile')).toMatchObject({ pendingOrders: 0 })
})

test('the service decides the same about every order', async () => {
  const before = await decided()
  const rows = await ledgerSize()
  for (let i = 0; i < before.length; i += 200) {
    const orders = before.slice(i, i + 200).map(row => ({ source: row['source'], orderNo: row['order_no'] }))
    await transact(service.pool, tx => reconcile(tx, { brandId: 1, orders, reason: 'evidence', now: UNTIL + 60_000 }))
  }
  await service.settled()
  expect(await decided()).toEqual(before)
  expect(await ledgerSize()).toBe(rows)
})

describe('evidence that comes afterwards', () => {
  test('the same again changes nothing', async () => {
    const revisions = await owner`
      SELECT source, order_no AS "orderNo", revision, channel, member_no AS "memberNo", unionid, openid,
        selling_store AS "sellingStore", closer, share_code AS "shareCode", paid_at AS "paidAt",
        completed_at AS "completedAt", cancelled, lines, visitor_id AS "visitorId"
      FROM order_revisions WHERE brand_id = 1 AND phone_hash IS NULL LIMIT 200`
    const items = revisions.map(row => ({
      ...row,
      paidAt: new Date(row['paidAt']).toISOString(),
      completedAt: row['completedAt'] === null ? null : new Date(row['completedAt']).toISOString(),
    }))
    expect(new Set((await service.ingest('orders', items)).map(result => result.status))).toEqual(
      new Set(['unchanged']),
    )
    const refunds = await owner`
      SELECT source, refund_no AS "refundNo", revision, order_no AS "orderNo", refunded_at AS "refundedAt", lines
      FROM refund_revisions WHERE brand_id = 1`
    const told = refunds.map(row => ({ ...row, refundedAt: new Date(row['refundedAt']).toISOString() }))
    expect(new Set((await service.ingest('refunds', told)).map(result => result.status))).toEqual(
      new Set(['unchanged']),
    )
    const touches = await owner`
      SELECT touch_id AS "touchId", at, kind, link_code AS "linkCode", member_no AS "memberNo", unionid, openid,
        external_userid AS "externalUserid", visitor_id AS "visitorId"
      FROM touches WHERE brand_id = 1 LIMIT 200`
    const seen = touches.map(row => ({ ...row, at: new Date(row['at']).toISOString() }))
    expect(new Set((await service.ingest('touches', seen)).map(result => result.status))).toEqual(
      new Set(['unchanged']),
    )
  })

  test('a refund takes back what the order paid', async () => {
    const [order] = await owner`
      SELECT o.source, o.order_no AS "orderNo", r.lines FROM orders AS o
      JOIN order_revisions AS r USING (brand_id, source, order_no, revision)
      WHERE o.brand_id = 1 AND o.commission_fen > 0 AND o.relation = 'direct' LIMIT 1`
    const { source, orderNo, lines } = order as unknown as {
      source: string
      orderNo: string
      lines: { lineNo: number; quantity: number; paidFen: number }[]
    }
    const refund = {
      source,
      orderNo,
      refundNo: 'R-later',
      refundedAt: new Date(UNTIL).toISOString(),
      lines: lines.map(({ lineNo, quantity, paidFen }) => ({ lineNo, quantity, refundFen: paidFen })),
    }
    expect(await service.ingest('refunds', [refund])).toMatchObject([{ status: 'created' }])
    await service.settled()
    const [sum] = await owner`
      SELECT sum(amount_fen)::int AS fen FROM ledger_rows
      WHERE brand_id = 1 AND source = ${source} AND order_no = ${orderNo}`
    expect(sum!['fen']).toBe(0)
  })

  test('a touch wins an order that nobody shared', async () => {
    const [order] = await owner`
      SELECT o.source, o.order_no AS "orderNo", o.buyer, o.paid_at AS "paidAt", l.link_code AS "linkCode",
        l.associate_id AS "associateId"
      FROM orders AS o
      JOIN associates AS a ON a.brand_id = 1 AND a.employments -> 0 ->> 'activeTo' IS NULL AND a.member_no IS NULL
      JOIN share_links AS l ON l.brand_id = 1 AND l.associate_id = a.associate_id
        AND l.created_at < o.paid_at - interval '1 day' AND l.revoked_at IS NULL
      WHERE o.brand_id = 1 AND o.buyer IS NOT NULL AND o.relation IS NULL AND NOT o.cancelled AND o.net_fen > 10000
        AND o.channel = 'online' ORDER BY o.paid_at DESC LIMIT 1`
    const { source, orderNo, buyer, paidAt, linkCode, associateId } = order as unknown as {
      source: string
      orderNo: string
      buyer: string
      paidAt: number
      linkCode: string
      associateId: string
    }
    const touch = {
      touchId: 'later',
      linkCode,
      memberNo: buyer,
      at: new Date(paidAt - 3_600_000).toISOString(),
      kind: 'click',
    }
    expect(await service.ingest('touches', [touch])).toMatchObject([{ status: 'created' }])
    await service.settled()
    const [row] = await owner`
      SELECT roles ->> 'sharer' AS sharer FROM orders WHERE brand_id = 1 AND source = ${source} AND order_no = ${orderNo}`
    expect(row!['sharer']).toBe(associateId)
  })

  test('and the audit still finds nothing', async () => {
    expect((await service.get<{ items: unknown[] }>('/audit?limit=500')).items).toEqual([])
  })
})

test('the same seed gives the same brand, also beside another', async () => {
  await owner`
    INSERT INTO brands (brand_id, slug, name, timezone, created_at)
    VALUES (2, 'second', 'Second', 'Asia/Shanghai', now())`
  const again = await fill(2, true)
  expect(again.rows).toEqual(filled.rows)
  const [first, second] = await Promise.all(
    [1, 2].map(
      async brandId =>
        await owner`
        SELECT source, order_no, revision, paid_at, member_no, selling_store, closer, lines FROM order_revisions
        WHERE brand_id = ${brandId} AND order_no < '100001000' ORDER BY 1, 2, 3`,
    ),
  )
  expect(second).toEqual(first)
})

test('a run that was killed is made good: its rows go, the indexes come back', async () => {
  await dropIndexes(owner, ['orders', 'ledger_rows', 'entitlements'])
  expect(await cleanUp(owner)).toBe(true)
  expect(await isFilled(owner)).toBe(false)
  expect(await catalogue()).toEqual(catalogueBefore)
  expect(await cleanUp(owner)).toBe(false)
})
