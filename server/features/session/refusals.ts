import type { PlainPage } from '../pages/service.ts'
import type { SignInRefusal } from './schema.ts'

export type Refusal = SignInRefusal | 'wecom_not_configured' | 'unknown_brand'

type Words = Pick<PlainPage, 'titleZh' | 'titleEn' | 'textZh' | 'textEn'> & { status: number; mayTryAgain: boolean }

const REFUSALS: Record<Refusal, Words> = {
  unknown_userid: {
    status: 403,
    titleZh: '还没有为你开通',
    titleEn: 'You are not set up here yet.',
    textZh: '企业微信认得你，但品牌还没有把你登记为导购。请联系店长或总部的系统管理员，把下面的代码告诉他。',
    textEn: 'Ask your store manager or the administrator at headquarters to register you, and tell them this code.',
    mayTryAgain: true,
  },
  not_a_member: {
    status: 403,
    titleZh: '这里仅供品牌同事使用',
    titleEn: 'This is for the brand’s staff.',
    textZh: '你是以顾客身份打开的，无需登录。如果你是同事，请用企业微信打开，或联系店长。',
    textEn: 'You opened it as a customer. If you are staff, open it in WeCom, or ask your store manager.',
    mayTryAgain: false,
  },
  associate_inactive: {
    status: 403,
    titleZh: '你的账号已停用',
    titleEn: 'Your access has ended.',
    textZh: '登记显示你目前不在职。如果有误，请联系店长或总部的系统管理员。',
    textEn: 'You are recorded as no longer active. If that is wrong, ask your store manager or headquarters.',
    mayTryAgain: true,
  },
  state_mismatch: {
    status: 400,
    titleZh: '登录没有完成',
    titleEn: 'Sign-in was not completed.',
    textZh: '这次登录不是从本页面发起的，或已经超时。请重新登录。',
    textEn: 'It was not started here, or took too long. Please sign in again.',
    mayTryAgain: true,
  },
  code_invalid: {
    status: 400,
    titleZh: '登录已过期',
    titleEn: 'This sign-in has expired.',
    textZh: '登录凭证只能使用一次，且五分钟内有效。请重新登录。',
    textEn: 'A sign-in code works once, for five minutes. Please sign in again.',
    mayTryAgain: true,
  },
  untrusted_domain: {
    status: 502,
    titleZh: '企业微信还不信任本域名',
    titleEn: 'WeCom does not trust this domain yet.',
    textZh: '请管理员在企业微信后台为应用设置可信域名，然后再试。',
    textEn: 'Ask the administrator to set the app’s trusted domain in WeCom, then try again.',
    mayTryAgain: true,
  },
  wecom_unreachable: {
    status: 502,
    titleZh: '暂时连不上企业微信',
    titleEn: 'WeCom cannot be reached.',
    textZh: '请稍后再试。如果一直如此，请把下面的代码告诉管理员。',
    textEn: 'Please try again in a moment. If it stays so, tell the administrator this code.',
    mayTryAgain: true,
  },
  unknown_brand: {
    status: 404,
    titleZh: '没有这个品牌',
    titleEn: 'There is no such brand.',
    textZh: '地址中的 brand 参数不对。请联系总部的系统管理员，检查企业微信工具栏里配置的页面地址。',
    textEn: 'The address names a brand that is not here. Ask the administrator to check the page set up in WeCom.',
    mayTryAgain: false,
  },
  wecom_not_configured: {
    status: 503,
    titleZh: '企业微信尚未设置',
    titleEn: 'WeCom is not set up.',
    textZh: '请管理员填写 WECOM_CORP_ID、WECOM_AGENT_ID 和 WECOM_SECRET 后重启服务。',
    textEn: 'The administrator must set WECOM_CORP_ID, WECOM_AGENT_ID and WECOM_SECRET and restart the service.',
    mayTryAgain: false,
  },
}

/** What somebody sees whom a sign-in does not let in: why, and whom to ask. */
export function refusalPage(refusal: Refusal, loginHref: string): { status: number; page: PlainPage } {
  const { status, mayTryAgain, ...words } = REFUSALS[refusal]
  const action = { href: loginHref, labelZh: '重新登录', labelEn: 'Sign in again' }
  return { status, page: { ...words, code: refusal, ...(mayTryAgain ? { action } : {}) } }
}
