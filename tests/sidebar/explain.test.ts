// @vitest-environment happy-dom
import { beforeEach, describe, expect, test } from 'vitest'
import type { CatalogueItem } from '../../server/features/catalogue/schema.ts'
import type { EarnedOrder, HeldRole, LosingTouch } from '../../server/features/earnings/schema.ts'
import { explainOrder } from '../../sidebar/features/earnings/explain.ts'
import { describeEstimate } from '../../sidebar/features/share/earn.ts'
import { locale } from '../../sidebar/lib/locale.ts'

const touch: HeldRole = {
  role: 'sharer',
  ground: {
    kind: 'touch',
    touchKind: 'click',
    at: '2026-03-02T12:04:00+08:00',
    linkCode: 'a',
    linkTitle: '大衣',
    linkChannel: 'moments',
    linkCreatedAt: null,
  },
}

/** One line of ¥1,599.00 at 4 %, online, three days after the click. */
function order(changes: Partial<EarnedOrder> = {}): EarnedOrder {
  return {
    source: 'mall',
    orderNo: '1',
    paidAt: '2026-03-05T09:00:00+08:00',
    channel: 'online',
    credit: 'direct',
    storeName: null,
    buyerName: null,
    title: '大衣',
    itemCount: 1,
    paidFen: 159_900,
    netFen: 159_900,
    isCancelled: false,
    amountFen: 6_396,
    state: 'pending',
    availableAt: '2026-03-12T09:00:00+08:00',
    plan: { code: 'standard', version: 3, windowDays: 15 },
    roles: [touch],
    others: [],
    lines: [line()],
    lineCapBps: 1200,
    refunds: [],
    takenBackFen: 0,
    losers: [],
    ...changes,
  }
}

function line(changes: Partial<EarnedOrder['lines'][number]> = {}): EarnedOrder['lines'][number] {
  return {
    lineNo: 1,
    name: '大衣',
    quantity: 1,
    netQuantity: 1,
    paidFen: 159_900,
    netFen: 159_900,
    parts: [part()],
    ...changes,
  }
}

function part(changes: Partial<EarnedOrder['lines'][number]['parts'][number]> = {}) {
  return {
    role: 'sharer' as const,
    ruleId: 'share',
    rateBps: 400,
    perUnitFen: null,
    ruleFen: 6_396,
    amountFen: 6_396,
    reducedBy: null,
    ...changes,
  }
}

function loser(changes: Partial<LosingTouch> = {}): LosingTouch {
  return {
    associateName: '王芳',
    isMe: false,
    touchKind: 'click',
    at: '2026-03-01T08:00:00+08:00',
    linkChannel: 'group_chat',
    reason: 'superseded',
    ...changes,
  }
}

const explain = (changes?: Partial<EarnedOrder>) =>
  explainOrder(order(changes), { timeZone: 'Asia/Shanghai', now: '2026-03-06T10:00:00+08:00' }).map(({ text }) => text)

beforeEach(() => {
  locale.value = 'zh'
})

test('an order reads as somebody would tell it', () => {
  expect(explain({ losers: [loser()], others: [{ role: 'closer', name: '张伟' }] })).toEqual([
    '因为 3 月 2 日 12:04 顾客点开了你在朋友圈分享的「大衣」，3 天后在小程序下单。',
    '分享提成按规则 share 4.00%：¥1,599.00 × 4.00% ＝ ¥63.96',
    '王芳 3 月 1 日 08:00 在社群的分享也在期限内，但你的更近，所以归你。',
    '这一单的成交导购是张伟。',
    '方案 standard 第 3 版 · 03-12 起可结算',
  ])
  locale.value = 'en'
  expect(explain({ losers: [loser()], others: [{ role: 'closer', name: '张伟' }] })).toEqual([
    'Because the customer opened "大衣" that you shared (Moments) on Mar 2, 12:04 and ordered in the mini program 3 days later.',
    'For share by rule share, 4.00%: ¥1,599.00 × 4.00% = ¥63.96',
    '王芳: the share of Mar 1, 08:00 (group) was within the window too, but yours is more recent, so it is yours.',
    'On this order the closing associate is 张伟.',
    'Plan standard, version 3 · available from 03-12',
  ])
})

describe('why a role is mine', () => {
  test.each<[HeldRole, string]>([
    [
      { role: 'sharer', ground: { kind: 'share_code', linkCode: 'a', linkTitle: null, linkChannel: null } },
      '因为这一单直接带着你分享的链接下单。',
    ],
    [{ role: 'closer', ground: { kind: 'named', where: 'order' } }, '因为订单写明由你成交。'],
    [{ role: 'closer', ground: { kind: 'named', where: 'line' } }, '因为这一行写明由你成交。'],
    [
      {
        role: 'attributed',
        ground: { kind: 'assignment', since: '2026-01-01T00:00:00+08:00', reason: 'friend_added' },
      },
      '因为自 2026-01-01 起顾客归属你（加好友绑定）。',
    ],
    [{ role: 'opener', ground: { kind: 'opening' } }, '因为你是顾客的开卡导购。'],
    [{ role: 'inviter', ground: { kind: 'invitation', sharerName: '王芳' } }, '因为分享的王芳是你邀请来的。'],
    [
      {
        role: 'closer',
        ground: { kind: 'override', byName: '店长', at: '2026-03-05T12:00:00+08:00', reason: '小票记错' },
      },
      '3 月 5 日 12:00 由店长判定，你是这一单的成交导购：小票记错。',
    ],
  ])('%j', (held, text) => expect(explain({ roles: [held] })[0]).toBe(text))

  test('in a shop the ticket and the store are named', () => {
    const inStore = { channel: 'in_store' as const, storeName: '静安旗舰店' }
    expect(explain(inStore)[0]).toContain('3 天后到静安旗舰店买下')
    expect(explain({ ...inStore, roles: [{ role: 'closer', ground: { kind: 'named', where: 'order' } }] })[0]).toBe(
      '因为小票上的成交导购是你。',
    )
  })
})

describe('what changed the amount', () => {
  test('a refund: the net in the sum, and what it took back', () => {
    const text = explain({
      netFen: 129_900,
      amountFen: 5_196,
      lines: [line({ netFen: 129_900, parts: [part({ ruleFen: 5_196, amountFen: 5_196 })] })],
      refunds: [{ refundedAt: '2026-03-06T09:00:00+08:00', refundFen: 30_000 }],
      takenBackFen: 1_200,
    })
    expect(text).toContain(
      '分享提成按规则 share 4.00%：净额 ¥1,299.00（实付 ¥1,599.00 − 退款 ¥300.00） × 4.00% ＝ ¥51.96',
    )
    expect(text).toContain('3 月 6 日 09:00 退款 ¥300.00。退款后提成按净额重算，扣回 ¥12.00。')
  })

  test('a cancelled order', () => {
    expect(explain({ isCancelled: true, amountFen: 0, takenBackFen: 6_396 })).toContain(
      '订单已取消，提成 ¥63.96 全部扣回。',
    )
  })

  test('the cap, and several roles of which the plan counts one', () => {
    const capped = explain({
      lineCapBps: 300,
      lines: [line({ parts: [part({ amountFen: 4_797, reducedBy: 'cap' })] })],
    })
    expect(capped[2]).toBe('这一行几个人的提成合计最多是净额的 3.00%，超出的按比例减，这一项从 ¥63.96 减到 ¥47.97。')
    const highest = explain({ lines: [line({ parts: [part({ amountFen: 0, reducedBy: 'same_associate' })] })] })
    expect(highest[2]).toBe('这一行你兼有几个角色，方案只计最高的一项，这一项从 ¥63.96 变为 ¥0.00。')
  })

  test('an amount per piece, and lines named where there are several', () => {
    const text = explain({
      lines: [
        line({ netQuantity: 2, parts: [part({ rateBps: null, perUnitFen: 500, ruleFen: 1_000 })] }),
        line({ parts: [] }),
      ],
    })
    expect(text[1]).toBe('大衣，分享提成按规则 share 每件 ¥5.00：2 件 ＝ ¥10.00')
  })

  test('no rule, no plan', () => {
    expect(explain({ lines: [] })).toContain('方案没有给这个角色的规则，所以只计业绩，不计提成。')
    expect(explain({ lines: [], plan: null })).toContain('成交时没有生效的提成方案，所以没有提成。')
  })
})

describe('who lost, and why', () => {
  test.each<[Partial<LosingTouch>, string]>([
    [{ at: '2026-03-03T08:00:00+08:00' }, '但方案算最早的一次'],
    [{ at: '2026-03-02T04:04:00Z' }, '在同一时刻'],
    [{ reason: 'outside_window' }, '不在成交前 15 天之内'],
    [{ reason: 'too_late' }, '离到店成交太近'],
    [{ reason: 'link_inactive' }, '链接当时无效'],
    [{ reason: 'associate_inactive' }, '当时不在职'],
    [{ reason: 'self_purchase' }, '买的就是本人'],
    [{ reason: 'kind_not_counted' }, '这类动作方案不算'],
    [
      { reason: 'unknown_link', associateName: null, linkChannel: null },
      '3 月 1 日 08:00 的一次点开所用的链接没有登记',
    ],
  ])('%j', (changes, text) => expect(explain({ losers: [loser(changes)] })[2]).toContain(text))
})

describe('what a sale would earn', () => {
  const earn: CatalogueItem['earn'] = {
    earnFen: 11_193,
    earnInStoreFen: 0,
    parts: [
      { role: 'sharer', ruleId: 'share', rateBps: 600, perUnitFen: null, amountFen: 9_594 },
      { role: 'attributed', ruleId: 'care', rateBps: null, perUnitFen: 1_599, amountFen: 1_599 },
    ],
    cappedFromFen: null,
    nothingBecause: null,
  }
  test('is one sentence with each role', () => {
    expect(describeEstimate(earn)).toBe('成交约得 ¥111.93（分享 6% ＋ 归属每件 ¥15.99）')
    expect(describeEstimate({ ...earn, cappedFromFen: 12_000 })).toContain('按上限从 ¥120.00 减下来')
    expect(describeEstimate({ ...earn, earnFen: 0, parts: [], nothingBecause: 'no_rule' })).toBe(
      '今天的方案对它不付提成',
    )
  })
})
