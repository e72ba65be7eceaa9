import { afterAll, beforeAll, expect, test } from 'vitest'
import { createVault } from '../../server/lib/vault.ts'
import { startWecomWorkers } from '../../server/workers/wecom.ts'
import type { Worker } from '../../server/workers/loop.ts'
import { toXml } from '../../simulator/callbacks.ts'
import type { CallbackFields } from '../../simulator/world.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { sealed, startTestWecom, type TestWecom } from '../support/wecom.ts'

/** A brand's whole WeCom for the first time, and then the events of a busy day at once, many of them twice. */

const STAFF = 200
const CUSTOMERS = 50_000
const GROUPS = 2000
const EVENTS = 10_000
const ANSWER_MS = 200

const BEGAN = Date.parse('2026-01-05T10:00:00+08:00')
const staff = Array.from({ length: STAFF }, (_, i) => `a${i}`)
const events: CallbackFields[] = []
let wecom: TestWecom
let service: TestService
let workers: Worker | null = null

beforeAll(async () => {
  wecom = await startTestWecom({
    staff,
    customers: Array.from({ length: CUSTOMERS }, (_, i) => ({
      name: `顾客${i}`,
      externalUserid: `wm${i}`,
      ...(i % 2 === 0 ? { unionid: `u${i}` } : {}),
      follows: i % 5 === 4 ? [] : [{ userid: staff[i % STAFF]!, createdAt: BEGAN + i }],
    })),
    groupChats: Array.from({ length: GROUPS }, (_, i) => ({
      chatId: `wr${i}`,
      name: `群${i}`,
      owner: staff[i % STAFF]!,
      customers: Array.from({ length: 5 }, (_customer, k) => `wm${(i * 7 + k * 11) % CUSTOMERS}`),
    })),
  })
  wecom.world.subscribe(event => void (event.kind === 'callback' && events.push(event.fields)))
  service = await startTestService({ env: wecom.env })
  await service.ingest('stores', [{ storeCode: 'S1', name: '一店', type: 'direct' }])
  await service.ingest(
    'associates',
    staff.map(associateId => ({
      associateId,
      name: associateId,
      storeCode: 'S1',
      activeFrom: '2025-01-01T00:00:00+08:00',
    })),
  )
}, 600_000)
afterAll(async () => {
  await workers?.stop()
  await service.close()
  await wecom.close()
})

const start = () =>
  startWecomWorkers({
    pool: service.pool,
    vault: createVault(service.settings.dataKey),
    publicUrl: service.settings.publicUrl,
    wecom: service.app.wecom!,
    now: Date.now,
    onError: error => console.log(String(error)),
  })
interface Health {
  sync: { status: string; counts: Record<string, number> } | null
  inbox: { waiting: number; setAside: number }
}
const health = () => service.get<Health>('/wecom/health')
const until = async (holds: (now: Health) => boolean) => {
  for (let now = await health(); !holds(now); now = await health()) await new Promise(wake => setTimeout(wake, 250))
}

test('the first walk finds everybody, stopped and gone on with', async () => {
  const began = performance.now()
  workers = start()
  await until(({ sync }) => (sync?.counts['friends'] ?? 0) > CUSTOMERS / 10)
  await workers.stop()
  workers = start()
  await until(({ sync }) => sync !== null && sync.status !== 'running')
  const { sync } = await health()
  console.log(`${sync?.counts['friends']} friendships: ${((performance.now() - began) / 1000).toFixed(1)} s`)
  expect(sync).toMatchObject({ status: 'done', counts: { friends: CUSTOMERS * 0.8, staff: STAFF, groups: GROUPS } })
  expect(wecom.world.limits.refused).toEqual(new Map())
  const [told] = await service.pool<{ count: number }[]>`SELECT count(*) AS count FROM friend_events`
  expect(told!.count).toBe(CUSTOMERS * 0.8)
})

test(`${EVENTS} callbacks are each answered within ${ANSWER_MS} ms while the workers are behind, and dealt with once`, async () => {
  const expected = new Set<string>()
  for (let i = 0; i < CUSTOMERS; i++) if (i % 5 !== 4) expected.add(`wm${i} ${staff[i % STAFF]!}`)
  const leave = (userid: string, externalUserid: string) => {
    wecom.world.unfriend(userid, externalUserid, 'customer')
    expected.delete(`${externalUserid} ${userid}`)
  }
  // Strangers become friends; some of them leave again at once, and so do some who were friends before.
  for (let i = 4; events.length < EVENTS; i += 5) {
    const userid = staff[i % STAFF]!
    wecom.world.befriend(userid, `wm${i}`)
    expected.add(`wm${i} ${userid}`)
    if (i % 25 === 4) leave(userid, `wm${i}`)
    if (i % 15 === 4) leave(staff[(i - 1) % STAFF]!, `wm${i - 1}`)
  }
  const told = events.splice(0)
  const waits: number[] = []
  const send = async (fields: CallbackFields) => {
    const { url, body } = sealed(toXml(fields))
    const asked = performance.now()
    const headers = { 'content-type': 'text/xml' }
    const answer = await service.app.inject({ method: 'POST', url, headers, payload: body })
    waits.push(performance.now() - asked)
    expect(answer.statusCode).toBe(200)
  }
  const began = performance.now()
  const queue = told.flatMap((fields, i) => (i % 4 === 0 ? [fields, fields] : [fields]))
  let next = 0
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      while (next < queue.length) await send(queue[next++]!)
    }),
  )
  const { inbox } = await health()
  waits.sort((a, b) => a - b)
  const at = (share: number) => Math.round(waits[Math.floor(share * (waits.length - 1))]!)
  console.log(
    `${queue.length} callbacks in ${((performance.now() - began) / 1000).toFixed(1)} s: half within ${at(0.5)} ms, ` +
      `99 % within ${at(0.99)}, the slowest ${at(1)}; ${inbox.waiting} still to be dealt with`,
  )
  expect(at(0.99)).toBeLessThan(ANSWER_MS)
  await until(now => now.inbox.waiting === 0)
  expect((await health()).inbox.setAside).toBe(0)

  const friends = await service.pool<{ pair: string }[]>`
    SELECT external_userid || ' ' || associate_id AS pair
    FROM (
      SELECT DISTINCT ON (external_userid, associate_id) external_userid, associate_id, kind FROM friend_events
      ORDER BY external_userid, associate_id, at DESC, kind DESC
    ) AS last WHERE kind = 'added'`
  expect(friends.length).toBe(expected.size)
  expect(friends.every(({ pair }) => expected.has(pair))).toBe(true)
})
