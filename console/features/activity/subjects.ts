import { defineMessages, locale } from '../../../sidebar/lib/locale.ts'

/** What the first part of a subject's address is called. */
const rooms = defineMessages<Record<string, string>>(
  {
    activity: '操作记录',
    adjustments: '调整',
    associates: '导购',
    brands: '品牌',
    'channel-codes': '渠道码',
    clearing: '往来对账',
    community: '社群',
    coupons: '优惠券',
    customers: '顾客',
    disputes: '申诉',
    handovers: '会员交接',
    jobs: '后台任务',
    keys: '接口密钥',
    materials: '素材',
    members: '会员',
    orders: '订单',
    performance: '业绩',
    plans: '提成方案',
    posts: '发布内容',
    risks: '风险',
    settings: '设置',
    settlements: '结算',
    targets: '目标',
    tasks: '任务',
    'task-rules': '任务规则',
    transfers: '客户交接',
    unattributed: '待归属',
    webhooks: '事件通知',
  },
  {
    activity: 'Activity',
    adjustments: 'Adjustment',
    associates: 'Associate',
    brands: 'Brand',
    'channel-codes': 'Channel code',
    clearing: 'Clearing',
    community: 'Community',
    coupons: 'Coupon',
    customers: 'Customer',
    disputes: 'Dispute',
    handovers: 'Handover of members',
    jobs: 'Job',
    keys: 'API key',
    materials: 'Material',
    members: 'Member',
    orders: 'Order',
    performance: 'Performance',
    plans: 'Plan',
    posts: 'Post',
    risks: 'Risk',
    settings: 'Settings',
    settlements: 'Settlement',
    targets: 'Targets',
    tasks: 'Task',
    'task-rules': 'Rule for tasks',
    transfers: 'Handover',
    unattributed: 'Unattributed sales',
    webhooks: 'Webhook',
  },
)

/** What the second part of some addresses is called. */
const corners = defineMessages<Record<string, string>>(
  {
    'plans/drafts': '草稿',
    'settings/binding': '归属规则',
    'settings/messages': '消息提醒',
    'settings/questionnaire': '客户问卷',
    'settings/retention': '保存期',
    'settings/visibility': '谁能看到什么',
    'settings/welcome': '欢迎语',
  },
  {
    'plans/drafts': 'draft',
    'settings/binding': 'attribution rules',
    'settings/messages': 'messages',
    'settings/questionnaire': 'questionnaire',
    'settings/retention': 'retention',
    'settings/visibility': 'who sees what',
    'settings/welcome': 'welcome message',
  },
)
const versionText = (version: string) => (locale.value === 'zh' ? `第 ${version} 版` : `version ${version}`)

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-([0-9a-f]{12})$/

/** `risks/018f…` as it is read; of an id made by the service its end, which tells them apart. */
export function subjectText(subject: string): string {
  const [room = '', ...rest] = subject.split('/')
  const parts = rest.flatMap((part, i) => {
    if (part === 'versions' && room === 'plans') return []
    if (i > 0 && rest[i - 1] === 'versions' && room === 'plans') return [versionText(part)]
    const corner = i === 0 ? corners.value[`${room}/${part}`] : undefined
    return [corner ?? decodeURIComponent(part).replace(uuid, (_, end: string) => end.slice(-6))]
  })
  return [rooms.value[room] ?? room, ...parts].join(' ')
}

/** Where it is looked at, where the console has a page of it. */
export function pageOf(subject: string): string | null {
  const [room = '', id = ''] = subject.split('/')
  if (id === '') return null
  if (room === 'risks') return `/risks?risk=${id}`
  if (room === 'disputes') return `/disputes?dispute=${id}`
  return room === 'settlements' && uuid.test(id) ? `/settlements/${id}` : null
}
