/** Made-up customers and a team for looking at screens. The types are the service's contract: what drifts, fails. */
import type { HomeCustomer, HomeCustomers, TeamDay } from '../../server/features/home/schema.ts'
import type { ShownChoice } from '../../server/features/messages/schema.ts'
import { asOf } from './demo-data.ts'

const nobody: Omit<HomeCustomer, 'memberNo' | 'name'> = {
  level: null,
  tags: [],
  birthday: null,
  lastPaidAt: null,
  lookedAt: null,
  externalUserid: null,
  isFriend: false,
}

const own: HomeCustomer[] = [
  {
    ...nobody,
    memberNo: 'VIP0001',
    name: '陈晓',
    level: '金卡',
    tags: ['大衣控'],
    birthday: '11-20',
    lastPaidAt: '2026-11-08T16:20:00+08:00',
    lookedAt: '2026-11-20T14:20:00+08:00',
    externalUserid: 'wm-gold',
    isFriend: true,
  },
  { ...nobody, memberNo: 'VIP0042', name: '周敏', level: '银卡', lastPaidAt: '2026-11-15T11:00:00+08:00' },
  {
    ...nobody,
    memberNo: 'VIP0103',
    name: '欧阳',
    externalUserid: 'wm-extreme',
    lastPaidAt: '2026-07-12T11:00:00+08:00',
  },
  { ...nobody, memberNo: 'VIP0077-一个很长很长的卡号-0000000000000001', name: null },
]

export function homeCustomers(query: URLSearchParams): HomeCustomers {
  const q = query.get('q') ?? ''
  const segment = query.get('segment') ?? 'all'
  const items = own.filter(one => {
    if (q !== '' && !(one.name ?? '').includes(q)) return false
    if (query.get('level') !== null && one.level !== query.get('level')) return false
    return (
      segment === 'all' ||
      (segment === 'looked' ? one.lookedAt !== null : segment === 'never_bought' && !one.lastPaidAt)
    )
  })
  return {
    asOf,
    counts: {
      all: 4,
      birthday: 1,
      asleep: 1,
      looked: 1,
      never_bought: 1,
      levels: [
        { value: '金卡', count: 1 },
        { value: '银卡', count: 1 },
      ],
      tags: [{ value: '大衣控', count: 1 }],
    },
    items,
    nextCursor: null,
  }
}

export const teamDay: TeamDay = {
  asOf,
  store: { storeCode: 'S1', name: '静安旗舰店' },
  stores: [{ storeCode: 'S1', name: '静安旗舰店' }],
  openDisputes: 2,
  unassignedTasks: 5,
  team: [
    {
      associateId: 'demo-wang',
      name: '王芳',
      shares: 0,
      creditedFen: 0,
      openTasks: 6,
      overdueTasks: 3,
      behind: ['tasks', 'target'],
      targetBps: 4100,
    },
    {
      associateId: 'demo-li',
      name: '李华',
      shares: 9,
      creditedFen: 1_234_560,
      openTasks: 2,
      overdueTasks: 0,
      behind: [],
      targetBps: 9100,
    },
  ],
}

/** What the associate is told in WeCom; the brand tells of statements nobody. */
export const messageChoice = (change: object | null): ShownChoice => ({
  kinds: {
    link_opened: true,
    sold: true,
    friend_lost: false,
    task_new: true,
    dispute_decided: true,
    statement_ready: true,
    ...change,
  },
  brandKinds: {
    link_opened: true,
    sold: true,
    friend_lost: true,
    task_new: true,
    dispute_decided: true,
    statement_ready: false,
  },
  quietFrom: '21:00',
  quietTo: '09:00',
})
