import { describe, expect, test } from 'vitest'
import { biggestChanges } from '../../console/features/community/changes.ts'
import { changeOf, formatFigure } from '../../console/lib/figures.ts'
import { presets, spanIn } from '../../console/lib/span.ts'

describe('spans of days', () => {
  test.each([
    ['today', '2026-03-01', '2026-03-01', '2026-03-02'],
    ['yesterday', '2026-03-01', '2026-02-28', '2026-03-01'],
    ['last7', '2026-03-01', '2026-02-23', '2026-03-02'],
    ['last30', '2028-03-01', '2028-02-01', '2028-03-02'],
    ['this_month', '2026-12-31', '2026-12-01', '2027-01-01'],
    ['last_month', '2026-01-15', '2025-12-01', '2026-01-01'],
    ['this_year', '2026-11-22', '2026-01-01', '2026-11-23'],
  ] as const)('%s on %s', (span, today, from, to) => {
    expect(spanIn({ span }, today)).toEqual({ preset: span, from, to })
  })

  test('own days include the last one; what is no span is the last 30 days', () => {
    const today = '2026-11-22'
    expect(spanIn({ from: '2026-11-01', until: '2026-11-30' }, today)).toEqual({
      preset: 'own',
      from: '2026-11-01',
      to: '2026-12-01',
    })
    const usual = spanIn({}, today)
    expect(spanIn({ span: 'for ever' }, today)).toEqual(usual)
    expect(spanIn({ from: '2026-11-02', until: '2026-11-01' }, today)).toEqual(usual)
    expect(presets).toContain(usual.preset)
  })
})

test.each([
  ['netSalesFen', 112, 100, '12.0%'],
  ['netSalesFen', 88, 100, '12.0%'],
  ['repeatBps', 3490, 3550, '0.6'],
  ['orders', 0, 0, '0%'],
  ['orders', 5, 0, null],
  ['clickBps', null, 100, null],
] as const)('%s from %s to %s is told as %s', (name, now, before, text) => {
  expect(changeOf(name, now, before)?.text ?? null).toBe(text)
})

test('a figure is shown as its name says', () => {
  expect(formatFigure('netSalesFen', 328_641_000)).toBe('¥3,286,410.00')
  expect(formatFigure('clickBps', 4196)).toBe('42.0%')
  expect(formatFigure('unitsPerOrderHundredths', 187)).toBe('1.87')
  expect(formatFigure('orders', 4182)).toBe('4,182')
  expect(formatFigure('clickBps', null)).toBe('–')
})

test('told is what changed most, and nothing that is small', () => {
  const quiet = {
    newMembers: 100,
    friendsAdded: 100,
    friendsLost: 9,
    groupJoined: 100,
    groupLeft: 100,
    hereFen: 1_000_000,
    othersFen: 50_000,
    onlineFen: 1_000_000,
    buyers: 100,
    activeBps: 4000,
    repeatBps: null,
  }
  const now = { ...quiet, friendsLost: 3, groupLeft: 200, hereFen: 800_000, othersFen: 10_000, buyers: 105 }
  expect(biggestChanges({ ...now, before: quiet }).map(({ name }) => name)).toEqual(['groupLeft', 'hereFen'])
})
