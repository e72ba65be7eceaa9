import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FriendSeen, GroupMemberSeen } from '../../server/features/mirror/answers.ts'
import {
  friendAdded,
  friendEnded,
  friendSeen,
  membersChanged,
  membersSeen,
  storeOfDepartment,
  type FriendChange,
  type FriendRow,
  type FriendTold,
  type MembershipRow,
} from '../../server/features/mirror/domain.ts'

const START = Date.UTC(2026, 0, 1)
const pair = { userid: 'a1', externalUserid: 'wm1' }
const shown = (since: number): FriendSeen => ({
  ...pair,
  since,
  addWay: 1,
  state: null,
  remark: null,
  description: null,
  tagIds: [],
})

/** What people do, in turn: they become friends, and one of them ends it, or WeCom gives the customer to a colleague. */
const historyArb = fc
  .array(fc.constantFrom('customer' as const, 'associate' as const, 'transfer' as const), { maxLength: 4 })
  .chain(ends => fc.record({ ends: fc.constant(ends), isFriendAtLast: fc.boolean() }))

describe('a friendship', () => {
  test('ends up as it is in WeCom, whatever the order in which its events come, each as often as it likes', () => {
    fc.assert(
      fc.property(
        historyArb,
        fc.infiniteStream(fc.nat()),
        fc.integer({ min: 1, max: 3 }),
        ({ ends, isFriendAtLast }, randoms, copies) => {
          const events: { at: number; kind: 'added' | 'customer' | 'associate' | 'transfer' }[] = []
          let at = START
          for (const end of ends)
            events.push({ at: (at += 120_000), kind: 'added' }, { at: (at += 120_000), kind: end })
          if (isFriendAtLast) events.push({ at: (at += 120_000), kind: 'added' })
          const last = events.at(-1)
          const lastAdded = events.filter(event => event.kind === 'added').at(-1)?.at
          // WeCom shows it while it is so, and goes on where the customer ended it.
          const isShown = last !== undefined && last.kind !== 'associate' && last.kind !== 'transfer'
          const since = isShown ? lastAdded! : null
          const mixed = Array.from({ length: copies }, () => events)
            .flat()
            .map(event => ({ event, random: randoms.next().value }))
            .sort((a, b) => a.random - b.random)
          let row: FriendRow | null = null
          const told: FriendTold[] = []
          let askedAt = at + 3_600_000
          const become = (change: FriendChange | null) => {
            if (!change) return
            row = { ...change.row, isTold: true }
            told.push(...change.told)
          }
          for (const { event } of mixed) {
            askedAt += 1000
            if (event.kind !== 'added') become(friendEnded(row, { ...pair, at: event.at, endedBy: event.kind }))
            else if (since === null) become(friendAdded(row, { ...pair, at: event.at, state: null }))
            else become(friendSeen(row, shown(since), { askedAt, addedAt: event.at }))
          }
          const isFriend = row !== null && (row as FriendRow).endedAt === null
          expect(isFriend).toBe(isFriendAtLast)
          // Everything that happened was told, at its time.
          const keys = new Set(told.map(one => `${one.kind} ${one.at} ${one.endedBy ?? ''}`))
          for (const event of events) {
            const expected: string = event.kind === 'added' ? `added ${event.at} ` : `ended ${event.at} ${event.kind}`
            expect(keys).toContain(expected)
          }
          // A walk afterwards finds nothing to repair.
          if (since !== null)
            expect(friendSeen(row, shown(since), { askedAt: askedAt + 1, addedAt: null })?.told).toEqual([])
        },
      ),
      { numRuns: 500 },
    )
  })

  test('that a list showed before it began is not taken for ended by an older answer', () => {
    const row = friendSeen(null, shown(START), { askedAt: START + 5000 })!.row
    expect(friendSeen(row, shown(START), { askedAt: START + 4000 })).toBeNull()
  })
})

describe('a group', () => {
  const member = (memberId: string, joinedAt: number): GroupMemberSeen => ({
    memberId,
    isStaff: false,
    name: memberId,
    unionid: null,
    joinedAt,
    joinScene: 3,
    invitedBy: null,
    state: null,
  })
  const write = (rows: MembershipRow[], changed: readonly MembershipRow[]) => {
    const all = new Map(rows.map(row => [`${row.memberId} ${row.joinedAt}`, row]))
    for (const row of changed) all.set(`${row.memberId} ${row.joinedAt}`, row)
    return [...all.values()]
  }

  test('whose list was seen, and seen again, has the same people, and when they came and went', () => {
    let rows = write([], membersSeen([], [member('wm1', START), member('wm2', START)], START).rows)
    expect(membersSeen(rows, [member('wm1', START), member('wm2', START)], START + 1).rows).toEqual([])
    const gone = membersSeen(rows, [member('wm1', START)], START + 60_000)
    expect([gone.joined, gone.left]).toEqual([0, 1])
    rows = write(rows, gone.rows)
    // The event comes late, and knows better when he left, and how.
    const event = { detail: 'del_member', memberIds: ['wm2'], at: START + 30_000, wasRemoved: true } as const
    rows = write(rows, membersChanged(rows, event, () => false).rows)
    expect(rows.find(row => row.memberId === 'wm2')).toMatchObject({ leftAt: START + 30_000, wasRemoved: true })
    expect(membersChanged(rows, event, () => false).rows).toEqual([])
    const back = membersSeen(rows, [member('wm1', START), member('wm2', START + 90_000)], START + 100_000)
    expect(back.joined).toBe(1)
    expect(write(rows, back.rows).filter(row => row.memberId === 'wm2')).toHaveLength(2)
  })

  test('an event that the list does not show yet counts', () => {
    const event = { detail: 'add_member', memberIds: ['wm3', 'a1'], at: START, wasRemoved: null } as const
    const { rows } = membersChanged([], event, id => id === 'a1')
    expect(rows.map(row => [row.memberId, row.isStaff, row.joinedAt])).toEqual([
      ['wm3', false, START],
      ['a1', true, START],
    ])
    expect(membersSeen(rows, [member('wm3', START + 1000), member('a1', START)], START + 5000).joined).toBe(0)
  })
})

test('a department leads to the nearest store above it', () => {
  const departments = new Map([
    [1, { departmentId: 1, parentId: 0 }],
    [7, { departmentId: 7, parentId: 1 }],
    [8, { departmentId: 8, parentId: 7 }],
    [9, { departmentId: 9, parentId: 9 }],
  ])
  const stores = new Map([[7, 'S1']])
  expect([7, 8, 1, 9, 99].map(id => storeOfDepartment(id, departments, stores))).toEqual(['S1', 'S1', null, null, null])
})
