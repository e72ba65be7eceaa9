import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Note, Profile } from '../../server/features/profiles/schema.ts'
import { brand, daysAgo, NOW } from '../builders/brand.ts'
import { askerOf, type Asker } from '../support/askers.ts'
import { tell } from '../support/people.ts'
import { all, startTestService, TEST_KEY, type TestService } from '../support/service.ts'
import { startTestWecom, type TestWecom } from '../support/wecom.ts'

const STAFF = ['a1', 'a2', 'manager1', 'f1', 'auditor'] as const

let service: TestService
let wecom: TestWecom
let now = NOW
const people = new Map<string, Asker>()
const person = (userid: (typeof STAFF)[number]): Asker => people.get(userid)!

beforeAll(async () => {
  wecom = await startTestWecom({ staff: STAFF })
  service = await startTestService({ env: wecom.env, now: () => now++ })
  await tell(service, {
    ...brand,
    members: [
      { memberNo: 'M1', name: '陈晓', openingStore: 'S1' },
      { memberNo: 'M-OLD', name: '陈晓' },
    ],
    'member-assignments': [{ memberNo: 'M1', from: daysAgo(300), attributedAssociate: 'a1' }],
    identities: [
      { kind: 'external_userid', value: 'wm-1', memberNo: 'M1', at: daysAgo(300) },
      { kind: 'external_userid', value: 'wm-old', memberNo: 'M-OLD', at: daysAgo(300) },
    ],
  })
  for (const userid of STAFF) people.set(userid, await askerOf(service, userid))
})
afterAll(async () => {
  await service.close()
  await wecom.close()
})

async function put(fields: object[]) {
  const answer = await service.app.inject({
    method: 'PUT',
    url: '/api/v1/settings/questionnaire',
    headers: { authorization: `Bearer ${TEST_KEY}` },
    payload: { fields },
  })
  return {
    status: answer.statusCode,
    body: answer.json<{ errors?: { path: string; code: string }[]; fields?: object[] }>(),
  }
}
const FIELDS = [
  { key: 'colour', label: '喜欢的颜色', kind: 'several', options: ['红', '蓝', '黑'] },
  { key: 'visit', label: '方便到店的时间', kind: 'choice', options: ['工作日', '周末'] },
  { key: 'height', label: '身高', kind: 'number' },
  { key: 'wedding', label: '婚期', kind: 'date' },
]
const profileOf = (who: (typeof STAFF)[number] = 'a1', externalUserid = 'wm-1') =>
  person(who).get<Profile>(`/customers/profile?externalUserid=${externalUserid}`)
const answersOf = async (externalUserid?: string) =>
  Object.fromEntries((await profileOf('a1', externalUserid)).answers.map(({ field, value }) => [field, value]))
const answer = (field: string, value: unknown, over: object = {}, who: (typeof STAFF)[number] = 'a1') =>
  person(who).post('/customers/answers', { answerId: randomUUID(), externalUserid: 'wm-1', field, value, ...over })

describe('the questionnaire', () => {
  test('every fault is named by its path', async () => {
    const { status, body } = await put([
      { key: 'size', label: '尺码', kind: 'text' },
      { key: 'a', label: 'A', kind: 'choice' },
      { key: 'a', label: 'A', kind: 'text', options: ['x'] },
      { key: 'b', label: 'B', kind: 'several', options: ['x', 'x'] },
    ])
    expect(status).toBe(422)
    expect(body.errors!.map(({ path, code }) => `${path} ${code}`)).toEqual([
      'fields[0].key duplicate',
      'fields[1].options missing_field',
      'fields[2].key duplicate',
      'fields[2].options not_for_kind',
      'fields[3].options duplicate',
    ])
  })

  test('is kept in versions; the same again makes none', async () => {
    expect((await put(FIELDS)).body.fields).toEqual(FIELDS)
    expect((await put(FIELDS)).status).toBe(200)
    expect(await service.pool`SELECT 1 FROM questionnaires`).toHaveLength(1)
    expect((await profileOf()).fields.map(field => field.key)).toEqual([
      'size',
      'style',
      'anniversary',
      'colour',
      'visit',
      'height',
      'wedding',
    ])
  })

  test('answers are of their field’s kind; the last one counts, and null takes it back', async () => {
    for (const [field, value] of [
      ['colour', ['红', '红']],
      ['colour', ['绿']],
      ['colour', []],
      ['visit', '夜里'],
      ['height', '168'],
      ['wedding', '2026-02-30'],
      ['size', ' '],
      ['unknown', 'x'],
    ] as const) {
      expect([field, value, (await answer(field, value)).status]).toEqual([field, value, 422])
    }
    for (const [field, value] of [
      ['colour', ['红', '黑']],
      ['visit', '周末'],
      ['height', 168.5],
      ['wedding', '2026-10-01'],
      ['size', 'M'],
      ['size', 'L'],
    ] as const) {
      expect((await answer(field, value)).status).toBe(200)
    }
    expect(await answersOf()).toEqual({
      colour: ['红', '黑'],
      visit: '周末',
      height: 168.5,
      wedding: '2026-10-01',
      size: 'L',
    })
    expect((await answer('size', null)).status).toBe(200)
    expect(await answersOf()).not.toHaveProperty('size')
    expect((await profileOf()).answers.find(one => one.field === 'visit')).toMatchObject({ by: '导购 a1' })
  })

  test('a retry adds nothing, though something came in between', async () => {
    const answerId = randomUUID()
    await answer('style', '简约', { answerId })
    await answer('style', '通勤')
    await answer('style', '简约', { answerId })
    expect(await answersOf()).toMatchObject({ style: '通勤' })
    expect(await service.pool`SELECT 1 FROM member_answers WHERE field = 'style'`).toHaveLength(2)
  })

  test('an answer to what was asked otherwise is kept, and not shown', async () => {
    await put(FIELDS.map(field => (field.key === 'visit' ? { ...field, options: ['上午', '下午'] } : field)))
    expect(await answersOf()).not.toHaveProperty('visit')
    await put(FIELDS)
    expect(await answersOf()).toMatchObject({ visit: '周末' })
  })

  test('answers of a number that was merged are his', async () => {
    await tell(service, {
      'member-assignments': [{ memberNo: 'M-OLD', from: daysAgo(300), attributedAssociate: 'a1' }],
    })
    await answer('anniversary', '2020-05-20', { externalUserid: 'wm-old' })
    await tell(service, { 'member-merges': [{ memberNo: 'M-OLD', into: 'M1', at: daysAgo(1) }] })
    expect(await answersOf()).toMatchObject({ anniversary: '2020-05-20', height: 168.5 })
    expect(await answersOf('wm-old')).toMatchObject({ height: 168.5 })
  })
})

describe('notes', () => {
  test('are added once, deleted by whoever wrote them, and brought back', async () => {
    const noteId = randomUUID()
    const body = { noteId, externalUserid: 'wm-1', text: '对羊毛过敏' }
    expect((await person('a1').post('/customers/notes', body)).status).toBe(201)
    expect((await person('a1').post('/customers/notes', body)).status).toBe(200)
    expect((await person('a1').post('/customers/notes', { ...body, text: '别的' })).status).toBe(409)
    const notes = async (who: (typeof STAFF)[number]): Promise<Note[]> => (await profileOf(who)).notes
    expect(await notes('a1')).toMatchObject([{ noteId, text: '对羊毛过敏', by: '导购 a1', isMine: true }])
    expect(await notes('manager1')).toMatchObject([{ noteId, isMine: false }])
    const deed = (who: (typeof STAFF)[number], what: string) =>
      person(who).post(`/customers/notes/${noteId}/${what}`, { externalUserid: 'wm-1' })
    expect((await deed('manager1', 'delete')).status).toBe(403)
    for (let i = 0; i < 2; i++)
      expect(await deed('a1', 'delete')).toMatchObject({ status: 200, body: { isDeleted: true } })
    expect(await notes('a1')).toEqual([])
    expect(await deed('a1', 'restore')).toMatchObject({ status: 200, body: { isDeleted: false } })
    expect(await notes('a1')).toHaveLength(1)
    const deeds = await all<{ action: string; subject: string }>(service, '/activity')
    const own = deeds.filter(one => one.subject === 'members/M1').map(one => one.action)
    expect(own.slice(0, 3)).toEqual(['customer.note_restored', 'customer.note_deleted', 'customer.noted'])
    expect(own.filter(action => action === 'customer.answered').length).toBeGreaterThan(5)
  })
})

test('only whoever may see the card sees and writes it', async () => {
  for (const who of ['a2', 'f1'] as const) {
    expect((await person(who).ask('GET', '/customers/profile?externalUserid=wm-1')).status).toBe(404)
    expect((await answer('size', 'S', {}, who)).status).toBe(404)
  }
  expect((await profileOf('auditor')).memberNo).toBe('M1')
  expect((await answer('size', 'S', {}, 'auditor')).status).toBe(403)
  expect((await answer('size', 'S', {}, 'manager1')).status).toBe(200)
})
