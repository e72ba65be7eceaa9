import { describe, expect, test } from 'vitest'
import {
  countDays,
  formatAgo,
  formatBps,
  formatDate,
  formatDay,
  formatFen,
  formatFenShort,
  formatMoment,
  formatRate,
} from '../../sidebar/lib/format.ts'

const zone = 'Asia/Shanghai'
const now = '2026-03-02T12:30:00+08:00'

describe('money', () => {
  test.each([
    [0, '¥0.00'],
    [5, '¥0.05'],
    [100_00, '¥100.00'],
    [123_456, '¥1,234.56'],
    [100_000_000_000_000, '¥1,000,000,000,000.00'],
    [-1_200, '−¥12.00'],
    [-99, '−¥0.99'],
  ])('%i fen read %s', (fen, text) => expect(formatFen(fen)).toBe(text))

  test('a change carries its sign, nothing carries none', () => {
    expect([1, 0, -1].map(fen => formatFen(fen, { sign: 'always' }))).toEqual(['+¥0.01', '¥0.00', '−¥0.01'])
  })

  test.each([
    [864_249, '¥8,642', '¥8,642'],
    [864_250, '¥8,643', '¥8,643'],
    [9_999_949, '¥99,999', '¥99,999'],
    [9_999_950, '¥10.0 万', '¥100.0k'],
    [1_234_567_890, '¥1,234.6 万', '¥12,345.7k'],
  ])('%i fen are short as %s', (fen, zh, en) => {
    expect(formatFenShort(fen, 'zh')).toBe(zh)
    expect(formatFenShort(fen, 'en')).toBe(en)
  })

  test('rates keep two digits in an explanation and drop them where room is short', () => {
    expect([400, 5, 10_000].map(formatBps)).toEqual(['4.00%', '0.05%', '100.00%'])
    expect([400, 450, 5].map(formatRate)).toEqual(['4%', '4.5%', '0.05%'])
  })
})

describe('time in the brand’s zone', () => {
  test.each([
    ['2026-03-02T12:29:31+08:00', '刚刚', 'just now'],
    ['2026-03-02T12:31:00+08:00', '刚刚', 'just now'],
    ['2026-03-02T12:18:00+08:00', '12 分钟前', '12 min ago'],
    ['2026-03-02T00:00:00+08:00', '12 小时前', '12 h ago'],
    ['2026-03-01T23:59:00+08:00', '昨天 23:59', 'yesterday 23:59'],
    ['2026-03-01T00:00:00+08:00', '昨天 00:00', 'yesterday 00:00'],
    ['2026-02-28T20:00:00+08:00', '02-28', '02-28'],
    ['2025-11-09T20:00:00+08:00', '2025-11-09', '2025-11-09'],
  ])('%s is %s', (instant, zh, en) => {
    expect(formatAgo(instant, zone, 'zh', now)).toBe(zh)
    expect(formatAgo(instant, zone, 'en', now)).toBe(en)
  })

  test('a day is one of the zone, not of the instant’s own offset', () => {
    expect(formatDate('2026-03-01T16:30:00Z', zone)).toBe('2026-03-02')
    expect(formatDate('2026-03-01T16:30:00Z', 'UTC')).toBe('2026-03-01')
    expect(formatDay('2025-12-31T16:00:00Z', zone, now)).toBe('01-01')
    expect(countDays('2026-03-01T15:59:00Z', '2026-03-01T16:01:00Z', zone)).toBe(1)
  })

  test('moments for sentences name the year only where it is another', () => {
    expect(formatMoment('2026-03-02T12:04:00+08:00', zone, 'zh', now)).toBe('3 月 2 日 12:04')
    expect(formatMoment('2025-03-02T00:04:00+08:00', zone, 'zh', now)).toBe('2025 年 3 月 2 日 00:04')
    expect(formatMoment('2026-03-02T12:04:00+08:00', zone, 'en', now)).toBe('Mar 2, 12:04')
    expect(formatMoment('2025-03-02T12:04:00+08:00', zone, 'en', now)).toBe('Mar 2 2025, 12:04')
  })
})
