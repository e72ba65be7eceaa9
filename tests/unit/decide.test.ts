import { describe, expect, test } from 'vitest'
import {
  attribute,
  findPerson,
  isActive,
  lastMemberNo,
  type Candidate,
  type IdentityKind,
  type OrderEvidence,
  type ShareLink,
  type Touch,
} from '../../server/features/attribution/domain.ts'
import {
  decide,
  differences,
  planInForce,
  type Entitlement,
  type Plan,
  type Rule,
  type When,
} from '../../server/features/commissions/domain.ts'
import { tell, valueInForce } from '../../server/lib/dated.ts'
import { rateOf, rateOfFloor, splitByLargestRemainder, sumFen } from '../../server/lib/money.ts'
import { compareBytes } from '../../server/lib/text.ts'
import { DAY_MS, FAR_FUTURE, MINUTE_MS } from '../../server/lib/time.ts'
import {
  aLine,
  aLink,
  aMember,
  anAssignment,
  anAssociate,
  anOrder,
  anOverride,
  aPlan,
  aRefund,
  aRule,
  aStore,
  aTouch,
  daysBefore,
  decidePaid,
  evidenceOf,
  HOUR_MS,
  paid,
  PAID_AT,
  type EvidenceParts,
} from '../builders/evidence.ts'

// ------------------------------------------------------------------------------------------ worked examples

/** The plan of docs/commission.md, "The plan". */
const STANDARD: Plan = aPlan({
  version: 3,
  effectiveFrom: Date.parse('2026-03-01T00:00:00+08:00'),
  sameAssociate: 'sum',
  lineCapBps: 1200,
  rules: [
    {
      id: 'share-shoes',
      role: 'sharer',
      when: { channels: ['online'], categories: ['shoes'] },
      rateBps: 600,
      bearer: 'headquarters',
    },
    { id: 'share', role: 'sharer', when: {}, rateBps: 400, bearer: 'headquarters' },
    { id: 'till', role: 'closer', when: { channels: ['in_store'] }, rateBps: 300, bearer: 'selling_store' },
    { id: 'care', role: 'attributed', when: {}, rateBps: 100, bearer: 'home_store' },
    {
      id: 'franchise',
      role: 'home_store',
      when: { channels: ['online'], homeStoreTypes: ['franchise'] },
      rateBps: 1500,
      bearer: 'headquarters',
    },
    {
      id: 'service-fee',
      role: 'headquarters',
      when: { channels: ['online'], sellingStoreTypes: ['franchise'] },
      rateBps: 500,
      bearer: 'selling_store',
    },
  ],
})

/** A3 is attributed to the buyer, whose home store is S2. */
const CARED_FOR: EvidenceParts = {
  assignments: [anAssignment({ attributedAssociate: 'A3', homeStore: 'S2' })],
}
const ONLINE_SHOES: EvidenceParts = {
  ...CARED_FOR,
  order: anOrder({ lines: [aLine({ category: 'shoes', paidFen: 29_900 })] }),
  touches: [aTouch({ at: daysBefore(3) })],
}
const shirtsInStore = (touch: Partial<Touch>): EvidenceParts => ({
  ...CARED_FOR,
  order: anOrder({ channel: 'in_store', sellingStore: 'S1', closer: 'A2', lines: [aLine({ paidFen: 19_999 })] }),
  touches: [aTouch(touch)],
})
const ONE_IN_ALL_ROLES: EvidenceParts = {
  order: anOrder({
    channel: 'in_store',
    sellingStore: 'S2',
    closer: 'A1',
    lines: [aLine({ category: 'shoes', paidFen: 10_005 })],
  }),
  touches: [aTouch()],
  assignments: [anAssignment({ attributedAssociate: 'A1', homeStore: 'S2' })],
}
const IN_STORE_ALL = [
  'sharer A1 800 <headquarters by share',
  'closer A2 600 <S1 by till',
  'attributed A3 200 <S2 by care',
]

describe('the worked examples come out to the fen', () => {
  test.each<[string, EvidenceParts, Plan, string[]]>([
    [
      '1: online, shared three days before',
      ONLINE_SHOES,
      STANDARD,
      [
        'sharer A1 1794 <headquarters by share-shoes',
        'attributed A3 299 <S2 by care',
        'home_store S2 4485 <headquarters by franchise',
      ],
    ],
    ['2: in store, clicked 14 d 23 h before', shirtsInStore({ at: daysBefore(15) + HOUR_MS }), STANDARD, IN_STORE_ALL],
    ['3: clicked 15 d 1 s before', shirtsInStore({ at: daysBefore(15) - 1000 }), STANDARD, IN_STORE_ALL.slice(1)],
    [
      '4: as 1, 10 000 refunded',
      { ...ONLINE_SHOES, refunds: [aRefund({ lines: [{ lineNo: 1, quantity: 0, refundFen: 10_000 }] })] },
      STANDARD,
      [
        'sharer A1 1194 <headquarters by share-shoes',
        'attributed A3 199 <S2 by care',
        'home_store S2 2985 <headquarters by franchise',
      ],
    ],
    [
      '5: one associate in three roles over the cap',
      ONE_IN_ALL_ROLES,
      { ...STANDARD, lineCapBps: 700 },
      ['sharer A1 350 <headquarters by share', 'closer A1 263 <S2 by till', 'attributed A1 87 <S2 by care'],
    ],
    [
      '6: as 5, the highest alone',
      ONE_IN_ALL_ROLES,
      { ...STANDARD, lineCapBps: 700, sameAssociate: 'highest' },
      ['sharer A1 400 <headquarters by share'],
    ],
    [
      '8: two touches at one instant',
      {
        ...shirtsInStore({ touchId: 't-9' }),
        touches: [aTouch({ touchId: 't-10', linkCode: 'link-A4' }), aTouch({ touchId: 't-9' })],
      },
      STANDARD,
      IN_STORE_ALL,
    ],
    ['9: sent, under the default kinds', shirtsInStore({ kind: 'sent' }), STANDARD, IN_STORE_ALL.slice(1)],
    [
      '9: sent, where it counts',
      shirtsInStore({ kind: 'sent' }),
      { ...STANDARD, attribution: { ...STANDARD.attribution, kinds: ['click', 'sent'] } },
      IN_STORE_ALL,
    ],
  ])('%s', (_name, parts, plan, expected) => {
    expect(decidePaid(parts, plan)).toEqual(expected)
  })

  test('4: a refund is booked as three rows for the difference', () => {
    const before = decide(evidenceOf(ONLINE_SHOES), STANDARD).entitlements
    const refunds = [aRefund({ lines: [{ lineNo: 1, quantity: 0, refundFen: 10_000 }] })]
    const after = decide(evidenceOf({ ...ONLINE_SHOES, refunds }), STANDARD).entitlements
    expect(differences(before, after).map(row => [row.role, row.amountFen])).toEqual([
      ['sharer', -600],
      ['attributed', -100],
      ['home_store', -1500],
    ])
  })

  test('7: order, touch and identity end the same in any sequence', () => {
    const touch = aTouch({ at: daysBefore(2) })
    delete touch.memberNo
    const unseen = { ...touch, visitorIds: { visitor: 'v-1' } }
    const order = shirtsInStore({}).order!
    const identity = { kind: 'visitor' as const, value: 'v-1', memberNo: 'M1', at: PAID_AT + 5 * DAY_MS }
    const bare = { ...CARED_FOR, order }
    expect(decidePaid(bare, STANDARD)).toEqual(IN_STORE_ALL.slice(1))
    expect(decidePaid({ ...bare, touches: [unseen] }, STANDARD)).toEqual(IN_STORE_ALL.slice(1))
    expect(decidePaid({ ...bare, identities: [identity] }, STANDARD)).toEqual(IN_STORE_ALL.slice(1))
    expect(decidePaid({ ...bare, touches: [unseen], identities: [identity] }, STANDARD)).toEqual(IN_STORE_ALL)
  })

  test('2 is an indirect sale, 1 a direct one, and without a sharer it is neither', () => {
    const relation = (parts: EvidenceParts) => decide(evidenceOf(parts), STANDARD).relation
    expect(relation(ONLINE_SHOES)).toBe('direct')
    expect(relation(shirtsInStore({}))).toBe('indirect')
    expect(relation(shirtsInStore({ kind: 'sent' }))).toBeNull()
  })
})

// --------------------------------------------------------------------------------------------- the sharer

const SHARED = aPlan({ rules: [aRule({ role: 'sharer', rateBps: 1000 })] })
const withAttribution = (attribution: Partial<Plan['attribution']>): Plan => ({
  ...SHARED,
  attribution: { ...SHARED.attribution, ...attribution },
})
const outcomes = (parts: EvidenceParts, plan: Plan = SHARED): [string | null, Candidate['outcome']][] =>
  attribute(evidenceOf(parts), plan.attribution).candidates.map(({ touchId, outcome }) => [touchId, outcome])
const sharerOf = (parts: EvidenceParts, plan: Plan = SHARED) =>
  attribute(evidenceOf(parts), plan.attribution).holdings.sharer.holder

describe('a touch wins or loses for the reason that comes first', () => {
  const inStore = { channel: 'in_store', sellingStore: 'S1' } as const
  const revoked = (at: number): ShareLink[] => [aLink('A1', { revokedAt: at })]
  const employed = (activeFrom: number, activeTo: number | null) => [
    anAssociate('A1', { employments: [{ activeFrom, activeTo }] }),
  ]
  const at = daysBefore(3)
  test.each<[string, EvidenceParts, Partial<Plan['attribution']>, Candidate['outcome']]>([
    ['at the window’s start', { touches: [aTouch({ at: daysBefore(15) })] }, {}, 'won'],
    ['1 ms before the window', { touches: [aTouch({ at: daysBefore(15) - 1 })] }, {}, 'outside_window'],
    ['at the payment', { touches: [aTouch({ at: PAID_AT })] }, {}, 'won'],
    ['1 ms after the payment', { touches: [aTouch({ at: PAID_AT + 1 })] }, {}, 'outside_window'],
    ['at the payment, a window of 0 days', { touches: [aTouch({ at: PAID_AT })] }, { windowDays: 0 }, 'won'],
    [
      '1 ms before the payment, a window of 0 days',
      { touches: [aTouch({ at: PAID_AT - 1 })] },
      { windowDays: 0 },
      'outside_window',
    ],
    [
      'in store, exactly the least minutes before',
      { order: anOrder(inStore), touches: [aTouch({ at: PAID_AT - 30 * MINUTE_MS })] },
      { minMinutesInStore: 30 },
      'won',
    ],
    [
      'in store, 1 ms less than that',
      { order: anOrder(inStore), touches: [aTouch({ at: PAID_AT - 30 * MINUTE_MS + 1 })] },
      { minMinutesInStore: 30 },
      'too_late',
    ],
    [
      'online, where the least minutes do not count',
      { touches: [aTouch({ at: PAID_AT })] },
      { minMinutesInStore: 30 },
      'won',
    ],
    [
      'in store at the payment, no least minutes',
      { order: anOrder(inStore), touches: [aTouch({ at: PAID_AT })] },
      {},
      'won',
    ],
    ['of a kind that does not count', { touches: [aTouch({ kind: 'sent' })] }, {}, 'kind_not_counted'],
    ['of a kind that the plan leaves out', { touches: [aTouch()] }, { kinds: ['scan'] }, 'kind_not_counted'],
    ['of a kind that the plan names', { touches: [aTouch({ kind: 'scan' })] }, { kinds: ['scan'] }, 'won'],
    ['under a link that nobody knows', { touches: [aTouch({ linkCode: 'nobody' })] }, {}, 'unknown_link'],
    ['at the link’s creation', { touches: [aTouch()], links: [aLink('A1', { createdAt: at })] }, {}, 'won'],
    ['1 ms before it', { touches: [aTouch()], links: [aLink('A1', { createdAt: at + 1 })] }, {}, 'link_inactive'],
    [
      'long before, of a link without creation',
      { touches: [aTouch()], links: [aLink('A1', { createdAt: null })] },
      {},
      'won',
    ],
    ['1 ms before the link’s revocation', { touches: [aTouch()], links: revoked(at + 1) }, {}, 'won'],
    ['at the revocation', { touches: [aTouch()], links: revoked(at) }, {}, 'link_inactive'],
    ['at the associate’s first instant', { touches: [aTouch()], associates: employed(at, null) }, {}, 'won'],
    ['1 ms before it', { touches: [aTouch()], associates: employed(at + 1, null) }, {}, 'associate_inactive'],
    ['paid 1 ms before he left', { touches: [aTouch()], associates: employed(at, PAID_AT + 1) }, {}, 'won'],
    ['paid when he left', { touches: [aTouch()], associates: employed(at, PAID_AT) }, {}, 'associate_inactive'],
    [
      'between two employments',
      {
        touches: [aTouch()],
        associates: [
          anAssociate('A1', {
            employments: [
              { activeFrom: at - 9, activeTo: at },
              { activeFrom: at + 9, activeTo: null },
            ],
          }),
        ],
      },
      {},
      'associate_inactive',
    ],
    [
      'in the first employment, paid in the second',
      {
        touches: [aTouch()],
        associates: [
          anAssociate('A1', {
            employments: [
              { activeFrom: at - 9, activeTo: at + 1 },
              { activeFrom: at + 9, activeTo: null },
            ],
          }),
        ],
      },
      {},
      'won',
    ],
    [
      'of the buyer himself',
      { touches: [aTouch()], associates: [anAssociate('A1', { memberNo: 'M1' })] },
      {},
      'self_purchase',
    ],
    [
      'of the buyer under a number that was merged',
      {
        touches: [aTouch()],
        associates: [anAssociate('A1', { memberNo: 'M0' })],
        merges: { M0: 'M1' },
      },
      {},
      'self_purchase',
    ],
  ])('%s', (_name, parts, attribution, outcome) => {
    expect(outcomes(parts, withAttribution(attribution))).toEqual([['t-1', outcome]])
  })

  test('of several reasons the first of the fixed order is told', () => {
    const everything: EvidenceParts = {
      order: anOrder({ channel: 'in_store', sellingStore: 'S1' }),
      touches: [aTouch({ kind: 'sent', at: PAID_AT + 1 })],
      links: [aLink('A1', { revokedAt: daysBefore(30) })],
      associates: [anAssociate('A1', { memberNo: 'M1', employments: [] })],
    }
    const minutes = withAttribution({ minMinutesInStore: 5 })
    expect(outcomes(everything, minutes)).toEqual([['t-1', 'kind_not_counted']])
    const peeled: [Partial<Touch>, Candidate['outcome']][] = [
      [{ at: PAID_AT + 1 }, 'outside_window'],
      [{ at: PAID_AT }, 'too_late'],
      [{ at: daysBefore(1), linkCode: 'nobody' }, 'unknown_link'],
      [{ at: daysBefore(1) }, 'link_inactive'],
    ]
    for (const [touch, outcome] of peeled) {
      expect(outcomes({ ...everything, touches: [aTouch(touch)] }, minutes)).toEqual([['t-1', outcome]])
    }
    const linkFine = { ...everything, touches: [aTouch()], links: [] }
    expect(outcomes(linkFine, minutes)).toEqual([['t-1', 'associate_inactive']])
    expect(outcomes({ ...linkFine, associates: [anAssociate('A1', { memberNo: 'M1' })] }, minutes)).toEqual([
      ['t-1', 'self_purchase'],
    ])
  })

  test('a touch without a link, or of somebody else, or of nobody known, is no candidate', () => {
    const { linkCode: _, ...view } = aTouch()
    const { memberNo: __, ...unknown } = aTouch({ touchId: 't-2', visitorIds: { visitor: 'v' } })
    expect(outcomes({ touches: [view, unknown, aTouch({ touchId: 't-3', memberNo: 'M2' })] })).toEqual([])
    const { memberNo: ___, ...anonymous } = anOrder()
    expect(outcomes({ order: anonymous, touches: [aTouch()] })).toEqual([])
  })
})

describe('of several candidates the model chooses', () => {
  const early = aTouch({ touchId: 't-early', linkCode: 'link-A2', at: daysBefore(9) })
  const late = aTouch({ touchId: 't-late', linkCode: 'link-A3', at: daysBefore(1) })
  const first = withAttribution({ model: 'first_touch' })
  const coded = anOrder({ shareCode: 'link-A4' })
  test.each<[string, EvidenceParts, Plan, string | null]>([
    ['last_touch: the latest', { touches: [late, early] }, SHARED, 'A3'],
    ['first_touch: the earliest', { touches: [late, early] }, first, 'A2'],
    ['last_touch: the share code, being at the payment', { order: coded, touches: [late, early] }, SHARED, 'A4'],
    [
      'last_touch: the share code before a touch at the payment',
      { order: coded, touches: [aTouch({ touchId: '\u{10FFFF}', at: PAID_AT })] },
      SHARED,
      'A4',
    ],
    ['first_touch: the share code after all others', { order: coded, touches: [late, early] }, first, 'A2'],
    [
      'first_touch: even after a touch at the payment itself',
      { order: coded, touches: [aTouch({ at: PAID_AT })] },
      first,
      'A1',
    ],
    ['first_touch: the share code where it is alone', { order: coded }, first, 'A4'],
    [
      'first_touch: the share code where all others are dropped',
      { order: coded, touches: [aTouch({ kind: 'sent' })] },
      first,
      'A4',
    ],
    [
      'last_touch: the next where the latest is dropped',
      { touches: [late, early], associates: [anAssociate('A3', { employments: [] })] },
      SHARED,
      'A2',
    ],
    ['nobody: where all are dropped', { touches: [aTouch({ kind: 'sent' })] }, SHARED, null],
    [
      'first_touch: the next where the earliest is dropped',
      { touches: [late, early], associates: [anAssociate('A2', { employments: [] })] },
      first,
      'A3',
    ],
  ])('%s', (_name, parts, plan, holder) => {
    expect(sharerOf(parts, plan)).toBe(holder)
  })

  test.each<[string, string, string]>([
    ['t-9 after t-10', 't-9', 't-10'],
    ['the longer of two that begin alike', 't-10', 't-1'],
    ['a hyphen before a digit', 't1', 't-1'],
    ['small after capital letters', 'a', 'B'],
    ['an emoji after ～ , which UTF-16 puts before', '\u{1F600}', '\uFF5E'],
    ['Chinese by bytes, not by pronunciation', '阿', '一'],
  ])('on a tie the greater touchId by bytes wins in both models: %s', (_name, greater, lesser) => {
    const touches = [
      aTouch({ touchId: lesser, linkCode: 'link-A2' }),
      aTouch({ touchId: greater, linkCode: 'link-A1' }),
    ]
    for (const model of ['last_touch', 'first_touch'] as const) {
      for (const sequence of [touches, touches.toReversed()]) {
        expect(sharerOf({ touches: sequence }, withAttribution({ model }))).toBe('A1')
      }
    }
    expect(Math.sign(compareBytes(greater, lesser))).toBe(
      Math.sign(Buffer.compare(Buffer.from(greater), Buffer.from(lesser))),
    )
  })

  test('exactly one candidate wins, the rest are superseded or tell why not', () => {
    const sent = aTouch({ touchId: 't-sent', kind: 'sent' })
    expect(outcomes({ order: coded, touches: [early, late, sent] })).toEqual([
      [null, 'won'],
      ['t-late', 'superseded'],
      ['t-sent', 'kind_not_counted'],
      ['t-early', 'superseded'],
    ])
  })
})

describe('a share code', () => {
  const coded = anOrder({ shareCode: 'link-A1' })
  test.each<[string, EvidenceParts, Candidate['outcome']]>([
    ['counts for a buyer whom nobody knows', { order: { ...coded, memberNo: 'M9' } }, 'won'],
    ['loses where the link is unknown', { order: anOrder({ shareCode: 'nobody' }) }, 'unknown_link'],
    [
      'loses where the link is revoked at the payment',
      { order: coded, links: [aLink('A1', { revokedAt: PAID_AT })] },
      'link_inactive',
    ],
    ['wins 1 ms before that', { order: coded, links: [aLink('A1', { revokedAt: PAID_AT + 1 })] }, 'won'],
    [
      'wins where the link is made at the payment',
      { order: coded, links: [aLink('A1', { createdAt: PAID_AT })] },
      'won',
    ],
    ['loses 1 ms before that', { order: coded, links: [aLink('A1', { createdAt: PAID_AT + 1 })] }, 'link_inactive'],
    [
      'loses where the associate left',
      { order: coded, associates: [anAssociate('A1', { employments: [{ activeFrom: 0, activeTo: PAID_AT }] })] },
      'associate_inactive',
    ],
    [
      'loses where the associate is the buyer',
      { order: coded, associates: [anAssociate('A1', { memberNo: 'M1' })] },
      'self_purchase',
    ],
  ])('%s', (_name, parts, outcome) => {
    expect(outcomes(parts)).toEqual([[null, outcome]])
  })

  test('needs no kind, no window and no minutes in store: it is on the order itself', () => {
    const plan = withAttribution({ kinds: ['scan'], windowDays: 0, minMinutesInStore: 60 })
    expect(sharerOf({ order: anOrder({ channel: 'in_store', sellingStore: 'S1', shareCode: 'link-A1' }) }, plan)).toBe(
      'A1',
    )
  })
})

// ------------------------------------------------------------------------------------------- who is who

describe('a person is recognised', () => {
  const link = (kind: IdentityKind, memberNo: string, at = 0) => ({ kind, value: `${kind}-1`, memberNo, at })
  const all = { unionid: 'unionid-1', openid: 'openid-1', external_userid: 'external_userid-1', visitor: 'visitor-1' }
  const linked = (['unionid', 'openid', 'external_userid', 'visitor'] as const).map((kind, i) => link(kind, `M-${i}`))
  const people = (parts: EvidenceParts) => evidenceOf(parts).people

  test('by memberNo, else unionid, openid, external_userid, visitor, else phone', () => {
    const who = people({ identities: linked, phones: { phone: ['M-phone'] } })
    const seen = { memberNo: 'M', visitorIds: all, phoneHash: 'phone' }
    expect(findPerson(seen, who)).toEqual({ memberNo: 'M', by: 'member_no' })
    const { memberNo: _, ...rest } = seen
    expect(findPerson(rest, who)).toEqual({ memberNo: 'M-0', by: 'unionid' })
    expect(findPerson(rest, people({ identities: linked.slice(1) }))).toEqual({ memberNo: 'M-1', by: 'openid' })
    expect(findPerson(rest, people({ identities: linked.slice(2) }))).toEqual({
      memberNo: 'M-2',
      by: 'external_userid',
    })
    expect(findPerson(rest, people({ identities: linked.slice(3) }))).toEqual({ memberNo: 'M-3', by: 'visitor' })
    expect(findPerson(rest, people({ phones: { phone: ['M-phone'] } }))).toEqual({ memberNo: 'M-phone', by: 'phone' })
    expect(findPerson(rest, people({}))).toBeNull()
  })

  test('by the link with the greatest instant, for what was before it as well; a tie goes to the greater number', () => {
    const seen = { visitorIds: all }
    const who = (...identities: ReturnType<typeof link>[]) => findPerson(seen, people({ identities }))?.memberNo
    expect(who(link('visitor', 'M-a', 5), link('visitor', 'M-b', 4))).toBe('M-a')
    expect(who(link('visitor', 'M-b', 4), link('visitor', 'M-a', 5))).toBe('M-a')
    expect(who(link('visitor', 'M-a', 5), link('visitor', 'M-b', 5))).toBe('M-b')
    expect(who(link('visitor', 'M-b', 5), link('visitor', 'M-a', 5))).toBe('M-b')
  })

  test('a tie is judged by the numbers after merges', () => {
    const tie = [link('visitor', 'M-a', 5), link('visitor', 'M-b', 5)]
    expect(findPerson({ visitorIds: all }, people({ identities: tie, merges: { 'M-a': 'M-z' } }))?.memberNo).toBe('M-z')
  })

  test('by phone only where one person has it; two numbers of one person are one', () => {
    const seen = { visitorIds: {}, phoneHash: 'phone' }
    expect(findPerson(seen, people({ phones: { phone: ['M1', 'M2'] } }))).toBeNull()
    expect(findPerson(seen, people({ phones: { phone: ['M1', 'M2'] }, merges: { M1: 'M2' } }))?.memberNo).toBe('M2')
    expect(findPerson(seen, people({ phones: { phone: [] } }))).toBeNull()
  })

  test('under the last number of a chain of merges, before and after', () => {
    const merges = { M1: 'M2', M2: 'M3' }
    expect(findPerson({ memberNo: 'M1', visitorIds: {} }, people({ merges }))?.memberNo).toBe('M3')
    expect(lastMemberNo('M3', new Map(Object.entries(merges)))).toBe('M3')
    expect(() => lastMemberNo('a', new Map([['a', 'b'], ['b', 'a']]))).toThrow('circle') // prettier-ignore
  })

  test('so a touch under an id that was linked later brings its sharer', () => {
    const { memberNo: _, ...touch } = aTouch({ visitorIds: { openid: 'openid-1' } })
    expect(sharerOf({ touches: [touch] })).toBeNull()
    expect(sharerOf({ touches: [touch], identities: [link('openid', 'M1', PAID_AT + DAY_MS)] })).toBe('A1')
    expect(sharerOf({ touches: [touch], identities: [link('openid', 'M0')], merges: { M0: 'M1' } })).toBe('A1')
  })
})

// --------------------------------------------------------------------------------------------- other roles

/** Who holds a role on the only line. */
function holderOf(role: keyof ReturnType<typeof attribute>['holdings'], parts: EvidenceParts): string | null {
  const attribution = attribute(evidenceOf(parts), SHARED.attribution)
  return role === 'closer' ? attribution.closers.get(1)!.holder : attribution.holdings[role].holder
}

describe('a role is held', () => {
  const touched: EvidenceParts = { touches: [aTouch()] }
  const invited = { ...touched, associates: [anAssociate('A1', { invitedBy: 'A5' })] }
  const gone = (id: string) => anAssociate(id, { employments: [{ activeFrom: 0, activeTo: PAID_AT }] })
  const buys = (id: string) => anAssociate(id, { memberNo: 'M1' })
  const assigned: EvidenceParts = { assignments: [anAssignment({ attributedAssociate: 'A3', homeStore: 'S3' })] }
  const opened: EvidenceParts = { members: [aMember('M1', { openingAssociate: 'A4', openingStore: 'S2' })] }
  test.each<[string, Parameters<typeof holderOf>[0], EvidenceParts, string | null]>([
    ['closer: by the ticket', 'closer', { order: anOrder({ closer: 'A2' }) }, 'A2'],
    [
      'closer: by the line before the ticket',
      'closer',
      { order: anOrder({ closer: 'A2', lines: [aLine({ closer: 'A3' })] }) },
      'A3',
    ],
    ['closer: by the line alone', 'closer', { order: anOrder({ lines: [aLine({ closer: 'A3' })] }) }, 'A3'],
    ['closer: by nobody', 'closer', {}, null],
    ['closer: also where he has left', 'closer', { order: anOrder({ closer: 'A2' }), associates: [gone('A2')] }, 'A2'],
    [
      'closer: not where he is the buyer',
      'closer',
      { order: anOrder({ closer: 'A2' }), associates: [buys('A2')] },
      null,
    ],
    [
      'closer: the ticket does not stand in for a line whose closer is the buyer',
      'closer',
      { order: anOrder({ closer: 'A2', lines: [aLine({ closer: 'A3' })] }), associates: [buys('A3')] },
      null,
    ],
    ['attributed: by assignment', 'attributed', assigned, 'A3'],
    [
      'attributed: not before it',
      'attributed',
      { assignments: [anAssignment({ from: PAID_AT + 1, attributedAssociate: 'A3' })] },
      null,
    ],
    [
      'attributed: from its very instant',
      'attributed',
      { assignments: [anAssignment({ from: PAID_AT, attributedAssociate: 'A3' })] },
      'A3',
    ],
    [
      'attributed: by the latest',
      'attributed',
      {
        assignments: [
          anAssignment({ from: daysBefore(1), attributedAssociate: 'A3' }),
          anAssignment({ from: daysBefore(2), attributedAssociate: 'A4' }),
        ],
      },
      'A3',
    ],
    [
      'attributed: by the latest that speaks of it',
      'attributed',
      {
        assignments: [
          anAssignment({ from: daysBefore(1), homeStore: 'S3' }),
          anAssignment({ from: daysBefore(2), attributedAssociate: 'A4' }),
        ],
      },
      'A4',
    ],
    [
      'attributed: by nobody once null was told',
      'attributed',
      {
        assignments: [
          anAssignment({ from: daysBefore(2), attributedAssociate: 'A4' }),
          anAssignment({ from: daysBefore(1), attributedAssociate: null }),
        ],
      },
      null,
    ],
    ['attributed: not where he has left', 'attributed', { ...assigned, associates: [gone('A3')] }, null],
    ['attributed: not where he is the buyer', 'attributed', { ...assigned, associates: [buys('A3')] }, null],
    ['attributed: of a known buyer only', 'attributed', { ...assigned, order: withoutMember() }, null],
    ['opener: by the opening record', 'opener', opened, 'A4'],
    ['opener: not where he has left', 'opener', { ...opened, associates: [gone('A4')] }, null],
    ['opener: not where he is the buyer', 'opener', { ...opened, associates: [buys('A4')] }, null],
    [
      'opener: of the last number of a merge alone',
      'opener',
      {
        members: [aMember('M1', { openingAssociate: 'A4' }), aMember('M2')],
        merges: { M1: 'M2' },
      },
      null,
    ],
    ['inviter: of the sharer', 'inviter', invited, 'A5'],
    ['inviter: not without a sharer', 'inviter', { ...invited, touches: [] }, null],
    [
      'inviter: not where he has left',
      'inviter',
      { ...invited, associates: [...invited.associates, gone('A5')] },
      null,
    ],
    [
      'inviter: not where he is the buyer',
      'inviter',
      { ...invited, associates: [...invited.associates, buys('A5')] },
      null,
    ],
    [
      'inviter: one hop and never more',
      'inviter',
      { ...invited, associates: [...invited.associates, anAssociate('A5', { invitedBy: 'A4' }), gone('A4')] },
      'A5',
    ],
    ['selling_store: by the order', 'selling_store', { order: anOrder({ sellingStore: 'S2' }) }, 'S2'],
    ['selling_store: by nobody', 'selling_store', {}, null],
    ['home_store: by assignment', 'home_store', { ...assigned, ...opened }, 'S3'],
    ['home_store: else the opening store', 'home_store', opened, 'S2'],
    [
      'home_store: the opening store again once null was told',
      'home_store',
      { ...opened, assignments: [anAssignment({ homeStore: null })] },
      'S2',
    ],
    [
      'home_store: not before it is assigned',
      'home_store',
      { assignments: [anAssignment({ from: PAID_AT + 1, homeStore: 'S3' })] },
      null,
    ],
    ['opening_store: the buyer’s', 'opening_store', { ...assigned, ...opened }, 'S2'],
    ['opening_store: of a known buyer only', 'opening_store', { ...opened, order: withoutMember() }, null],
    [
      'sharer_store: the link’s, whatever the associate’s',
      'sharer_store',
      { ...touched, links: [aLink('A1', { storeCode: 'S3' })] },
      'S3',
    ],
    ['sharer_store: by nobody without a sharer', 'sharer_store', {}, null],
    [
      'sharer_store: by nobody where the link has none',
      'sharer_store',
      { ...touched, links: [aLink('A1', { storeCode: null })] },
      null,
    ],
    ['headquarters: always', 'headquarters', { order: withoutMember() }, 'headquarters'],
  ])('%s', (_name, role, parts, holder) => {
    expect(holderOf(role, parts)).toBe(holder)
  })

  function withoutMember() {
    const { memberNo: _, ...order } = anOrder()
    return order
  }

  test('by the assignment told under any number of the person', () => {
    const parts: EvidenceParts = {
      merges: { M0: 'M1' },
      members: [aMember('M1')],
      assignments: [
        anAssignment({ memberNo: 'M0', from: daysBefore(2), attributedAssociate: 'A3' }),
        anAssignment({ memberNo: 'M1', from: daysBefore(3), attributedAssociate: 'A4' }),
      ],
    }
    expect(holderOf('attributed', parts)).toBe('A3')
  })
})

describe('an override', () => {
  const touched: EvidenceParts = {
    touches: [aTouch()],
    order: anOrder({ closer: 'A2', lines: [aLine(), aLine({ lineNo: 2, closer: 'A3' })] }),
    associates: [anAssociate('A1', { invitedBy: 'A5' }), anAssociate('A4', { invitedBy: 'A3' })],
  }
  const closersOf = (parts: EvidenceParts) =>
    [...attribute(evidenceOf(parts), SHARED.attribution).closers.values()].map(closer => closer.holder)

  test('names the sharer, his store then, and with him his inviter', () => {
    const parts = { ...touched, overrides: [anOverride({ role: 'sharer', associateId: 'A4', storeCode: 'S3' })] }
    expect(holderOf('sharer', parts)).toBe('A4')
    expect(holderOf('sharer_store', parts)).toBe('S3')
    expect(holderOf('inviter', parts)).toBe('A3')
  })
  test('names an associate who is not active', () => {
    const parts: EvidenceParts = {
      ...touched,
      associates: [anAssociate('A4', { employments: [], invitedBy: 'A5' })],
      overrides: [anOverride({ role: 'sharer', associateId: 'A4' })],
    }
    expect(holderOf('sharer', parts)).toBe('A4')
    expect(holderOf('inviter', parts)).toBe('A5')
    expect(holderOf('sharer_store', parts)).toBeNull()
  })
  test('whose inviter has left leaves that role vacant', () => {
    const parts: EvidenceParts = {
      ...touched,
      associates: [...touched.associates!, anAssociate('A3', { employments: [] })],
      overrides: [anOverride({ role: 'sharer', associateId: 'A4' })],
    }
    expect(holderOf('inviter', parts)).toBeNull()
  })
  test('that vacates the sharer vacates his store and inviter', () => {
    const parts = { ...touched, overrides: [anOverride({ role: 'sharer' })] }
    expect(['sharer', 'sharer_store', 'inviter'].map(role => holderOf(role as 'sharer', parts))).toEqual([
      null,
      null,
      null,
    ])
  })
  test('of the inviter wins over the sharer’s', () => {
    const vacated = anOverride({ role: 'sharer' })
    const named = anOverride({ role: 'inviter', associateId: 'A2' })
    expect(holderOf('inviter', { ...touched, overrides: [vacated, named] })).toBe('A2')
    expect(holderOf('inviter', { ...touched, overrides: [anOverride({ role: 'inviter' })] })).toBeNull()
  })
  test('of the closer goes for all lines', () => {
    expect(closersOf(touched)).toEqual(['A2', 'A3'])
    expect(closersOf({ ...touched, overrides: [anOverride({ role: 'closer', associateId: 'A4' })] })).toEqual([
      'A4',
      'A4',
    ])
    expect(closersOf({ ...touched, overrides: [anOverride({ role: 'closer' })] })).toEqual([null, null])
  })
  test.each(['sharer', 'closer', 'attributed', 'opener', 'inviter'] as const)(
    'names a %s whatever the evidence says, vacates him, and counts for nothing once withdrawn',
    role => {
      const parts: EvidenceParts = {
        ...touched,
        assignments: [anAssignment({ attributedAssociate: 'A1' })],
        members: [aMember('M1', { openingAssociate: 'A1' })],
      }
      const before = holderOf(role, parts)
      expect(before).not.toBeNull()
      expect(holderOf(role, { ...parts, overrides: [anOverride({ role, associateId: 'A4' })] })).toBe('A4')
      expect(holderOf(role, { ...parts, overrides: [anOverride({ role })] })).toBeNull()
      expect(holderOf(role, { ...parts, overrides: [anOverride({ role, associateId: 'A4', withdrawn: true })] })).toBe(
        before,
      )
    },
  )
  test.each(['sharer', 'closer', 'attributed', 'opener', 'inviter'] as const)(
    'that names the buyer himself vacates the %s: nobody earns on his own purchase',
    role => {
      const parts: EvidenceParts = {
        ...touched,
        associates: [...touched.associates!, anAssociate('A2', { memberNo: 'M1' })],
        overrides: [anOverride({ role, associateId: 'A2', storeCode: 'S3' })],
      }
      expect(holderOf(role, parts)).toBeNull()
      if (role === 'sharer') expect(holderOf('sharer_store', parts)).toBeNull()
    },
  )
  test('makes an order direct', () => {
    const parts = { overrides: [anOverride({ role: 'sharer', associateId: 'A4' })] }
    expect(decide(evidenceOf(parts), SHARED).relation).toBe('direct')
  })
})

// ------------------------------------------------------------------------------------------------- when

/** An order on which every `when` key has something to look at: shared by A1 of S3, for M1 of S2, sold at S1. */
const FULL: EvidenceParts = {
  order: anOrder({
    sellingStore: 'S1',
    closer: 'A2',
    lines: [aLine({ sku: 'sku-1', category: 'shoes', paidFen: 5_000, listFen: 10_000 })],
  }),
  touches: [aTouch()],
  links: [aLink('A1', { storeCode: 'S3' })],
  assignments: [anAssignment({ attributedAssociate: 'A3', homeStore: 'S2' })],
  members: [aMember('M1', { levels: [{ value: 'gold', from: null }] })],
  stores: [aStore('S1', { regions: [{ value: 'east', from: null }], franchisees: [{ value: 'F1', from: null }] })],
}
const matchesRule = (when: When, parts: EvidenceParts = FULL, role: Rule['role'] = 'headquarters') =>
  decide(
    evidenceOf(parts),
    aPlan({ rules: [aRule({ role, when, bearer: role === 'headquarters' ? 'selling_store' : 'headquarters' })] }),
  ).lines[0]!.roles.some(amount => amount.role === role && amount.ruleId !== null)

describe('a when key', () => {
  const { memberNo: _, ...stranger } = FULL.order!
  const order = (over: Partial<OrderEvidence['order']>): EvidenceParts => ({
    ...FULL,
    order: { ...FULL.order!, ...over },
  })
  const line = (over: Parameters<typeof aLine>[0]) => order({ lines: [aLine({ paidFen: 5_000, ...over })] })
  const without = (key: 'category' | 'listFen'): EvidenceParts => {
    const { [key]: __, ...rest } = FULL.order!.lines[0]!
    return order({ lines: [rest] })
  }
  const unsold: EvidenceParts = { ...FULL, order: (({ sellingStore: __, ...rest }) => rest)(FULL.order!) }
  const unknown: EvidenceParts = { ...FULL, order: stranger }
  const unshared: EvidenceParts = { ...FULL, touches: [] }
  const bareStore: EvidenceParts = { ...FULL, stores: [aStore('S1', { types: [] })] }
  const sameAssociate: EvidenceParts = {
    ...FULL,
    assignments: [anAssignment({ attributedAssociate: 'A1', homeStore: 'S3' })],
  }
  const soldAtHome: EvidenceParts = { ...FULL, assignments: [anAssignment({ homeStore: 'S1' })] }

  test.each<[string, When, EvidenceParts, boolean]>([
    ['channels', { channels: ['online'] }, FULL, true],
    ['channels: another', { channels: ['in_store'] }, FULL, false],
    ['skus', { skus: ['sku-0', 'sku-1'] }, FULL, true],
    ['skus: another', { skus: ['sku-2'] }, FULL, false],
    ['categories', { categories: ['shoes'] }, FULL, true],
    ['categories: another', { categories: ['shirts'] }, FULL, false],
    ['categories: missing', { categories: ['shoes'] }, without('category'), false],
    ['memberLevels', { memberLevels: ['gold'] }, FULL, true],
    ['memberLevels: another', { memberLevels: ['silver'] }, FULL, false],
    ['memberLevels: none told', { memberLevels: ['gold'] }, { ...FULL, members: [aMember('M1')] }, false],
    [
      'memberLevels: cleared',
      { memberLevels: ['gold'] },
      {
        ...FULL,
        members: [
          aMember('M1', {
            levels: [
              { value: 'gold', from: null },
              { value: null, from: PAID_AT },
            ],
          }),
        ],
      },
      false,
    ],
    ['memberLevels: buyer unknown', { memberLevels: ['gold'] }, unknown, false],
    ['sellingStores', { sellingStores: ['S1'] }, FULL, true],
    ['sellingStores: another', { sellingStores: ['S2'] }, FULL, false],
    ['sellingStores: none', { sellingStores: ['S1'] }, unsold, false],
    ['homeStores', { homeStores: ['S2'] }, FULL, true],
    ['homeStores: another', { homeStores: ['S1'] }, FULL, false],
    ['homeStores: buyer unknown', { homeStores: ['S2'] }, unknown, false],
    ['sellingStoreTypes', { sellingStoreTypes: ['direct'] }, FULL, true],
    ['sellingStoreTypes: another', { sellingStoreTypes: ['franchise'] }, FULL, false],
    ['sellingStoreTypes: no store', { sellingStoreTypes: ['direct'] }, unsold, false],
    ['sellingStoreTypes: none told', { sellingStoreTypes: ['direct'] }, bareStore, false],
    ['homeStoreTypes', { homeStoreTypes: ['franchise'] }, FULL, true],
    ['homeStoreTypes: another', { homeStoreTypes: ['direct'] }, FULL, false],
    ['homeStoreTypes: buyer unknown', { homeStoreTypes: ['franchise'] }, unknown, false],
    ['sellingRegions', { sellingRegions: ['east'] }, FULL, true],
    ['sellingRegions: another', { sellingRegions: ['west'] }, FULL, false],
    ['sellingRegions: none told', { sellingRegions: ['east'] }, bareStore, false],
    ['sellingFranchisees', { sellingFranchisees: ['F1'] }, FULL, true],
    ['sellingFranchisees: another', { sellingFranchisees: ['F2'] }, FULL, false],
    ['sellingFranchisees: none told', { sellingFranchisees: ['F1'] }, bareStore, false],
    ['associateKinds: headquarters has none', { associateKinds: ['store', 'office', 'customer'] }, FULL, false],
    ['shared: true', { shared: true }, FULL, true],
    ['shared: true, without a sharer', { shared: true }, unshared, false],
    ['shared: false', { shared: false }, unshared, true],
    ['shared: false, with a sharer', { shared: false }, FULL, false],
    ['sharerIsAttributed: one', { sharerIsAttributed: true }, sameAssociate, true],
    ['sharerIsAttributed: one, asked for two', { sharerIsAttributed: false }, sameAssociate, false],
    ['sharerIsAttributed: two', { sharerIsAttributed: false }, FULL, true],
    ['sharerIsAttributed: two, asked for one', { sharerIsAttributed: true }, FULL, false],
    ['sharerIsAttributed: true without a sharer', { sharerIsAttributed: true }, unshared, false],
    ['sharerIsAttributed: false without a sharer', { sharerIsAttributed: false }, unshared, false],
    ['sharerIsAttributed: false without attributed', { sharerIsAttributed: false }, soldAtHome, false],
    ['sharerAtHomeStore: the same', { sharerAtHomeStore: true }, sameAssociate, true],
    ['sharerAtHomeStore: not', { sharerAtHomeStore: false }, FULL, true],
    ['sharerAtHomeStore: not, asked for the same', { sharerAtHomeStore: true }, FULL, false],
    ['sharerAtHomeStore: true without a sharer', { sharerAtHomeStore: true }, unshared, false],
    ['sharerAtHomeStore: false without a sharer', { sharerAtHomeStore: false }, unshared, false],
    ['sharerAtHomeStore: false without home', { sharerAtHomeStore: false }, { ...FULL, assignments: [] }, false],
    ['soldAtHomeStore: the same', { soldAtHomeStore: true }, soldAtHome, true],
    ['soldAtHomeStore: not', { soldAtHomeStore: false }, FULL, true],
    ['soldAtHomeStore: not, asked for the same', { soldAtHomeStore: true }, FULL, false],
    ['soldAtHomeStore: false without a selling store', { soldAtHomeStore: false }, unsold, false],
    ['soldAtHomeStore: false without home', { soldAtHomeStore: false }, { ...FULL, assignments: [] }, false],
    ['firstOrder: first', { firstOrder: true }, FULL, true],
    ['firstOrder: first, asked for later', { firstOrder: false }, FULL, false],
    ['firstOrder: later', { firstOrder: false }, { ...FULL, hasEarlierOrder: true }, true],
    ['firstOrder: later, asked for first', { firstOrder: true }, { ...FULL, hasEarlierOrder: true }, false],
    ['firstOrder: true, buyer unknown', { firstOrder: true }, unknown, false],
    ['firstOrder: false, buyer unknown', { firstOrder: false }, unknown, false],
    ['minPaidBps: at it', { minPaidBps: 5000 }, FULL, true],
    ['minPaidBps: 1 fen below', { minPaidBps: 5000 }, line({ paidFen: 4_999, listFen: 10_000 }), false],
    ['maxPaidBps: at it', { maxPaidBps: 5000 }, FULL, false],
    ['maxPaidBps: 1 fen below', { maxPaidBps: 5000 }, line({ paidFen: 4_999, listFen: 10_000 }), true],
    ['minPaidBps: above list', { minPaidBps: 10_001 }, line({ paidFen: 10_001, listFen: 10_000 }), true],
    ['minPaidBps: a ratio that no number holds', { minPaidBps: 3333 }, line({ paidFen: 1, listFen: 3 }), true],
    ['minPaidBps: 1 bp more than that', { minPaidBps: 3334 }, line({ paidFen: 1, listFen: 3 }), false],
    [
      'minPaidBps: products beyond 2^53, at it',
      { minPaidBps: 9999 },
      line({ paidFen: 999_900_000_000, listFen: 1_000_000_000_000 }),
      true,
    ],
    [
      'minPaidBps: products beyond 2^53, 1 fen below',
      { minPaidBps: 9999 },
      line({ paidFen: 999_899_999_999, listFen: 1_000_000_000_000 }),
      false,
    ],
    [
      'maxPaidBps: products beyond 2^53, 1 fen below',
      { maxPaidBps: 9999 },
      line({ paidFen: 999_899_999_999, listFen: 1_000_000_000_000 }),
      true,
    ],
    ['minPaidBps 0 without list price', { minPaidBps: 0 }, without('listFen'), false],
    ['maxPaidBps without list price', { maxPaidBps: 10_000 }, without('listFen'), false],
    ['minPaidBps 0 with list price 0', { minPaidBps: 0 }, line({ listFen: 0 }), false],
    ['maxPaidBps with list price 0', { maxPaidBps: 10_000 }, line({ listFen: 0 }), false],
    [
      'all keys at once',
      { channels: ['online'], skus: ['sku-1'], shared: true, minPaidBps: 1, maxPaidBps: 5001 },
      FULL,
      true,
    ],
    ['all keys but one', { channels: ['online'], skus: ['sku-1'], shared: false, minPaidBps: 1 }, FULL, false],
    ['none', {}, FULL, true],
  ])('%s', (_name, when, parts, expected) => {
    expect(matchesRule(when, parts)).toBe(expected)
  })

  test.each<[string, 'store' | 'office' | 'customer' | null, boolean]>([
    ['of the holder', 'office', true],
    ['of another kind', 'store', false],
    ['of no kind', null, false],
  ])('associateKinds: %s', (_name, kind, expected) => {
    const kinds = kind === null ? [] : [{ value: kind, from: null }]
    const parts = { ...FULL, associates: [anAssociate('A1', { kinds })] }
    expect(matchesRule({ associateKinds: ['office', 'customer'] }, parts, 'sharer')).toBe(expected)
  })
  test('associateKinds: a store has none', () => {
    expect(matchesRule({ associateKinds: ['store', 'office', 'customer'] }, FULL, 'selling_store')).toBe(false)
  })

  test.each<[string, When, (from: number) => EvidenceParts, Rule['role']]>([
    [
      'sellingStoreTypes',
      { sellingStoreTypes: ['franchise'] },
      from => ({
        ...FULL,
        stores: [
          aStore('S1', {
            types: [
              { value: 'direct', from: null },
              { value: 'franchise', from },
            ],
          }),
        ],
      }),
      'headquarters',
    ],
    [
      'homeStoreTypes',
      { homeStoreTypes: ['direct'] },
      from => ({
        ...FULL,
        stores: [
          aStore('S2', {
            types: [
              { value: 'franchise', from: null },
              { value: 'direct', from },
            ],
          }),
        ],
      }),
      'headquarters',
    ],
    [
      'sellingRegions',
      { sellingRegions: ['west'] },
      from => ({
        ...FULL,
        stores: [
          aStore('S1', {
            regions: [
              { value: 'east', from: null },
              { value: 'west', from },
            ],
          }),
        ],
      }),
      'headquarters',
    ],
    [
      'sellingFranchisees',
      { sellingFranchisees: ['F2'] },
      from => ({
        ...FULL,
        stores: [
          aStore('S1', {
            franchisees: [
              { value: 'F1', from: null },
              { value: 'F2', from },
            ],
          }),
        ],
      }),
      'headquarters',
    ],
    [
      'memberLevels',
      { memberLevels: ['black'] },
      from => ({
        ...FULL,
        members: [
          aMember('M1', {
            levels: [
              { value: 'gold', from: null },
              { value: 'black', from },
            ],
          }),
        ],
      }),
      'headquarters',
    ],
    [
      'associateKinds',
      { associateKinds: ['office'] },
      from => ({
        ...FULL,
        associates: [
          anAssociate('A1', {
            kinds: [
              { value: 'store', from: null },
              { value: 'office', from },
            ],
          }),
        ],
      }),
      'sharer',
    ],
  ])('%s: in force from its very instant, and not 1 ms before', (_name, when, parts, role) => {
    expect(matchesRule(when, parts(PAID_AT), role)).toBe(true)
    expect(matchesRule(when, parts(PAID_AT + 1), role)).toBe(false)
  })
})

describe('what is told with a date', () => {
  test('counts from the beginning where it is the first, else from its own start, else from when it was told', () => {
    const first = tell<string>([], 'direct', 500, 900)
    expect(valueInForce(first, -1)).toBe('direct')
    const second = tell(first, 'franchise', 600, 900)
    expect([599, 600].map(at => valueInForce(second, at))).toEqual(['direct', 'franchise'])
    const third = tell(second, 'direct', null, 900)
    expect([899, 900].map(at => valueInForce(third, at))).toEqual(['franchise', 'direct'])
  })
  test('changes nothing when told again, and of two with one start the later told counts', () => {
    const history = tell(tell<string>([], 'a', null, 0), 'b', 5, 9)
    expect(tell(history, 'b', 5, 99)).toBe(history)
    expect(tell(history, undefined, 5, 99)).toBe(history)
    expect(valueInForce(tell(history, 'c', 5, 99), 5)).toBe('c')
    expect(valueInForce(tell(history, null, 7, 99), 7)).toBeNull()
  })
})

// ------------------------------------------------------------------------------------------------ amounts

const ALL_ROLES: EvidenceParts = {
  order: anOrder({ sellingStore: 'S1', closer: 'A2' }),
  touches: [aTouch()],
  assignments: [anAssignment({ attributedAssociate: 'A3', homeStore: 'S2' })],
  members: [aMember('M1', { openingAssociate: 'A4', openingStore: 'S3' })],
  associates: [anAssociate('A1', { invitedBy: 'A5' })],
}
const line = (parts: EvidenceParts, over: Parameters<typeof aLine>[0]): EvidenceParts => ({
  ...parts,
  order: { ...(parts.order ?? anOrder()), lines: [aLine(over)] },
})

describe('an amount', () => {
  test('goes to every role that is held, in role order, whatever the order of the rules', () => {
    const roles = [
      'headquarters',
      'sharer_store',
      'opening_store',
      'home_store',
      'selling_store',
      'inviter',
      'opener',
    ] as const
    const rules = [...roles, 'attributed' as const, 'closer' as const, 'sharer' as const].map((role, i) =>
      aRule({ role, rateBps: i + 1, bearer: role === 'headquarters' ? 'selling_store' : 'headquarters' }),
    )
    expect(decidePaid(ALL_ROLES, aPlan({ rules }))).toEqual([
      'sharer A1 10 <headquarters by rule-sharer',
      'closer A2 9 <headquarters by rule-closer',
      'attributed A3 8 <headquarters by rule-attributed',
      'opener A4 7 <headquarters by rule-opener',
      'inviter A5 6 <headquarters by rule-inviter',
      'selling_store S1 5 <headquarters by rule-selling_store',
      'home_store S2 4 <headquarters by rule-home_store',
      'opening_store S3 3 <headquarters by rule-opening_store',
      'sharer_store S1 2 <headquarters by rule-sharer_store',
      'headquarters headquarters 1 <S1 by rule-headquarters',
    ])
  })
  test('follows the first rule that matches; a rate of 0 put first excludes', () => {
    const share = (id: string, rateBps: number, when: When) => aRule({ id, role: 'sharer', rateBps, when })
    const plan = aPlan({
      rules: [
        share('cards', 0, { categories: ['gift_cards'] }),
        share('shoes', 600, { categories: ['shoes'] }),
        share('all', 400, {}),
      ],
    })
    expect(decidePaid(line(ALL_ROLES, { category: 'shoes' }), plan)).toEqual(['sharer A1 600 <headquarters by shoes'])
    expect(decidePaid(line(ALL_ROLES, { category: 'socks' }), plan)).toEqual(['sharer A1 400 <headquarters by all'])
    expect(decidePaid(line(ALL_ROLES, { category: 'gift_cards' }), plan)).toEqual([])
  })
  test('is nothing where no rule names the role, as for an inviter unless one does', () => {
    expect(decidePaid(ALL_ROLES, SHARED)).toEqual(['sharer A1 1000 <headquarters by rule-sharer'])
  })
  test.each<[string, number, number, number]>([
    ['half a fen up', 50, 100, 1],
    ['just under half down', 49, 100, 0],
    ['0.5 at a rate of 1 bp', 5_000, 1, 1],
    ['0.4999 at a rate of 1 bp', 4_999, 1, 0],
    ['799.96', 19_999, 400, 800],
    ['the whole', 12_345, 10_000, 12_345],
    ['nothing of nothing', 0, 10_000, 0],
    ['10^12 fen at 10 000 bp, whose product passes 2^53', 1_000_000_000_000, 10_000, 1_000_000_000_000],
    ['10^12 − 1 fen at 9 999 bp', 999_999_999_999, 9_999, 999_899_999_999],
    ['10^12 − 5 000 fen at 1 bp, half up', 999_999_995_000, 1, 100_000_000],
    ['10^12 − 5 001 fen at 1 bp, down', 999_999_994_999, 1, 99_999_999],
  ])('is rounded half up to the fen, exactly: %s', (_name, paidFen, rateBps, expected) => {
    const plan = aPlan({ rules: [aRule({ role: 'sharer', rateBps })] })
    const decision = decide(evidenceOf(line(ALL_ROLES, { paidFen })), plan)
    expect(decision.lines[0]!.roles[0]!.amountFen).toBe(expected)
    expect(decision.entitlements).toHaveLength(expected === 0 ? 0 : 1)
  })
  test.each<[string, Parameters<typeof aLine>[0], number, number]>([
    ['per piece', { quantity: 3, paidFen: 10_000 }, 200, 600],
    ['at most the line’s net', { quantity: 3, paidFen: 599 }, 200, 599],
    ['exactly the line’s net', { quantity: 3, paidFen: 600 }, 200, 600],
    ['nothing of a gift', { quantity: 3, paidFen: 0 }, 200, 0],
    [
      'with a product beyond 2^53',
      { quantity: 1_000_000_000, paidFen: 1_000_000_000_000 },
      1_000_000_000_000,
      1_000_000_000_000,
    ],
  ])('perUnitFen: %s', (_name, over, perUnitFen, expected) => {
    const plan = aPlan({ rules: [aRule({ role: 'sharer', perUnitFen })] })
    expect(decide(evidenceOf(line(ALL_ROLES, over)), plan).lines[0]!.roles[0]!.amountFen).toBe(expected)
  })
  test('per piece counts the pieces that were kept, and at most what was kept of the money', () => {
    const plan = aPlan({ rules: [aRule({ role: 'sharer', perUnitFen: 1000 })] })
    const refunded = (quantity: number, refundFen: number) =>
      decidePaid(
        {
          ...line(ALL_ROLES, { quantity: 3, paidFen: 9_000 }),
          refunds: [aRefund({ lines: [{ lineNo: 1, quantity, refundFen }] })],
        },
        plan,
      )
    expect(refunded(1, 3_000)).toEqual(['sharer A1 2000 <headquarters by rule-sharer'])
    expect(refunded(0, 8_000)).toEqual(['sharer A1 1000 <headquarters by rule-sharer'])
    expect(refunded(4, 0)).toEqual([])
  })
  test('sums exactly beyond 2^31 and products beyond 2^53', () => {
    expect(sumFen([2 ** 31, 2 ** 31, 1])).toBe(2 ** 32 + 1)
    expect(() => sumFen([Number.MAX_SAFE_INTEGER, 1])).toThrow(RangeError)
    expect(rateOf(10 ** 12, 9_999)).toBe(999_900_000_000)
    expect(rateOfFloor(999_999_999_999, 1)).toBe(99_999_999)
    expect(rateOfFloor(999_999_990_001, 9_999)).toBe(999_899_990_001) // a float says 1 fen more
    expect(splitByLargestRemainder(987_760_427_101, [638_676_920_227, 638_676_920_229, 172_625_159_116])).toEqual([
      435_082_016_835, 435_082_016_837, 117_596_393_429,
    ]) // floats give the last fen to the first
    const lines = [1, 2, 3].map(lineNo => aLine({ lineNo, paidFen: 10 ** 12 }))
    expect(decide(evidenceOf({ order: anOrder({ lines }) }), SHARED).netFen).toBe(3 * 10 ** 12)
  })
})

describe('one associate in several roles', () => {
  const both: EvidenceParts = {
    order: anOrder({ closer: 'A1' }),
    touches: [aTouch()],
    assignments: [anAssignment({ attributedAssociate: 'A2' })],
    members: [aMember('M1', { openingAssociate: 'A2' })],
  }
  const plan = (sharer: number, closer: number, sameAssociate?: 'sum' | 'highest') =>
    aPlan({
      ...(sameAssociate ? { sameAssociate } : {}),
      rules: [
        aRule({ role: 'sharer', rateBps: sharer }),
        aRule({ role: 'closer', rateBps: closer }),
        aRule({ role: 'attributed', rateBps: 5 }),
        aRule({ role: 'opener', rateBps: 7 }),
      ],
    })
  const roles = (rules: Plan) =>
    decide(evidenceOf(both), rules).entitlements.map(({ role, amountFen }) => `${role} ${amountFen}`)
  test('keeps all by default and under sum', () => {
    expect(roles(plan(300, 400))).toEqual(['sharer 300', 'closer 400', 'attributed 5', 'opener 7'])
    expect(roles(plan(300, 400, 'sum'))).toEqual(roles(plan(300, 400)))
  })
  test('keeps the largest alone under highest, each associate for himself', () => {
    expect(roles(plan(300, 400, 'highest'))).toEqual(['closer 400', 'opener 7'])
  })
  test('keeps the first in role order on a tie', () => {
    expect(roles(plan(400, 400, 'highest'))).toEqual(['sharer 400', 'opener 7'])
  })
  test('stores that hold several roles keep all', () => {
    const stores: EvidenceParts = {
      order: anOrder({ sellingStore: 'S2' }),
      members: [aMember('M1', { openingStore: 'S2' })],
    }
    const rules = (['selling_store', 'home_store', 'opening_store'] as const).map(role => aRule({ role }))
    expect(decidePaid(stores, aPlan({ sameAssociate: 'highest', rules }))).toHaveLength(3)
  })
})

describe('the cap of a line', () => {
  const capped = (
    lineCapBps: number | undefined,
    rates: Partial<Record<Rule['role'], number>>,
    more: Partial<Plan> = {},
  ) =>
    aPlan({
      ...(lineCapBps === undefined ? {} : { lineCapBps }),
      rules: Object.entries(rates).map(([role, rateBps]) => aRule({ role: role as Rule['role'], rateBps })),
      ...more,
    })
  const amounts = (parts: EvidenceParts, plan: Plan) =>
    decide(evidenceOf(parts), plan).entitlements.map(({ role, amountFen }) => `${role} ${amountFen}`)
  test('is not there unless the plan gives one', () => {
    expect(amounts(ALL_ROLES, capped(undefined, { sharer: 10_000, closer: 10_000 }))).toEqual([
      'sharer 10000',
      'closer 10000',
    ])
  })
  test('does nothing where the sum is at it, and cuts 1 fen where it is 1 fen above', () => {
    expect(amounts(line(ALL_ROLES, { paidFen: 100 }), capped(1000, { sharer: 500, closer: 500 }))).toEqual([
      'sharer 5',
      'closer 5',
    ])
    expect(amounts(line(ALL_ROLES, { paidFen: 109 }), capped(1000, { sharer: 600, closer: 500 }))).toEqual([
      'sharer 6',
      'closer 4',
    ])
  })
  test('is rounded down', () => {
    expect(decide(evidenceOf(line(ALL_ROLES, { paidFen: 19_999 })), capped(1200, {})).lines[0]!.limitFen).toBe(2399)
  })
  test('of 0 is a cap', () => {
    expect(amounts(ALL_ROLES, capped(0, { sharer: 500, selling_store: 100 }))).toEqual(['selling_store 100'])
  })
  test('spares stores and headquarters', () => {
    const plan = capped(100, { sharer: 5_000, selling_store: 5_000 })
    expect(amounts(ALL_ROLES, plan)).toEqual(['sharer 100', 'selling_store 5000'])
  })
  test('gives what is left over one fen each to the largest remainders, a tie in role order', () => {
    const equal = { sharer: 1000, closer: 1000, attributed: 1000, opener: 1000, inviter: 1000 }
    expect(amounts(line(ALL_ROLES, { paidFen: 130 }), capped(1000, equal))).toEqual([
      'sharer 3',
      'closer 3',
      'attributed 3',
      'opener 2',
      'inviter 2',
    ])
    expect(splitByLargestRemainder(10, [1, 1, 4])).toEqual([2, 2, 6]) // 1.67, 1.67, 6.67: a tie of three
    expect(splitByLargestRemainder(100, [1, 2, 4])).toEqual([14, 29, 57]) // .29, .57, .14
  })
  test('is applied after the highest was kept', () => {
    const parts: EvidenceParts = { ...ALL_ROLES, order: anOrder({ closer: 'A1' }) }
    expect(amounts(parts, capped(500, { sharer: 500, closer: 400 }, { sameAssociate: 'highest' }))).toEqual([
      'sharer 500',
    ])
  })
  test('is exact where limit × amount passes 2^53', () => {
    const paidFen = 999_999_999_999
    const limit = Number((BigInt(paidFen) * 9_999n) / 10_000n)
    const shares = decide(
      evidenceOf(line(ALL_ROLES, { paidFen })),
      capped(9_999, { sharer: 10_000, closer: 9_999, attributed: 3_333 }),
    ).entitlements.map(entry => entry.amountFen)
    const weights = [10_000n, 9_999n, 3_333n].map(rate => (BigInt(paidFen) * rate * 2n + 10_000n) / 20_000n)
    const total = weights.reduce((sum, weight) => sum + weight)
    expect(sumFen(shares)).toBe(limit)
    for (const [i, weight] of weights.entries()) {
      const floor = (BigInt(limit) * weight) / total
      expect([floor, floor + 1n]).toContain(BigInt(shares[i]!))
    }
  })
})

describe('a bearer', () => {
  const ruled = (bearer: Rule['bearer'], role: Rule['role'] = 'sharer') => aPlan({ rules: [aRule({ role, bearer })] })
  const withStore = { ...ALL_ROLES, links: [aLink('A1', { storeCode: 'S3' })] }
  test.each<[Rule['bearer'], string]>([
    ['headquarters', 'headquarters'],
    ['selling_store', 'S1'],
    ['home_store', 'S2'],
    ['sharer_store', 'S3'],
  ])('%s is who holds it', (bearer, expected) => {
    expect(decidePaid(withStore, ruled(bearer))).toEqual([`sharer A1 100 <${expected} by rule-sharer`])
  })
  test.each<Rule['bearer']>(['selling_store', 'home_store', 'sharer_store'])(
    '%s, where vacant, is headquarters',
    bearer => {
      const vacant: EvidenceParts = { touches: [aTouch()], links: [aLink('A1', { storeCode: null })] }
      expect(decidePaid(vacant, ruled(bearer))).toEqual(['sharer A1 100 <headquarters by rule-sharer'])
    },
  )
  test('that is the payee itself books nothing', () => {
    expect(decidePaid(ALL_ROLES, ruled('selling_store', 'selling_store'))).toEqual([])
    expect(decidePaid(ALL_ROLES, ruled('headquarters', 'headquarters'))).toEqual([])
    const sameStore: EvidenceParts = { ...ALL_ROLES, assignments: [anAssignment({ homeStore: 'S1' })] }
    expect(decidePaid(sameStore, ruled('selling_store', 'home_store'))).toEqual([])
    expect(decidePaid(sameStore, ruled('headquarters', 'home_store'))).toEqual([
      'home_store S1 100 <headquarters by rule-home_store',
    ])
  })
  test('that has the name of an associate, or of headquarters, is still another', () => {
    const named: EvidenceParts = {
      order: anOrder({ sellingStore: 'A1' }),
      stores: [aStore('A1'), aStore('headquarters')],
      touches: [aTouch()],
    }
    expect(decidePaid(named, ruled('selling_store'))).toEqual(['sharer A1 100 <A1 by rule-sharer'])
    const store = { ...named, order: anOrder({ sellingStore: 'headquarters' }) }
    expect(decidePaid(store, ruled('headquarters', 'selling_store'))).toEqual([
      'selling_store headquarters 100 <headquarters by rule-selling_store',
    ])
  })
  test('that becomes headquarters because its store is vacant is not the payee of headquarters’ own role', () => {
    expect(decidePaid({}, ruled('selling_store', 'headquarters'))).toEqual([])
  })
})

// ----------------------------------------------------------------------------------------- net and release

describe('the net of a line', () => {
  const net = (parts: EvidenceParts) => {
    const { lines, anomalies, netFen } = decide(evidenceOf(parts), SHARED)
    return { nets: lines.map(each => [each.netFen, each.netQuantity]), netFen, anomalies }
  }
  const refund = (lineNo: number, quantity: number, refundFen: number, refundNo = 'r-1') =>
    aRefund({ refundNo, lines: [{ lineNo, quantity, refundFen }] })
  test('is what was paid less all refunds', () => {
    expect(net({ refunds: [refund(1, 1, 3_000), refund(1, 0, 4_000, 'r-2')] })).toEqual({
      nets: [[3_000, 0]],
      netFen: 3_000,
      anomalies: [],
    })
  })
  test('is never below 0; what was refunded beyond is an anomaly', () => {
    expect(net({ refunds: [refund(1, 1, 10_000)] })).toEqual({ nets: [[0, 0]], netFen: 0, anomalies: [] })
    expect(net({ refunds: [refund(1, 2, 10_001)] })).toEqual({
      nets: [[0, 0]],
      netFen: 0,
      anomalies: [
        { code: 'refund_beyond_paid', lineNo: 1, refundFen: 10_001, paidFen: 10_000 },
        { code: 'refund_beyond_quantity', lineNo: 1, refundedQuantity: 2, quantity: 1 },
      ],
    })
  })
  test('takes no heed of a line that the order has not, which is an anomaly', () => {
    expect(net({ refunds: [refund(7, 1, 500)] })).toEqual({
      nets: [[10_000, 1]],
      netFen: 10_000,
      anomalies: [{ code: 'refund_of_unknown_line', lineNo: 7, refundNo: 'r-1' }],
    })
  })
  test('is 0 everywhere on a cancelled order, which earns nobody anything', () => {
    const order = { ...ALL_ROLES.order!, cancelled: true, lines: [aLine({ quantity: 3 }), aLine({ lineNo: 2 })] }
    expect(net({ order }).nets).toEqual([[0, 0], [0, 0]]) // prettier-ignore
    const perUnit = aPlan({ rules: [aRule({ role: 'sharer', perUnitFen: 5 }), aRule({ role: 'closer' })] })
    expect(decidePaid({ ...ALL_ROLES, order }, perUnit)).toEqual([])
  })
  test('does not lose exactness where refunds add up beyond 2^53', () => {
    const many = Array.from({ length: 9_100 }, () => ({ lineNo: 1, quantity: 1_000_000_000, refundFen: 10 ** 12 }))
    expect(net({ refunds: [aRefund({ lines: many })] }).nets).toEqual([[0, 0]])
  })
})

describe('what is owed becomes available', () => {
  const available = (parts: EvidenceParts, plan: Partial<Plan>) =>
    decide(evidenceOf({ touches: [aTouch()], ...parts }), { ...SHARED, ...plan }).entitlements[0]!.availableAt
  const completedAt = PAID_AT + 5 * DAY_MS
  test.each<[string, EvidenceParts, Partial<Plan>, number]>([
    ['holdDays × 24 h after payment', {}, { holdDays: 7 }, PAID_AT + 7 * DAY_MS],
    ['at payment where holdDays is 0', {}, { holdDays: 0 }, PAID_AT],
    ['after payment, whatever was completed', { order: anOrder({ completedAt }) }, {}, PAID_AT + 7 * DAY_MS],
    [
      'holdDays after completion where the plan says so',
      { order: anOrder({ completedAt }) },
      { holdFrom: 'completed' },
      completedAt + 7 * DAY_MS,
    ],
    ['never while not completed', {}, { holdFrom: 'completed' }, FAR_FUTURE],
    ['never while on hold', { onHold: true }, {}, FAR_FUTURE],
    [
      'never while on hold, though completed',
      { onHold: true, order: anOrder({ completedAt }) },
      { holdFrom: 'completed' },
      FAR_FUTURE,
    ],
  ])('%s', (_name, parts, plan, expected) => {
    expect(available(parts, plan)).toBe(expected)
  })
  test('"not yet" is written as 2999-12-31T16:00:00Z', () => {
    expect(new Date(FAR_FUTURE).toISOString()).toBe('2999-12-31T16:00:00.000Z')
  })
})

describe('the plan in force', () => {
  const at = (plans: readonly Plan[], instant: number) => {
    const plan = planInForce(plans, instant)
    return plan && `${plan.code}/${plan.version}`
  }
  const plan = (code: string, version: number, effectiveFrom: number, effectiveTo: number | null = null) =>
    aPlan({ code, version, effectiveFrom, effectiveTo })
  test('holds from effectiveFrom inclusive to effectiveTo exclusive', () => {
    const plans = [plan('a', 1, 100, 200)]
    expect([99, 100, 199, 200].map(instant => at(plans, instant))).toEqual([null, 'a/1', 'a/1', null])
  })
  test('is the later effectiveFrom, then the greater version, then the greater code, in any sequence', () => {
    const pairs: [Plan, Plan][] = [
      [plan('a', 1, 200), plan('b', 9, 100)],
      [plan('a', 2, 100), plan('b', 1, 100)],
      [plan('b', 1, 100), plan('a', 1, 100)],
      [plan('a', 10, 100), plan('a', 9, 100)],
      [plan('p\u{1F600}', 1, 100), plan('p\uFF5E', 1, 100)],
    ]
    for (const [wins, loses] of pairs) {
      expect(planInForce([wins, loses], 300)).toBe(wins)
      expect(planInForce([loses, wins], 300)).toBe(wins)
    }
  })
  test('is the older again once the newer ended', () => {
    expect(at([plan('a', 1, 0), plan('a', 2, 100, 200)], 200)).toBe('a/1')
  })
  test('where there is none an order earns nobody anything, and is said to be unplanned', () => {
    const decision = decide(evidenceOf(ALL_ROLES), null)
    expect(decision).toMatchObject({ plan: null, entitlements: [], availableAt: null, netFen: 10_000 })
    expect(decision.anomalies).toEqual([{ code: 'no_plan' }])
    expect(decision.lines[0]!.roles.every(role => role.ruleId === null && role.amountFen === 0)).toBe(true)
  })
})

test('active is from activeFrom inclusive to activeTo exclusive', () => {
  const associate = anAssociate('A', { employments: [{ activeFrom: 100, activeTo: 200 }, { activeFrom: 300, activeTo: null }] }) // prettier-ignore
  expect([99, 100, 199, 200, 299, 300].map(at => isActive(associate, at))).toEqual([
    false,
    true,
    true,
    false,
    false,
    true,
  ])
})

describe('the difference between what is owed and what is booked', () => {
  const entry = (over: Partial<Entitlement> = {}): Entitlement => ({
    ...decide(evidenceOf({ touches: [aTouch()] }), SHARED).entitlements[0]!,
    ...over,
  })
  test('is nothing where they are alike', () => {
    expect(differences([entry()], [entry()])).toEqual([])
  })
  test('is one row that takes back and one that gives where the holder changed', () => {
    expect(differences([entry()], [entry({ payee: 'A2' })])).toEqual([
      entry({ amountFen: -1000 }),
      entry({ payee: 'A2' }),
    ])
  })
  test('takes back under the availableAt of what it takes back', () => {
    const rows = differences([entry({ availableAt: 5 })], [entry({ availableAt: 9 })])
    expect(rows.map(row => [row.availableAt, row.amountFen])).toEqual([[5, -1000], [9, 1000]]) // prettier-ignore
  })
  test.each<Partial<Entitlement>>([
    { lineNo: 2 },
    { role: 'closer' },
    { payeeKind: 'store' },
    { payee: 'A2' },
    { bearerKind: 'store' },
    { bearer: 'S1' },
    { ruleId: 'other' },
    { planCode: 'other' },
    { planVersion: 2 },
    { availableAt: 1 },
  ])('keeps keys apart that differ in %o', over => {
    expect(differences([entry()], [entry(over)])).toHaveLength(2)
  })
  test('is for the amount alone where only that changed', () => {
    expect(differences([entry()], [entry({ amountFen: 400 })])).toEqual([entry({ amountFen: -600 })])
  })
  test('takes all back where nothing is owed any more', () => {
    expect(differences([entry()], [])).toEqual([entry({ amountFen: -1000 })])
  })
})

test('decide changes nothing that it is given', () => {
  const evidence = evidenceOf(ALL_ROLES)
  const before = structuredClone(evidence)
  expect(paid(decide(evidence, STANDARD))).toEqual(paid(decide(evidence, STANDARD)))
  expect(evidence).toEqual(before)
})
