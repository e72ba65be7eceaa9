import { describe, expect, test } from 'vitest'
import {
  customerAsked,
  customerSeen,
  failureOf,
  groupAsked,
  groupSeen,
  kindOf,
  nextPoll,
  oftenUntil,
  type ItemState,
} from '../../server/features/transfers/domain.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const NOW = Date.UTC(2026, 4, 1)

describe('which calls are for somebody', () => {
  test.each([
    ['nobody whom WeCom showed', null, true, 'unknown'],
    ['who is in sight and told to work here', { goneAt: null }, true, 'on_job'],
    ['who is in sight, though told to have left', { goneAt: null }, false, 'on_job'],
    ['who is out of sight and told to work here', { goneAt: NOW }, true, 'out_of_sight'],
    ['who is out of sight and told to have left', { goneAt: NOW }, false, 'resigned'],
  ] as const)('%s', (_, staff, worksHere, expected) => {
    expect(kindOf(staff, worksHere)).toBe(expected)
  })
})

test('who changed hands twice in 90 days may when the first of them is over', () => {
  const days = (...ago: number[]) => ago.map(day => NOW - day * DAY)
  expect(oftenUntil(days(1), NOW)).toBeNull()
  expect(oftenUntil(days(1, 90), NOW)).toBeNull()
  expect(oftenUntil(days(1, 89), NOW)).toBe(NOW + DAY)
  expect(oftenUntil(days(80, 10, 20), NOW)).toBe(NOW + 70 * DAY)
})

test.each([
  [0, { state: 'asked' }],
  [40129, { state: 'asked', errcode: 40129 }],
  [40100, { state: 'asked', errcode: 40100 }],
  [40099, { state: 'taker_full', errcode: 40099 }],
  [-1, { state: 'waiting' }],
  [40096, { state: 'failed', fault: 'wecom', errcode: 40096 }],
])('WeCom’s errcode %i about a customer', (errcode, expected) => {
  expect(customerAsked(errcode)).toEqual(expected)
})

describe('what WeCom’s list says of a customer', () => {
  const asked = (state: ItemState, ago: number, errcode: number | null = null) => ({ state, askedAt: NOW - ago, errcode }) // prettier-ignore
  const done = (takeoverAt: number | null) => ({ status: 1, takeoverAt })
  const waiting = { status: 2, takeoverAt: NOW + HOUR }
  const over = (status: number) => ({ status, takeoverAt: null })
  test.each<[string, ReturnType<typeof asked>, { status: number; takeoverAt: number | null }[], object | null]>([
    ['waiting', asked('asked', DAY), [waiting], { state: 'asked', takeoverAt: NOW + HOUR }],
    ['waiting, and nobody knew', asked('asking', HOUR), [waiting], { state: 'asked', takeoverAt: NOW + HOUR }],
    ['done', asked('asked', DAY), [done(NOW - 1)], { state: 'done', takeoverAt: NOW - 1 }],
    ['done, not said when', asked('asked', DAY), [done(null)], { state: 'done', takeoverAt: NOW }],
    ['done before he was asked for', asked('asked', DAY), [done(NOW - 2 * DAY)], null],
    ['done before, and nobody knew', asked('asking', DAY), [done(NOW - 2 * DAY)], { state: 'waiting' }],
    ['refused before and waiting now', asked('asked', HOUR), [over(3), waiting], { state: 'asked', takeoverAt: NOW + HOUR }], // prettier-ignore
    ['refused', asked('asked', HOUR), [over(3)], { state: 'refused' }],
    ['refused, and nobody knew', asked('asking', HOUR), [over(3)], { state: 'refused' }],
    ['the taker is full', asked('asked', DAY), [over(4)], { state: 'taker_full' }],
    ['no record', asked('asked', HOUR), [over(5)], { state: 'failed', fault: 'no_record' }],
    ['no record yet', asked('asked', 1000), [over(5)], null],
    ['nothing yet', asked('asking', 1000), [], null],
    ['nothing, and nobody knew', asked('asking', HOUR), [], { state: 'waiting' }],
    ['nothing', asked('asked', DAY), [], null],
    ['nothing of what somebody else transfers', asked('asked', HOUR, 40129), [], { state: 'failed', fault: 'wecom', errcode: 40129 }], // prettier-ignore
    ['nothing in a week', asked('asked', 8 * DAY), [], { state: 'failed', fault: 'no_end' }],
    ['waiting for more than a week', asked('asked', 8 * DAY), [waiting], { state: 'failed', fault: 'no_end' }],
    ['done after more than a week', asked('asked', 8 * DAY), [done(NOW - 1)], { state: 'done', takeoverAt: NOW - 1 }],
  ])('%s', (_, item, records, expected) => {
    expect(customerSeen(item, records, NOW)).toEqual(expected)
  })
  test('an event says why he was not taken over', () => {
    expect(['customer_refused', 'customer_limit_exceed', null].map(failureOf)).toEqual([
      { state: 'refused' },
      { state: 'taker_full' },
      null,
    ])
  })
})

describe('a group', () => {
  test('changes hands at once, fails, or is looked at', () => {
    expect(groupAsked(null)).toEqual({ state: 'done' })
    expect(groupAsked(90501)).toEqual({ state: 'failed', fault: 'wecom', errcode: 90501 })
    expect(groupAsked(90507)).toEqual({ state: 'asking', errcode: 90507 })
  })
  test('whose owner tells', () => {
    const asked = (errcode: number | null, ago = HOUR) => ({ askedAt: NOW - ago, errcode })
    expect(groupSeen(asked(null), true, NOW)).toEqual({ state: 'done' })
    expect(groupSeen(asked(90508), true, NOW)).toEqual({ state: 'done' })
    expect(groupSeen(asked(90508), false, NOW)).toEqual({ state: 'failed', fault: 'wecom', errcode: 90508 })
    expect(groupSeen(asked(null), false, NOW)).toEqual({ state: 'waiting' })
    expect(groupSeen(asked(null, 1000), false, NOW)).toBeNull()
    expect(groupSeen(asked(90507), false, NOW)).toBeNull()
    expect(groupSeen(asked(90507, 8 * DAY), false, NOW)).toEqual({ state: 'failed', fault: 'no_end' })
  })
})

test('WeCom is asked more often when something is to happen, and less when nothing does', () => {
  const asked = NOW - 11 * MINUTE
  expect(nextPoll([NOW + 23 * HOUR], asked, NOW)).toBe(NOW + 4 * HOUR)
  expect(nextPoll([NOW + HOUR, NOW + 9 * HOUR], asked, NOW)).toBe(NOW + HOUR + MINUTE)
  expect(nextPoll([NOW - MINUTE, NOW + HOUR], asked, NOW)).toBe(NOW + HOUR + MINUTE)
  expect(nextPoll([NOW - MINUTE], asked, NOW)).toBe(NOW + 30 * MINUTE)
  expect(nextPoll([NOW - 7 * HOUR], asked, NOW)).toBe(NOW + 6 * HOUR)
  expect(nextPoll([], NOW - 23 * HOUR, NOW)).toBe(NOW + HOUR + MINUTE)
})
