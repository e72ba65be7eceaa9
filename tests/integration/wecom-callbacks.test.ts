import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openPool, type Pool } from '../../server/database.ts'
import {
  forgetOldMessages,
  takeMessages,
  TooEarly,
  WecomError,
  type CallbackHandlers,
  type InboxWork,
} from '../../server/features/wecom/service.ts'
import { createVault } from '../../server/lib/vault.ts'
import { startInboxWorker } from '../../server/workers/wecom.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { eventXml, sealed, TEST_APP, TEST_CALLBACK } from '../support/wecom.ts'

const START = Date.parse('2026-05-01T12:00:00+08:00')
let service: TestService
let pool: Pool
let nowMs = START
beforeAll(async () => {
  service = await startTestService({
    worker: false,
    now: () => nowMs,
    env: {
      WECOM_CORP_ID: TEST_APP.corpId,
      WECOM_AGENT_ID: TEST_APP.agentId,
      WECOM_SECRET: TEST_APP.secret,
      WECOM_CALLBACK_TOKEN: TEST_CALLBACK.token,
      WECOM_CALLBACK_AES_KEY: TEST_CALLBACK.aesKey,
    },
  })
  pool = openPool(service.databaseUrl, { max: 4, asOwner: true })
})
afterAll(async () => {
  await pool.end()
  await service.close()
})
beforeEach(async () => {
  nowMs = START
  await pool`TRUNCATE wecom_inbox`
})

const post = async (url: string, body: string) => {
  const headers = { 'content-type': 'text/xml' }
  return await service.app.inject({ method: 'POST', url, headers, payload: body })
}
const send = async (xml: string) => {
  const { url, body } = sealed(xml)
  return await post(url, body)
}
const contact = (externalUserid: string, seconds = 0, more: Record<string, string> = {}) =>
  eventXml({
    Event: 'change_external_contact',
    ChangeType: 'edit_external_contact',
    UserID: 'a1',
    ExternalUserID: externalUserid,
    CreateTime: 1_700_000_000 + seconds,
    ...more,
  })
const EDITED = 'change_external_contact/edit_external_contact'
interface Listed {
  id: string
  event: string
  status: string
  tries: number
  reason: string | null
}
const listed = async (status?: string) =>
  (await service.get<{ items: Listed[] }>(`/wecom/callbacks${status ? `?status=${status}` : ''}`)).items

/** As a process would work on it. */
const work = (handlers: CallbackHandlers): InboxWork => ({
  pool: service.pool,
  vault: createVault(service.settings.dataKey),
  brandId: 1,
  now: () => nowMs,
  handlers,
})
const step = async (handlers: CallbackHandlers, limit = 10) => {
  const taken = await takeMessages(work(handlers), limit)
  await Promise.all(taken.map(one => one.done))
  return taken.length
}

describe('the address', () => {
  test('answers the echo plainly', async () => {
    const { query, secret } = sealed('1616140317555161061')
    query.set('echostr', secret)
    const answer = await service.app.inject({ method: 'GET', url: `/wecom/callback?${query}` })
    expect([answer.statusCode, answer.body]).toEqual([200, '1616140317555161061'])
    expect(answer.headers['content-type']).toMatch(/^text\/plain/)
    // Some write plus signs as they are.
    const raw = `/wecom/callback?${query}`.replaceAll('%2B', '+')
    expect((await service.app.inject({ method: 'GET', url: raw })).body).toBe('1616140317555161061')
  })
  test('takes an event, and answers with nothing', async () => {
    const answer = await send(contact('wm1'))
    expect([answer.statusCode, answer.body]).toEqual([200, ''])
    expect(await listed()).toMatchObject([{ event: EDITED, status: 'waiting', tries: 0 }])
  })
  test.each([
    ['a body that was changed', () => ({ ...sealed(contact('wm1')), body: sealed(contact('wm2')).body })],
    ['another token', () => sealed(contact('wm1'), { token: 'other' })],
    ['another corporation', () => sealed(contact('wm1'), { corpId: 'wwother' })],
    ['no signature', () => ({ ...sealed(contact('wm1')), url: '/wecom/callback' })],
    ['nothing sealed', () => ({ ...sealed(contact('wm1')), body: '<xml></xml>' })],
    ['an empty body', () => ({ ...sealed(contact('wm1')), body: '' })],
  ])('refuses %s, and keeps nothing', async (_, make) => {
    const { url, body } = make()
    expect((await post(url, body)).statusCode).toBe(403)
    expect(await listed()).toEqual([])
  })
  test('refuses what is too large', async () => {
    const { url } = sealed(contact('wm1'))
    expect((await post(url, `<xml>${'a'.repeat(600_000)}</xml>`)).statusCode).toBe(413)
  })
  test('keeps nothing of a customer in the clear', async () => {
    await send(contact('wmSecretCustomer', 0, { State: 'secret-state' }))
    const [row] = await pool<{ text: string }[]>`
      SELECT (to_jsonb(i) - 'lane')::text || encode(content_encrypted, 'escape') AS text FROM wecom_inbox AS i`
    expect(row!.text).not.toMatch(/wmSecretCustomer|secret-state/)
  })
})

describe('an event', () => {
  test('that comes again, sealed anew, is kept once; another of the same second is another', async () => {
    await Promise.all([send(contact('wm1')), send(contact('wm1')), send(contact('wm2'))])
    await send(contact('wm1'))
    await send(contact('wm1', 0, { UserID: 'a2' }))
    expect(await listed()).toHaveLength(3)
  })

  test('is dealt with once, in the order of its customer, beside those of others', async () => {
    const seen: string[] = []
    const running = new Map<string, number>()
    let most = 0
    const handlers: CallbackHandlers = {
      [EDITED]: async ({ fields, at }) => {
        const customer = String(fields['ExternalUserID'])
        running.set(customer, (running.get(customer) ?? 0) + 1)
        expect(running.get(customer)).toBe(1)
        most = Math.max(most, [...running.values()].filter(n => n > 0).length)
        await new Promise(resolve => setTimeout(resolve, 3))
        running.set(customer, running.get(customer)! - 1)
        return () => {
          seen.push(`${customer} ${at / 1000 - 1_700_000_000}`)
          return Promise.resolve()
        }
      },
    }
    const events = [1, 2, 3, 4].flatMap(customer => [5, 3, 1, 4, 2].map(second => contact(`wm${customer}`, second)))
    // Out of order, and each twice.
    await Promise.all([...events, ...events].map(send))
    const workers = [1, 2].map(() =>
      startInboxWorker({ ...work(handlers), onError: error => expect(error).toBeNull() }),
    )
    while ((await listed('waiting')).length > 0) await new Promise(resolve => setTimeout(resolve, 20))
    await Promise.all(workers.map(worker => worker.stop()))
    expect(seen).toHaveLength(20)
    for (const customer of [1, 2, 3, 4]) {
      expect(seen.filter(text => text.startsWith(`wm${customer} `))).toEqual(
        [1, 2, 3, 4, 5].map(n => `wm${customer} ${n}`),
      )
    }
    expect(most).toBeGreaterThan(1)
    expect((await listed('done')).length).toBe(20)
  })

  test('that nobody has a rule for is kept as that, and can be dealt with later', async () => {
    await send(eventXml({ Event: 'something_new', ChangeType: 'x' }))
    await step({})
    const [message] = await listed()
    expect(message).toMatchObject({ status: 'unhandled', event: 'something_new/x', tries: 0 })
    expect(message!.reason).toMatch(/no rule/)
    await service.post(`/wecom/callbacks/${message!.id}/replay`, {})
    let count = 0
    await step({ 'something_new/x': () => Promise.resolve(() => Promise.resolve(void (count += 1))) })
    expect([count, (await listed('done')).length]).toEqual([1, 1])
  })

  test('that fails each time is set aside with its reason, after tries with spaces; others go on', async () => {
    await send(contact('wm1', 1))
    await send(contact('wm1', 2))
    await send(contact('wm2', 1))
    const done: string[] = []
    let isMended = false
    const triedAt: number[] = []
    const handlers: CallbackHandlers = {
      [EDITED]: ({ fields, at }) => {
        const name = `${String(fields['ExternalUserID'])} ${at / 1000 - 1_700_000_000}`
        if (name === 'wm1 1' && !isMended) {
          triedAt.push((nowMs - START) / 1000)
          throw new TypeError('cannot read 13800000001')
        }
        return Promise.resolve(() => Promise.resolve(void done.push(name)))
      },
    }
    while ((await listed('set_aside')).length === 0) {
      await step(handlers)
      nowMs += 1000
    }
    expect(triedAt).toEqual([0, 1, 11, 71, 371])
    await step(handlers)
    // The other customer did not wait, and his own next one only until it was set aside.
    expect(done).toEqual(['wm2 1', 'wm1 2'])
    const [poison] = await listed('set_aside')
    expect(poison).toMatchObject({ tries: 5, reason: 'TypeError: cannot read …' })
    isMended = true
    expect(await service.post(`/wecom/callbacks/${poison!.id}/replay`, {})).toMatchObject({
      status: 200,
      body: { status: 'waiting' },
    })
    await step(handlers)
    expect(done).toEqual(['wm2 1', 'wm1 2', 'wm1 1'])
    // Asked again, it stays done.
    expect(await service.post(`/wecom/callbacks/${poison!.id}/replay`, {})).toMatchObject({ body: { status: 'done' } })
    const deeds = await service.get<{ items: { action: string }[] }>(`/activity?subject=wecom/callbacks/${poison!.id}`)
    expect(deeds.items.map(deed => deed.action)).toEqual(['wecom.callback_replayed'])
  })

  test('waits as long as WeCom is away, and is not set aside for it', async () => {
    await send(contact('wm1'))
    let isAway = true
    const handlers: CallbackHandlers = {
      [EDITED]: () => {
        if (isAway) throw new WecomError('externalcontact/get', { outcome: 'unknown', why: 'ECONNRESET' })
        return Promise.resolve(() => Promise.resolve())
      },
    }
    let tries = 0
    for (let i = 0; i < 2 * 3600; i += 5) {
      tries += await step(handlers)
      nowMs += 5000
    }
    expect(tries).toBeGreaterThan(20)
    expect(tries).toBeLessThan(100)
    expect(await listed()).toMatchObject([{ status: 'waiting', tries: 0 }])
    isAway = false
    nowMs += 300_000
    await step(handlers)
    expect(await listed()).toMatchObject([{ status: 'done' }])
  })

  test('that came too early is tried again when it said', async () => {
    await send(contact('wm1'))
    let tries = 0
    const handlers: CallbackHandlers = {
      [EDITED]: () => {
        tries += 1
        if (tries < 3) throw new TooEarly(2000)
        return Promise.resolve(() => Promise.resolve())
      },
    }
    for (const [afterMs, expected] of [
      [0, 1],
      [1900, 1],
      [100, 2],
      [2000, 3],
    ] as const) {
      // prettier-ignore
      nowMs += afterMs
      await step(handlers)
      expect(tries).toBe(expected)
    }
    expect(await listed()).toMatchObject([{ status: 'done', tries: 0 }])
  })

  test('is taken over where the process that took it died; what that one still does comes to nothing', async () => {
    await send(contact('wm1'))
    const written: string[] = []
    let resume = () => {}
    const dead: CallbackHandlers = {
      [EDITED]: async () => {
        await new Promise<void>(resolve => (resume = resolve))
        return () => Promise.resolve(void written.push('dead'))
      },
    }
    const [taken] = await takeMessages(work(dead), 10)
    const other: CallbackHandlers = {
      [EDITED]: () => Promise.resolve(() => Promise.resolve(void written.push('other'))),
    }
    expect(await step(other)).toBe(0)
    nowMs += 21_000
    expect(await step(other)).toBe(1)
    resume()
    await taken!.done
    expect(written).toEqual(['other'])
    expect(await listed()).toMatchObject([{ status: 'done' }])
  })

  test('and what it writes are committed together or not at all', async () => {
    await send(contact('wm1'))
    let isFailing = true
    const handlers: CallbackHandlers = {
      [EDITED]: () =>
        Promise.resolve(async tx => {
          await tx`INSERT INTO wecom_tags VALUES (1, 'et1', 'n', 'g', 'gn', 0)`
          if (isFailing) throw new Error('after it was written')
        }),
    }
    await step(handlers)
    expect(await pool`SELECT FROM wecom_tags`).toHaveLength(0)
    isFailing = false
    nowMs += 5000
    await step(handlers)
    expect(await pool`SELECT FROM wecom_tags`).toHaveLength(1)
    await pool`TRUNCATE wecom_tags`
  })

  test('that cannot be read is set aside', async () => {
    await send('<!DOCTYPE xml [<!ENTITY a "a">]><xml><Event>&a;</Event></xml>')
    await step({})
    expect(await listed()).toMatchObject([{ status: 'set_aside', event: 'unreadable', reason: 'This is no XML.' }])
  })
})

test('five hundred at once are all answered soon, also while nobody works on them', async () => {
  const events = Array.from({ length: 500 }, (_, i) => sealed(contact(`wm${i}`)))
  const slowest = async (calls: readonly (() => Promise<{ statusCode: number }>)[]) => {
    const times = await Promise.all(
      calls.map(async call => {
        const begun = performance.now()
        expect((await call()).statusCode).toBe(200)
        return performance.now() - begun
      }),
    )
    return times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)]!
  }
  // What the machine can do at the moment: as many requests with one short statement each.
  const plainMs = await slowest(events.map(() => () => service.app.inject({ method: 'GET', url: '/readyz' })))
  const callbackMs = await slowest(
    events.map(
      ({ url, body }) =>
        () =>
          post(url, body),
    ),
  )
  const [row] = await pool<{ count: number }[]>`SELECT count(*) AS count FROM wecom_inbox WHERE status = 'waiting'`
  expect(row!.count).toBe(500)
  expect(callbackMs).toBeLessThan(4 * plainMs + 1000)
})

test('what was dealt with is forgotten after 30 days, what was set aside is not', async () => {
  await send(contact('wm1'))
  await send(contact('wm2', 0, { UserID: 'poison' }))
  await send(eventXml({ Event: 'something_new' }))
  const handlers: CallbackHandlers = {
    [EDITED]: ({ fields }) => {
      if (fields['UserID'] === 'poison') throw new Error('poison')
      return Promise.resolve(() => Promise.resolve())
    },
  }
  for (let i = 0; i < 6; i++) {
    await step(handlers)
    nowMs += 600_000
  }
  nowMs += 29 * 86_400_000
  await forgetOldMessages(service.pool, nowMs)
  expect(await listed()).toHaveLength(3)
  nowMs += 86_400_000
  await forgetOldMessages(service.pool, nowMs)
  expect(await listed()).toMatchObject([{ status: 'set_aside' }])
})
