import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ItemResult } from '../../server/lib/items.ts'
import { associateItem, lineItem, orderItem, storeItem } from '../builders/items.ts'
import { startTestService, TEST_KEY, type TestService } from '../support/service.ts'

type Fields = Record<string, unknown>

let service: TestService
beforeAll(async () => {
  service = await startTestService({ worker: false })
  await service.ingest('stores', [storeItem()])
  await service.ingest('associates', [associateItem()])
})
afterAll(() => service.close())

const send = async (payload: unknown) => {
  const answer = await service.app.inject({
    method: 'POST',
    url: '/api/v1/orders',
    headers: { authorization: `Bearer ${TEST_KEY}` },
    payload: payload as object,
  })
  const body = answer.json<ItemResult[] | Fields>()
  return { status: answer.statusCode, body: Array.isArray(body) ? body : { ...body, requestId: undefined } }
}

/** Sends all at once while others of their kind are held up, so that they go as one group. */
async function sendTogether(bodies: readonly unknown[]) {
  const held = ['held-1', 'held-2'].map(orderNo => orderItem({ source: 'held', orderNo }))
  await service.ingest('orders', held)
  let release = () => {}
  const released = new Promise<void>(resolve => (release = resolve))
  const holding = service.pool.begin(async tx => {
    await tx`SELECT FROM orders WHERE source = 'held' ORDER BY order_no FOR UPDATE`
    const ahead: Promise<unknown>[] = []
    for (const item of held) {
      ahead.push(send([item]))
      await sleep(100) // each its own transaction
    }
    const answers: ReturnType<typeof send>[] = []
    for (const body of bodies) {
      answers.push(send(body))
      await sleep(20) // in this sequence
    }
    await sleep(100)
    release()
    return { ahead, answers }
  })
  await released
  const { ahead, answers } = await holding
  await Promise.all(ahead)
  return await Promise.all(answers)
}

const bodiesOf = (source: string): unknown[] => {
  const order = (orderNo: string, fields: Fields = {}) => orderItem({ source, orderNo, memberNo: 'M1', ...fields })
  return [
    [order('a')],
    [order('a')], // told again
    [order('a', { cancelled: true })], // with other content
    [order('a', { revision: 2, lines: [lineItem({ paidFen: 70_00 })] })],
    [order('b', { sellingStore: 'S-none' })],
    [order('c', { piadFen: 1 }), order('c')],
    [null, order('d'), order('a', { revision: 1 })],
    [order('e'), order('b')],
    [],
    { not: 'a list' },
    [order('f')],
    [order('a', { revision: 2, lines: [lineItem({ paidFen: 70_00 })] })],
  ]
}

test('requests that share a transaction are answered as one by one, and leave the same', async () => {
  const apart: Awaited<ReturnType<typeof send>>[] = []
  for (const body of bodiesOf('apart')) apart.push(await send(body))
  const together = await sendTogether(bodiesOf('group'))
  const asApart = (value: unknown) => JSON.parse(JSON.stringify(value).replaceAll('group', 'apart')) as unknown
  expect(asApart(together)).toEqual(apart)
  expect(together.map(answer => answer.status)).toEqual([200, 200, 200, 200, 200, 200, 200, 200, 422, 422, 200, 200])

  const left = (source: string) => service.pool`
    SELECT o.order_no, o.revision, o.net_fen, o.is_first_order, (
        SELECT array_agg(r.revision ORDER BY r.revision) FROM order_revisions AS r
        WHERE r.source = o.source AND r.order_no = o.order_no) AS revisions, (
        SELECT array_agg(i.code ORDER BY i.item_key, i.position) FROM rejected_items AS i
        WHERE i.item_key LIKE o.source || '/%') AS refused
    FROM orders AS o WHERE o.source = ${source} ORDER BY o.order_no`
  const leftApart = await left('apart')
  expect(leftApart.map(row => row['order_no'] as string)).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  // The buyer's first order is of those that were sent apart.
  const rest = (rows: Awaited<ReturnType<typeof left>>) => rows.map(({ is_first_order: _, ...row }) => row)
  expect(rest(await left('group'))).toEqual(rest(leftApart))
})

test('they do share one', async () => {
  const bodies = ['x', 'y', 'z'].map(orderNo => [orderItem({ source: 'shared', orderNo })])
  const answers = await sendTogether(bodies)
  expect(answers.map(({ body }) => (body as ItemResult[])[0]!.status)).toEqual(['created', 'created', 'created'])
  const [row] = await service.pool<{ transactions: number }[]>`
    SELECT count(DISTINCT xmin::text)::int AS transactions FROM order_revisions WHERE source = 'shared'`
  expect(row!.transactions).toBe(1)
})
