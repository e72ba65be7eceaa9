import fc from 'fast-check'
import { DAY_MS, formatInstant, type Instant } from '../../server/lib/time.ts'

/**
 * Random small histories, as items of the ingest calls: few stores, associates, members and ids, so that they meet
 * often, and instants from a coarse grid, so that bounds and ties are hit often. All of it is valid, and no two items
 * contradict each other: then every sequence of the evidence must end in the same entitlements.
 */

export type Item = Readonly<Record<string, unknown>>

export interface Told {
  /** The ingest call. */
  kind: string
  item: Item
}

export interface OverrideCommand {
  source: string
  orderNo: string
  role: string
  associateId?: string | null
  withdraw?: true
  reason: string
}

export interface History {
  /** Commands, told once and in this order, before all else. */
  master: readonly Told[]
  /** May come in any order, and repeatedly. */
  evidence: readonly Told[]
  /** Commands that need their order to be there. */
  overrides: readonly OverrideCommand[]
  /** Commands told after all else. */
  lateMaster: readonly Told[]
}

export type PlanBody = Readonly<Record<string, unknown>>

export const ORIGIN: Instant = Date.parse('2026-03-15T04:00:00Z')
const DAYS_AROUND = 12

const STORES = ['S1', 'S2', 'S-3']
const ASSOCIATES = ['A1', 'A-2', 'A3', 'Ａ4', '\u{1F600}5']
const MEMBERS = ['M1', 'M-2', 'M3', 'M\u{1F600}', 'M～']
const LINKS = ['L1', 'L2', 'L3', 'L4']
const IDS = { unionid: ['u1', 'u2'], openid: ['o1'], external_userid: ['e1'], visitor: ['v1', 'v2'] }
const PHONES = ['13800000001', '13800000002']
const ORDERS = ['o-1', 'o-10', 'o-2', 'o-3']
const CATEGORIES = ['shoes', 'shirts']
const SKUS = ['sku1', 'sku2']
const LEVELS = ['gold', 'silver']

/** Whole days around the origin, now and then a millisecond beside one: where bounds are. */
const instant: fc.Arbitrary<Instant> = fc
  .tuple(fc.integer({ min: -DAYS_AROUND, max: DAYS_AROUND }), fc.constantFrom(0, 0, 0, 0, -1, 1, 3_600_000))
  .map(([days, besideMs]) => ORIGIN + days * DAY_MS + besideMs)
const instantText = instant.map(formatInstant)
/** The latest instant of a history or before: master data that holds for all of it. */
const BEFORE_ALL = formatInstant(ORIGIN - 400 * DAY_MS)

/** There as often as not, or `often` times as often. */
const maybe = <T>(arbitrary: fc.Arbitrary<T>, often = 1) => fc.option(arbitrary, { nil: undefined, freq: often })
const rarely = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })
const oneOf = <T>(values: readonly T[]) => fc.constantFrom(...values)

/** Without the fields that are undefined: JSON has none. */
export const plain = (item: Record<string, unknown>): Item =>
  Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined))

const told = (kind: string, arbitrary: fc.Arbitrary<Record<string, unknown>>): fc.Arbitrary<Told> =>
  arbitrary.map(item => ({ kind, item: plain(item) }))

// ---------------------------------------------------------------------------------------------- master data

const storeMaster: fc.Arbitrary<Told[]> = fc
  .tuple(
    ...STORES.map(storeCode =>
      fc.record({
        storeCode: fc.constant(storeCode),
        name: fc.constant(storeCode),
        type: oneOf(['direct', 'franchise']),
        region: maybe(oneOf(['east', 'west'])),
        franchiseeId: maybe(oneOf(['F1', 'F2'])),
      }),
    ),
  )
  .map(items => items.map(item => ({ kind: 'stores', item: plain(item) })))

const storeChange = told(
  'stores',
  fc.record({
    storeCode: oneOf(STORES),
    type: oneOf(['direct', 'franchise']),
    region: maybe(fc.option(oneOf(['east', 'west']))),
    franchiseeId: maybe(fc.option(oneOf(['F1', 'F2']))),
    effectiveFrom: instantText,
  }),
)

const associateMaster: fc.Arbitrary<Told[]> = fc
  .tuple(
    ...ASSOCIATES.map(associateId =>
      fc.record({
        associateId: fc.constant(associateId),
        name: fc.constant(associateId),
        storeCode: oneOf(STORES),
        kind: oneOf(['store', 'store', 'office', 'customer']),
        memberNo: rarely(oneOf(MEMBERS)),
        activeFrom: fc.oneof({ weight: 5, arbitrary: fc.constant(BEFORE_ALL) }, { weight: 1, arbitrary: instantText }),
        activeTo: rarely(instantText),
      }),
    ),
    fc.tuple(...ASSOCIATES.map(() => maybe(oneOf(ASSOCIATES)))),
  )
  .map(parts => {
    const inviters = parts.at(-1) as (string | undefined)[]
    const items = parts.slice(0, -1) as Item[]
    const invitations = items.flatMap((item, i) =>
      inviters[i] === undefined || inviters[i] === item['associateId']
        ? []
        : [{ kind: 'associates', item: { associateId: item['associateId'], invitedBy: inviters[i] } }],
    )
    return [...items.map(item => ({ kind: 'associates', item: plain({ ...item }) })), ...invitations]
  })

const associateChange = told(
  'associates',
  fc.oneof(
    fc.record({ associateId: oneOf(ASSOCIATES), memberNo: fc.option(oneOf(MEMBERS)) }),
    fc.record({ associateId: oneOf(ASSOCIATES), activeTo: fc.option(instantText) }),
    fc.record({ associateId: oneOf(ASSOCIATES), activeFrom: instantText }),
    fc.record({
      associateId: oneOf(ASSOCIATES),
      kind: oneOf(['store', 'office', 'customer']),
      effectiveFrom: instantText,
    }),
    fc.record({ associateId: oneOf(ASSOCIATES), storeCode: oneOf(STORES) }),
    fc
      .tuple(oneOf(ASSOCIATES), fc.option(oneOf(ASSOCIATES)))
      .map(([associateId, invitedBy]) => ({ associateId, invitedBy: invitedBy === associateId ? null : invitedBy })),
  ),
)

const memberChange = told(
  'members',
  fc.oneof(
    fc.record({ memberNo: oneOf(MEMBERS), openingStore: fc.option(oneOf(STORES)) }),
    fc.record({ memberNo: oneOf(MEMBERS), openingAssociate: fc.option(oneOf(ASSOCIATES)) }),
    fc.record({ memberNo: oneOf(MEMBERS), level: fc.option(oneOf(LEVELS)), effectiveFrom: instantText }),
    fc.record({ memberNo: oneOf(MEMBERS), phone: fc.option(oneOf(PHONES)) }),
  ),
)

// ------------------------------------------------------------------------------------------------- evidence

/** Under what somebody is seen: his number, ids, both or nothing. */
const seen = fc
  .record({
    memberNo: maybe(oneOf(MEMBERS), 2),
    unionid: rarely(oneOf(IDS.unionid)),
    openid: rarely(oneOf(IDS.openid)),
    externalUserid: rarely(oneOf(IDS.external_userid)),
    visitorId: maybe(oneOf(IDS.visitor)),
  })
  .map(who => ({ ...who }))

const link = fc
  .record({
    associateId: oneOf(ASSOCIATES),
    storeCode: maybe(oneOf(STORES)),
    createdAt: maybe(instantText),
    revokedAt: rarely(instantText),
    isRevokedLater: fc.boolean(),
  })
  .map(({ revokedAt, isRevokedLater, ...created }) => ({ created, revokedAt, isRevokedLater }))

/** A link, and where it is revoked the same link told once more with its end. */
const links: fc.Arbitrary<Told[]> = fc.tuple(...LINKS.map(() => maybe(link, 4))).map(all =>
  all.flatMap((one, i) => {
    if (!one) return []
    const item = plain({
      linkCode: LINKS[i],
      target: { kind: 'product', ref: 'sku1' },
      channel: 'single_chat',
      ...one.created,
    })
    if (one.revokedAt === undefined) return [{ kind: 'share-links', item }]
    const revoked = { kind: 'share-links', item: { ...item, revokedAt: one.revokedAt } }
    return one.isRevokedLater ? [{ kind: 'share-links', item }, revoked] : [revoked]
  }),
)

const touches: fc.Arbitrary<Told[]> = fc
  .array(
    fc.tuple(
      seen,
      fc.record({
        linkCode: rarely(oneOf([...LINKS, 'nobody'])),
        at: instantText,
        kind: oneOf(['click', 'click', 'click', 'scan', 'visit', 'sent']),
      }),
    ),
    { minLength: 1, maxLength: 6, size: 'large' },
  )
  .map(all =>
    all.map(([who, touch], i) => ({ kind: 'touches', item: plain({ touchId: `t-${i + 7}`, ...who, ...touch }) })),
  )

const identities: fc.Arbitrary<Told[]> = fc.array(
  told(
    'identities',
    fc
      .tuple(oneOf(Object.keys(IDS) as (keyof typeof IDS)[]), fc.nat(1), oneOf(MEMBERS), instantText)
      .map(([kind, i, memberNo, at]) => ({ kind, value: IDS[kind][i % IDS[kind].length]!, memberNo, at })),
  ),
  { maxLength: 5 },
)

/** Only into numbers further down the list: no circle, whatever comes first. */
const merges: fc.Arbitrary<Told[]> = fc
  .uniqueArray(
    fc.tuple(fc.nat(MEMBERS.length - 2), fc.nat(MEMBERS.length), instantText).map(([from, steps, at]) => ({
      memberNo: MEMBERS[from]!,
      into: MEMBERS[Math.min(MEMBERS.length - 1, from + 1 + (steps % (MEMBERS.length - 1 - from)))]!,
      at,
    })),
    { maxLength: 3, selector: merge => `${merge.memberNo} ${merge.at}` },
  )
  .map(all => all.map(item => ({ kind: 'member-merges', item })))

const assignments: fc.Arbitrary<Told[]> = fc
  .uniqueArray(
    fc.record({
      memberNo: oneOf(MEMBERS),
      from: instantText,
      attributedAssociate: maybe(fc.option(oneOf(ASSOCIATES), { freq: 5 }), 3),
      homeStore: maybe(fc.option(oneOf(STORES), { freq: 5 })),
      areFieldsToldApart: fc.boolean(),
    }),
    { maxLength: 4, selector: entry => `${entry.memberNo} ${entry.from}` },
  )
  .map(all =>
    all.flatMap(({ areFieldsToldApart, attributedAssociate, homeStore, ...key }): Told[] => {
      const fields = [plain({ attributedAssociate }), plain({ homeStore })]
      const items = areFieldsToldApart ? fields : [Object.assign({}, ...fields) as Item]
      return items.map(item => ({ kind: 'member-assignments', item: { ...key, ...item } }))
    }),
  )

const paidFen = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 40_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 999_999_000_000, max: 1_000_000_000_000 }) },
)

const lines = fc
  .array(
    fc.record({
      sku: oneOf(SKUS),
      category: maybe(oneOf(CATEGORIES), 3),
      quantity: fc.integer({ min: 1, max: 4 }),
      paidFen,
      listFen: maybe(fc.oneof(fc.integer({ min: 0, max: 80_000 }), paidFen)),
      closer: rarely(oneOf(ASSOCIATES)),
    }),
    { maxLength: 3, minLength: 1 },
  )
  .map(all => all.map((line, i) => plain({ lineNo: i + 1, ...line })))

const revision = fc.tuple(
  seen,
  fc.record({
    channel: oneOf(['online', 'in_store']),
    paidAt: instantText,
    sellingStore: oneOf(STORES),
    isStoreNamed: fc.boolean(),
    closer: maybe(oneOf(ASSOCIATES)),
    shareCode: rarely(oneOf([...LINKS, 'nobody'])),
    phone: rarely(oneOf(PHONES)),
    completedAt: maybe(instantText),
    cancelled: rarely(fc.boolean()),
    lines,
  }),
)

/** An order in store names its store; one online may. */
function soldSomewhere<T extends { channel: string; isStoreNamed: boolean; sellingStore: string }>(order: T) {
  const { isStoreNamed, sellingStore, ...rest } = order
  return { ...rest, sellingStore: isStoreNamed || order.channel === 'in_store' ? sellingStore : undefined }
}

const orders: fc.Arbitrary<Told[]> = fc
  .uniqueArray(
    fc.record({
      orderNo: oneOf(ORDERS),
      numbers: fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 2 }),
      revisions: fc.tuple(revision, revision),
    }),
    { minLength: 1, maxLength: 4, selector: order => order.orderNo },
  )
  .map(all =>
    all.flatMap(({ orderNo, numbers, revisions }) =>
      numbers.map((number, i) => ({
        kind: 'orders',
        item: plain({
          source: 'pos',
          orderNo,
          revision: number,
          ...revisions[i]![0],
          ...soldSomewhere(revisions[i]![1]),
        }),
      })),
    ),
  )

const refunds: fc.Arbitrary<Told[]> = fc
  .uniqueArray(
    fc.record({
      source: fc.constant('pos'),
      refundNo: oneOf(['r-1', 'r-2', 'r-3']),
      revision: fc.integer({ min: 1, max: 3 }),
      orderNo: oneOf(ORDERS),
      refundedAt: instantText,
      lines: maybe(
        fc.array(
          fc.record({
            lineNo: fc.integer({ min: 1, max: 4 }),
            quantity: fc.integer({ min: 0, max: 3 }),
            refundFen: fc.integer({ min: 0, max: 30_000 }),
          }),
          { minLength: 1, maxLength: 3 },
        ),
        3,
      ),
    }),
    { maxLength: 4, selector: refund => `${refund.refundNo} ${refund.revision}` },
  )
  .map(all => all.map(item => ({ kind: 'refunds', item: plain(item) })))

const overrides: fc.Arbitrary<OverrideCommand[]> = fc.array(
  fc
    .tuple(
      oneOf(ORDERS),
      oneOf(['sharer', 'closer', 'attributed', 'opener', 'inviter']),
      fc.oneof(
        { weight: 4, arbitrary: oneOf(ASSOCIATES).map(associateId => ({ associateId })) },
        { weight: 1, arbitrary: fc.constant({ associateId: null }) },
        { weight: 1, arbitrary: fc.constant({ withdraw: true as const }) },
      ),
    )
    .map(([orderNo, role, decision]) => ({ source: 'pos', orderNo, role, reason: 'test', ...decision })),
  { maxLength: 2 },
)

export const history: fc.Arbitrary<History> = fc
  .record({
    storeMaster,
    associateMaster,
    changes: fc.array(fc.oneof(storeChange, associateChange, memberChange, memberChange, memberChange), {
      maxLength: 5,
    }),
    lateMaster: fc.array(fc.oneof(storeChange, associateChange, memberChange), { maxLength: 3 }),
    evidence: fc.tuple(links, touches, identities, merges, assignments, orders, refunds).map(parts => parts.flat()),
    overrides,
  })
  .map(({ storeMaster, associateMaster, changes, ...rest }) => ({
    ...rest,
    master: [...storeMaster, ...associateMaster, ...changes],
  }))

// --------------------------------------------------------------------------------------------------- plans

const WHEN: Record<string, fc.Arbitrary<unknown>> = {
  channels: fc.constantFrom(['online'], ['in_store']),
  skus: fc.constant(['sku1']),
  categories: fc.constantFrom(['shoes'], ['shirts']),
  memberLevels: fc.constant(['gold']),
  sellingStores: fc.constantFrom(['S1'], ['S2', 'S-3']),
  homeStores: fc.constantFrom(['S1'], ['S2', 'S-3']),
  sellingStoreTypes: fc.constantFrom(['direct'], ['franchise']),
  homeStoreTypes: fc.constantFrom(['direct'], ['franchise']),
  sellingRegions: fc.constant(['east']),
  sellingFranchisees: fc.constant(['F1']),
  associateKinds: fc.constantFrom(['store'], ['office', 'customer']),
  shared: fc.boolean(),
  sharerIsAttributed: fc.boolean(),
  sharerAtHomeStore: fc.boolean(),
  soldAtHomeStore: fc.boolean(),
  firstOrder: fc.boolean(),
  minPaidBps: fc.integer({ min: 0, max: 12_000 }),
  maxPaidBps: fc.integer({ min: 0, max: 12_000 }),
}
/** One key or two: rules with many match nothing. */
const when = fc
  .array(
    fc.constantFrom(...Object.keys(WHEN)).chain(key => WHEN[key]!.map(value => [key, value] as const)),
    {
      minLength: 1,
      maxLength: 2,
    },
  )
  .map(keys => Object.fromEntries(keys))

const amount = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 4000 }).map(rateBps => ({ rateBps })) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 9000 }).map(perUnitFen => ({ perUnitFen })) },
)
const ALL_ROLES = [
  ...['sharer', 'sharer', 'sharer', 'closer', 'attributed', 'opener', 'inviter'],
  ...['selling_store', 'home_store', 'opening_store', 'sharer_store', 'headquarters'],
]
const rule = fc.tuple(
  oneOf(ALL_ROLES),
  oneOf(['headquarters', 'selling_store', 'home_store', 'sharer_store']),
  fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: when }),
  amount,
)

export const plan = (version: number): fc.Arbitrary<PlanBody> =>
  fc
    .record({
      effectiveFrom: version === 1 ? fc.constant(ORIGIN - 100 * DAY_MS) : instant,
      lastsDays: rarely(fc.integer({ min: 1, max: 10 })),
      attribution: fc.record({
        model: oneOf(['last_touch', 'first_touch']),
        windowDays: fc.integer({ min: 0, max: 15 }),
        kinds: maybe(fc.constantFrom(['click', 'sent'], ['scan', 'visit'], ['click']), 1),
        minMinutesInStore: maybe(fc.constantFrom(0, 60, 1440)),
      }),
      holdDays: fc.integer({ min: 0, max: 20 }),
      holdFrom: maybe(oneOf(['paid', 'completed'])),
      sameAssociate: maybe(oneOf(['sum', 'highest'])),
      lineCapBps: maybe(fc.integer({ min: 0, max: 5000 }), 3),
      rules: fc.array(rule, { minLength: 6, maxLength: 12 }),
    })
    .map(({ effectiveFrom, lastsDays, attribution, rules, ...rest }) =>
      plain({
        code: 'plan',
        version,
        effectiveFrom: formatInstant(effectiveFrom),
        effectiveTo:
          lastsDays === undefined || version === 1 ? null : formatInstant(effectiveFrom + lastsDays * DAY_MS),
        attribution: plain(attribution),
        ...rest,
        rules: rules.map(([role, bearer, keys, amounts], i) => ({ id: `r${i}`, role, bearer, when: keys, ...amounts })),
      }),
    )

/** A timeline of plans: one that covers all, and others over parts of it. */
export const plans: fc.Arbitrary<PlanBody[]> = fc
  .integer({ min: 1, max: 3 })
  .chain(count => fc.tuple(...Array.from({ length: count }, (_, i) => plan(i + 1))))

// ---------------------------------------------------------------------------------------------- sequences

/** A sequence of the evidence, some of it twice, by a seed of its own. */
export function shuffled<T>(items: readonly T[], random: () => number, repeats = 0): T[] {
  const all = [...items]
  for (let i = 0; i < repeats && items.length > 0; i++) all.push(items[Math.floor(random() * items.length)]!)
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[all[i], all[j]] = [all[j]!, all[i]!]
  }
  return all
}

/** Small and good enough to shuffle by: mulberry32. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
