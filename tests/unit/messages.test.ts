import { describe, expect, test } from 'vitest'
import {
  cardOf,
  DEFAULT_SETTINGS,
  formatClock,
  nextStep,
  parseClock,
  quietEnd,
  type Fact,
  type MessageKind,
  type Waiting,
} from '../../server/features/messages/domain.ts'
import { cutToBytes, maskDigits } from '../../server/lib/text.ts'

const at = (text: string) => Date.parse(text)
const ends = (now: string, zone: string, from = '21:00', to = '09:00') => {
  const end = quietEnd(at(now), { quietFrom: parseClock(from)!, quietTo: parseClock(to)! }, zone)
  return end === null ? null : new Date(end).toISOString()
}

describe('quiet hours', () => {
  test('over midnight', () => {
    const zone = 'Asia/Shanghai'
    expect(ends('2026-11-22T20:59:59.999+08:00', zone)).toBe(null)
    expect(ends('2026-11-22T21:00:00+08:00', zone)).toBe('2026-11-23T01:00:00.000Z')
    expect(ends('2026-11-23T00:00:00+08:00', zone)).toBe('2026-11-23T01:00:00.000Z')
    expect(ends('2026-11-23T08:59:59+08:00', zone)).toBe('2026-11-23T01:00:00.000Z')
    expect(ends('2026-11-23T09:00:00+08:00', zone)).toBe(null)
  })

  test('within a day, never, and in another zone', () => {
    expect(ends('2026-11-22T12:30:00+08:00', 'Asia/Shanghai', '12:00', '13:30')).toBe('2026-11-22T05:30:00.000Z')
    expect(ends('2026-11-22T13:30:00+08:00', 'Asia/Shanghai', '12:00', '13:30')).toBe(null)
    expect(ends('2026-11-22T03:00:00+08:00', 'Asia/Shanghai', '09:00', '09:00')).toBe(null)
    expect(ends('2026-11-22T12:30:00+08:00', 'America/New_York')).toBe('2026-11-22T14:00:00.000Z')
  })

  test('where the clock is put forward or back', () => {
    // On 8 March 2026 it jumps from 2 to 3, on 1 November 1:30 comes twice.
    expect(ends('2026-03-08T06:00:00Z', 'America/New_York', '21:00', '02:30')).toBe('2026-03-08T07:30:00.000Z')
    expect(ends('2026-11-01T05:10:00Z', 'America/New_York', '21:00', '01:30')).toBe('2026-11-01T05:30:00.000Z')
    expect(ends('2026-11-01T06:10:00Z', 'America/New_York', '21:00', '01:30')).toBe(null)
  })

  test('clocks are read and written', () => {
    expect([parseClock('00:00'), parseClock('23:59'), parseClock('24:00'), parseClock('9:00')]).toEqual([0, 1439, null, null]) // prettier-ignore
    expect(formatClock(545)).toBe('09:05')
  })
})

const NOW = at('2026-11-22T15:00:00+08:00')
const FACTS: { [K in MessageKind]: Fact } = {
  link_opened: { kind: 'link_opened', title: '羊毛大衣', customerName: '王小雨', externalUserid: 'wm1' },
  sold: { kind: 'sold', amountFen: 123_456, relation: 'direct' },
  friend_lost: { kind: 'friend_lost', customerName: null, externalUserid: 'wm1' },
  task_new: { kind: 'task_new', title: '生日关怀', isHis: true },
  dispute_decided: { kind: 'dispute_decided', outcome: 'upheld', orderNo: '1001', isFiler: true, changeFen: 500 },
  statement_ready: { kind: 'statement_ready', totalFen: 100 },
}
let made = 0
const waiting = (kind: MessageKind, more: Partial<Waiting> = {}): Waiting => ({
  kind,
  occasion: `o${String(made++).padStart(5, '0')}`,
  at: NOW - 1000 + made,
  isHeld: false,
  fact: FACTS[kind],
  ...more,
})
const many = (n: number, kind: MessageKind = 'link_opened', more: Partial<Waiting> = {}) =>
  Array.from({ length: n }, () => waiting(kind, more))
const step = (messages: Waiting[], more: Partial<Parameters<typeof nextStep>[1]> = {}) =>
  nextStep(messages, { settings: DEFAULT_SETTINGS, offKinds: [], isHere: true, cards: new Map(), now: NOW, ...more })

describe('what goes, and when', () => {
  test('few go one by one, the oldest first', () => {
    const messages = many(3)
    expect(step([...messages].reverse()).send).toEqual([messages[0]])
    expect(step(messages.slice(1), { cards: new Map([['link_opened', [NOW]]]) }).send).toEqual([messages[1]])
    expect(step(messages.slice(2), { cards: new Map([['link_opened', [NOW, NOW]]]) }).send).toEqual([messages[2]])
  })

  test('many go as one, and what comes after waits for the window’s end', () => {
    const messages = many(7)
    expect(step(messages).send).toHaveLength(7)
    const full = new Map<MessageKind, number[]>([['link_opened', [NOW - 120_000, NOW - 60_000, NOW]]])
    const held = step(messages, { cards: full })
    expect(held.send).toEqual([])
    expect(held.hold.map(({ until }) => until)).toEqual(messages.map(() => NOW - 120_000 + 600_000))
    // Another kind is not held up by it.
    expect(step([...messages, waiting('sold')], { cards: full }).send.map(one => one.kind)).toEqual(['sold'])
  })

  test('what quiet hours held goes as one, of all kinds', () => {
    const night = [...many(2, 'link_opened', { isHeld: true }), waiting('sold', { isHeld: true })]
    expect(step([...night, waiting('task_new')]).send).toHaveLength(3)
    expect(step(night.slice(0, 1)).send).toHaveLength(1)
  })

  test('what is over, old, unwanted, or of somebody who left is dropped', () => {
    const reasons = (messages: Waiting[], more = {}) => step(messages, more).drop.map(({ reason }) => reason)
    const old = waiting('sold', { at: NOW - 86_400_000 })
    expect(reasons([old, waiting('sold', { fact: null })])).toEqual(['stale', 'over'])
    expect(reasons([waiting('sold')], { offKinds: ['sold'] })).toEqual(['turned_off'])
    expect(reasons([waiting('sold')], { settings: { ...DEFAULT_SETTINGS, offKinds: ['sold'] } })).toEqual([
      'turned_off',
    ])
    expect(reasons([waiting('sold')], { isHere: false })).toEqual(['gone'])
    expect(step([waiting('sold', { at: NOW - 86_399_999 })]).send).toHaveLength(1)
  })
})

describe('cards', () => {
  const card = (...messages: Waiting[]) =>
    cardOf(messages, { cardId: 'c1', sidebarUrl: 'https://daogou.example/sidebar/', zone: 'Asia/Shanghai' })

  test('say what happened, and lead to its page', () => {
    const shown = (fact: Fact) => {
      const { title, description, url } = card(waiting(fact.kind, { at: NOW, fact }))
      const [time, ...lines] = [...description.matchAll(/<div class="(?:gray|normal|highlight)">(.*?)<\/div>/g)].map(m => m[1]) // prettier-ignore
      expect(time).toBe('11月22日 15:00')
      return [title, ...lines, url.replace('https://daogou.example/sidebar/#', '')]
    }
    expect(Object.values(FACTS).map(shown)).toEqual([
      ['你的链接有人打开了', '王小雨打开了你分享的「羊毛大衣」', '/customers/wm1?card=c1'],
      ['你有一笔新成交', '线上直接成交，这一单算你的', '提成 ¥1,234.56（税前）', '/earnings?card=c1'],
      ['有顾客删除了你', '一位顾客把你从微信好友中删除了', '/customers/wm1?card=c1'],
      ['你有一个新任务', '生日关怀', '/tasks?card=c1'],
      ['你的申诉有结果了', '订单 1001：申诉成立', '你的提成 +¥5.00（税前）', '/earnings?card=c1'],
      ['你的结算单出来了', '应发 ¥1.00（税前）', '/earnings?card=c1'],
    ])
    expect(
      shown({ kind: 'dispute_decided', outcome: 'rejected', orderNo: '7', isFiler: false, changeFen: -5 }),
    ).toEqual(['一笔提成因申诉有变动', '订单 7：申诉未成立', '你的提成 -¥0.05（税前）', '/earnings?card=c1'])
  })

  test('several are counts', () => {
    const { title, description, url } = card(...many(4, 'sold'))
    expect(title).toBe('你有 4 条新消息')
    expect(description).toContain('新成交 4 单，提成 ¥4,938.24（税前）')
    expect(url).toContain('#/earnings?')
    const all = card(...Object.keys(FACTS).flatMap(kind => many(999, kind as MessageKind)))
    expect(all.description.match(/<div/g)).toHaveLength(7)
    expect(all.url).toContain('#/?')
    expect(Buffer.byteLength(all.description)).toBeLessThanOrEqual(512)
  })

  test('names are text, without phones, and never too long', () => {
    const named = (customerName: string, title = customerName) => card(waiting('link_opened', { fact: { kind: 'link_opened', title, customerName, externalUserid: null } })).description // prettier-ignore
    expect(named('<b>&"', '大衣')).toContain('&lt;b&gt;&amp;&quot;打开了')
    expect(named('张姐 138 0013 8000')).toContain('张姐 ***')
    for (const name of ['&'.repeat(300), '很'.repeat(300), '👩‍👩‍👧'.repeat(99), "'".repeat(200)]) {
      const description = named(name)
      expect(Buffer.byteLength(description)).toBeLessThanOrEqual(512)
      expect(description).toMatch(/….*打开了你分享的「.*…」<\/div>$/)
      expect(description.isWellFormed()).toBe(true)
      expect(description.replace(/&(?:amp|#39);/g, '')).not.toContain('&')
    }
  })

  test('cut at characters, and long numbers masked', () => {
    expect(cutToBytes('很好', 6)).toBe('很好')
    expect(cutToBytes('很好吗', 8)).toBe('很…')
    expect(cutToBytes('👍👍', 7)).toBe('👍…')
    expect([maskDigits('13800138000'), maskDigits('+86 138-0013-8000x'), maskDigits('2026 年 12 单')]).toEqual(['***', '+***x', '2026 年 12 单']) // prettier-ignore
  })
})
