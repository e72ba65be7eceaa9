import type { CardChannel, CardPerson } from '../../server/features/cards/schema.ts'
import type { EarningsRole } from '../../server/features/earnings/schema.ts'
import { defineMessages } from './locale.ts'

/** Words of the trade that several features say: one word per idea, the same on every screen. */
export const words = defineMessages(
  {
    sharer: '分享',
    closer: '成交',
    attributed: '归属',
    opener: '开卡',
    inviter: '邀请',
    single_chat: '私聊',
    group_chat: '社群',
    moments: '朋友圈',
    poster: '海报',
    live: '直播',
    sms: '短信',
    email: '邮件',
    qq: 'QQ',
    douyin: '抖音',
    web: '网页',
    other: '其他渠道',
    online: '小程序',
    in_store: '门店',
    franchise: '加盟',
    yours: '你的分享',
    theirs: (name: string) => `${name}的分享`,
    me: (name: string) => `我（${name}）`,
  },
  {
    sharer: 'share',
    closer: 'closing',
    attributed: 'attribution',
    opener: 'opening',
    inviter: 'invitation',
    single_chat: 'chat',
    group_chat: 'group',
    moments: 'Moments',
    poster: 'poster',
    live: 'live',
    sms: 'SMS',
    email: 'email',
    qq: 'QQ',
    douyin: 'Douyin',
    web: 'web',
    other: 'elsewhere',
    online: 'Mini program',
    in_store: 'Store',
    franchise: 'franchise',
    yours: 'your share',
    theirs: (name: string) => `${name}'s share`,
    me: (name: string) => `Me (${name})`,
  },
)

export const wordOfChannel = (channel: CardChannel): string => words.value[channel]
export const wordOfRole = (role: EarningsRole): string => words.value[role]
export const nameOf = (person: CardPerson): string => (person.isMe ? words.value.me(person.name) : person.name)
export const shareOf = (person: CardPerson): string =>
  person.isMe ? words.value.yours : words.value.theirs(person.name)
