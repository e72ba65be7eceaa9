import { describe, expect, test } from 'vitest'
import { backOffMs, isForbidden, isPassing, mayRepeat } from '../../server/features/wecom/domain.ts'
import { addressIn, ADVICE, adviceOf } from '../../server/features/wecom/errors.ts'

const refused = (errcode: number | null, address: string | null = null) => ({ errcode, address })

describe('what a refusal tells an administrator', () => {
  test.each([
    [60020, '企业可信IP', '203.0.113.9'],
    [48002, '可调用接口的应用', 'customer APIs'],
    [84074, '可调用接口的应用', 'customer APIs'],
    [50001, '可信域名', 'domain'],
    [42012, 'ticket', 'WECOM_AGENT_ID'],
    [301002, 'WECOM_AGENT_ID', 'copy both'],
    [40001, 'WECOM_SECRET', 'Secret'],
    [40091, 'WECOM_SECRET', 'Secret'],
    [40013, 'WECOM_CORP_ID', '企业信息'],
    [60011, '可见范围', 'visible range'],
    [60111, 'associateId', 'no such person'],
    [84061, '客户联系', 'customers'],
    [41057, 'unionid', 'developer id'],
    [45009, '自动', 'by itself'],
  ])('%i', (errcode, chinese, english) => {
    const advice = adviceOf(refused(errcode, '203.0.113.9'))
    expect(advice.zh).toContain(chinese)
    expect(advice.en).toContain(english)
  })
  test('no answer, and a code that nobody knows', () => {
    expect(adviceOf(refused(null)).zh).toContain('WECOM_API_URL')
    expect(adviceOf(refused(987_654)).en).toContain('query?e=987654')
    expect(adviceOf(refused(60020)).zh).not.toContain('{')
  })
  test('each is said in both languages', () => {
    for (const advice of Object.values(ADVICE)) {
      expect(advice.zh).toMatch(/[\u4e00-\u9fff]/)
      expect(advice.en).toMatch(/^[A-Z]/)
    }
  })
  test.each([
    ['not allow to access from your ip, hint: [1], from ip: 1.2.3.4, more info at https://x?e=60020', '1.2.3.4'],
    ['denied, from ip: 2001:db8::1, more info', '2001:db8::1'],
    ['invalid credential', null],
    [undefined, null],
  ])('the address in %j', (errmsg, address) => expect(addressIn(errmsg)).toBe(address))
})

describe('what is asked again', () => {
  const unknown = { errcode: null, outcome: 'unknown' } as const
  const code = (errcode: number) => ({ errcode, outcome: 'refused' }) as const
  test.each([
    ['a read without an answer', unknown, true, 1, true],
    ['a message without an answer', unknown, false, 1, false],
    ['a message that was never sent', { errcode: null, outcome: 'not_sent' } as const, false, 1, true],
    ['a message that WeCom was too busy for', code(-1), false, 3, true],
    ['busy for the fourth time', code(-1), true, 4, false],
    ['too often', code(45009), false, 1, true],
    ['too many at once', code(45033), false, 5, true],
    ['no permission', code(48002), true, 1, false],
    ['a wrong parameter', code(40058), true, 1, false],
  ])('%s', (_, failure, isHarmless, tries, expected) => {
    expect(mayRepeat(failure, { tries, isHarmless })).toBe(expected)
  })
  test('waits grow, are spread, and have an end', () => {
    expect([1, 2, 3, 10].map(tries => backOffMs(tries, 0))).toEqual([200, 400, 800, 5000])
    expect([1, 2, 3, 10].map(tries => backOffMs(tries, 1))).toEqual([400, 800, 1600, 10_000])
  })
  test('what passes by itself is no fault of the settings', () => {
    for (const errcode of [null, -1, 45009, 45033]) {
      expect([isPassing({ errcode, outcome: 'refused' }), isForbidden({ errcode, outcome: 'refused' })]).toEqual([
        true,
        false,
      ])
    }
    expect(isForbidden(code(48002))).toBe(true)
    expect([isPassing(code(40096)), isForbidden(code(40096))]).toEqual([false, false])
  })
})
