import type {
  Erasure,
  ErasureBody,
  FoundPeople,
  FoundPerson,
  PersonalData,
  Retention,
  RetentionBody,
  SearchBody,
} from '../../../server/features/privacy/schema.ts'
import { defineMessages } from '../../../sidebar/lib/locale.ts'
import { api } from '../../../sidebar/lib/session.ts'

export type { FoundPerson, RetentionBody }

const of = (memberNo: string) => `/members/${encodeURIComponent(memberNo)}`

/** What is held about one person, a copy of it, its end; and how long touches say whose they were. */
export const calls = {
  find: (body: SearchBody) => api.post<FoundPeople>('/personal-data/search', body),
  copy: (memberNo: string) => api.get<PersonalData>(`${of(memberNo)}/personal-data`),
  erase: (memberNo: string, body: ErasureBody) => api.post<Erasure>(`${of(memberNo)}/erasure`, body),
  readRetention: (signal?: AbortSignal) => api.get<Retention>('/settings/retention', {}, signal),
  tellRetention: (body: RetentionBody) => api.put<Retention>('/settings/retention', body),
}

export const text = defineMessages(
  {
    help: '客户要求查阅、复制或删除自己的资料时用。查找、下载、删除都有记录。',
    person: '会员号或手机号',
    find: '查找',
    nobody: '没有找到。',
    noName: '未留姓名',
    numbers: (list: string) => `会员号 ${list}`,
    erasedAt: (at: string) => `个人资料已于 ${at} 删除`,
    copy: '下载一份资料',
    erase: '删除个人资料',
    eraseOf: (name: string) => `删除「${name}」的个人资料`,
    eraseForGood: '删除后找不回来，也不能撤销。',
    eraseWhat: '姓名、手机号、生日、标签、备注、问卷、好友资料、访客标识和被拒收的数据都删除。',
    eraseMoney: '订单、提成、结算和业绩数字不变，之后的退款照常算。',
    eraseBack: '接口再报同一个会员时不会恢复，除非他之后重新入会。企业微信和会员系统里的资料要另外删除。',
    eraseAgain: '再输一遍会员号',
    eraseLack: '请再输一遍会员号，和上面一致。',
    eraseReason: '原因里不要写姓名和手机号。',
    erased: (memberNo: string) => `已删除 ${memberNo} 的个人资料。`,
    retention: '触点保存多久',
    retentionHelp: '没有带来订单的触点，过期后不再保存是谁的；点击数不变。带来订单的触点是提成的依据，一直保存。',
    visitorDays: '访客标识保存（天）',
    touchDays: '其他能认出客户的信息保存（天）',
    retentionLack: (days: string) => `至少 ${days} 天（最长的归因窗口加 60 天），访客标识不能比其他信息保存得久。`,
  },
  {
    help: 'For customers who ask to see, copy or erase their data. Every look, copy and erasure is recorded.',
    person: 'Member number or phone',
    find: 'Find',
    nobody: 'Nobody was found.',
    noName: 'No name',
    numbers: (list: string) => `Member number ${list}`,
    erasedAt: (at: string) => `Personal data erased at ${at}`,
    copy: 'Download a copy',
    erase: 'Erase personal data',
    eraseOf: (name: string) => `Erase the personal data of “${name}”`,
    eraseForGood: 'It cannot be found again, nor taken back.',
    eraseWhat: 'Name, phone, birthday, tags, notes, answers, friends’ data, visitor ids and rejected items go.',
    eraseMoney: 'Orders, commission, settlements and figures stay; later refunds book as always.',
    eraseBack:
      'The same member told again does not come back unless he joins anew. WeCom and the CRM are to be cleaned by themselves.',
    eraseAgain: 'Repeat the member number',
    eraseLack: 'Repeat the member number as it stands above.',
    eraseReason: 'No name and no phone in the reason.',
    erased: (memberNo: string) => `The personal data of ${memberNo} was erased.`,
    retention: 'How long touches are kept',
    retentionHelp:
      'Touches that won no order lose whose they were; clicks still count. Those that won are what commission rests on, and stay.',
    visitorDays: 'Visitor ids (days)',
    touchDays: 'Other identifiers (days)',
    retentionLack: (days: string) =>
      `At least ${days} days (the longest window and 60), and visitor ids no longer than the rest.`,
  },
)
