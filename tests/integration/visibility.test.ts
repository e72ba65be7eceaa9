import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Earnings } from '../../server/features/earnings/schema.ts'
import type { VisibilityBody } from '../../server/features/visibility/schema.ts'
import { at, brand, daysAgo, NOW } from '../builders/brand.ts'
import { tell } from '../support/people.ts'
import { startTestService, TEST_KEY, type TestService } from '../support/service.ts'
import { signedIn, startTestWecom, type TestWecom } from '../support/wecom.ts'

let service: TestService
let wecom: TestWecom

const sold = (orderNo: string, closer: string, paidFen: number) => ({
  source: 'pos',
  orderNo,
  channel: 'in_store',
  sellingStore: 'S1',
  closer,
  paidAt: at('2026-05-20T10:00:00'),
  lines: [{ lineNo: 1, sku: 'k', quantity: 1, paidFen }],
})

beforeAll(async () => {
  wecom = await startTestWecom({ staff: ['a1', 'a2', 'manager1', 'boss', 'auditor'] })
  service = await startTestService({ env: wecom.env, now: () => NOW })
  await tell(service, {
    ...brand,
    members: [
      { memberNo: 'GOLD', name: '陈晓', phone: '13812345678', openingStore: 'S1', openingAssociate: 'a1' },
      { memberNo: 'NUMBERLESS', name: '周敏', openingStore: 'S1', openingAssociate: 'a1' },
    ],
    identities: [
      { kind: 'external_userid', value: 'wm-gold', memberNo: 'GOLD', at: daysAgo(3) },
      { kind: 'external_userid', value: 'wm-numberless', memberNo: 'NUMBERLESS', at: daysAgo(3) },
    ],
    orders: [sold('1', 'a1', 5000), sold('2', 'a2', 9000)],
  })
  await service.settled()
})
afterAll(async () => {
  await service.close()
  await wecom.close()
})

async function allow(visibility: VisibilityBody): Promise<void> {
  const answer = await service.app.inject({
    method: 'PUT',
    url: '/api/v1/settings/visibility',
    headers: { authorization: `Bearer ${TEST_KEY}` },
    payload: visibility,
  })
  expect(answer.statusCode).toBe(200)
  expect(await service.get('/settings/visibility')).toEqual(visibility)
}

async function phoneFor(userid: string, externalUserid = 'wm-gold') {
  const { browser, csrf } = await signedIn(service, userid)
  const card = await browser.call('GET', `/api/v1/cards/customer?externalUserid=${externalUserid}`)
  const answer = await browser.call('POST', '/api/v1/customers/phone', { body: { externalUserid }, headers: csrf })
  const { member } = card.json() as { member: { mayShowPhone: boolean } | null }
  return [member?.mayShowPhone ?? null, answer.status, (answer.json() as { phone?: string }).phone ?? null]
}

const looks = async () =>
  (await service.get<{ items: { actor: string; subject: string }[] }>('/activity?action=phone.read')).items

test('nobody has whole phones until the brand says who', async () => {
  expect(await service.get('/settings/visibility')).toEqual({ wholePhone: 'nobody', ranks: 'hidden' })
  expect(await phoneFor('a1')).toEqual([false, 403, null])
  expect(await phoneFor('boss')).toEqual([false, 403, null])
  expect(await looks()).toEqual([])
})

test('each word gives the right to those before it too, and every look is recorded', async () => {
  await allow({ wholePhone: 'headquarters', ranks: 'hidden' })
  expect(await phoneFor('boss')).toEqual([true, 200, '13812345678'])
  expect(await phoneFor('manager1')).toEqual([false, 403, null])
  await allow({ wholePhone: 'managers', ranks: 'hidden' })
  expect(await phoneFor('manager1')).toEqual([true, 200, '13812345678'])
  expect(await phoneFor('a1')).toEqual([false, 403, null])
  await allow({ wholePhone: 'associates', ranks: 'hidden' })
  expect(await phoneFor('a1')).toEqual([true, 200, '13812345678'])
  expect((await looks()).map(look => `${look.actor} ${look.subject}`).sort()).toEqual([
    'a1 GOLD',
    'boss GOLD',
    'manager1 GOLD',
  ])
})

test('the right is to numbers of customers whom one sees', async () => {
  await allow({ wholePhone: 'associates', ranks: 'hidden' })
  // A colleague’s customer is seen by name alone; an auditor changes nothing, and a look is a record.
  expect(await phoneFor('a2')).toEqual([false, 404, null])
  expect(await phoneFor('auditor')).toEqual([false, 403, null])
  expect(await phoneFor('a1', 'wm-numberless')).toEqual([false, 404, null])
  expect(await phoneFor('a1', 'wm-nobody')).toEqual([null, 404, null])
})

test('ranks are shown as far as the brand allows', async () => {
  const rankOf = async (userid: string) => {
    const { browser } = await signedIn(service, userid)
    return ((await browser.call('GET', '/api/v1/earnings?span=today')).json() as Earnings).rank
  }
  await allow({ wholePhone: 'nobody', ranks: 'hidden' })
  expect(await rankOf('a1')).toBeNull()
  await allow({ wholePhone: 'nobody', ranks: 'own' })
  expect(await rankOf('a1')).toMatchObject({ place: 2, team: [] })
  await allow({ wholePhone: 'nobody', ranks: 'all' })
  const rank = await rankOf('a2')
  expect(rank).toMatchObject({ place: 1 })
  expect(rank!.team.slice(0, 2)).toMatchObject([
    { place: 1, creditedFen: 9000, isMe: true },
    { place: 2, creditedFen: 5000, isMe: false },
  ])
  expect(rank!.team).toHaveLength(rank!.of)
})
