import type { Advice } from '../wecom/service.ts'

/** What WeChat's refusals mean, and what somebody must do about them; WeCom's own are in wecom/errors.ts. */
const SECRET: Advice = {
  zh: 'MINIPROGRAM_SECRET 不对：在微信公众平台「开发管理 → 开发设置」重置 AppSecret 后重新填写。',
  en: 'MINIPROGRAM_SECRET is wrong: reset the AppSecret under 开发管理 → 开发设置 on mp.weixin.qq.com and set it again.',
}
const UNPUBLISHED: Advice = {
  zh: '小程序还没有发布，或没有这个页面：先发布，再检查分享目标的 path。',
  en: 'The mini program is not published, or has no such page: publish it, then check the path that the target was told with.',
}
const BUSY: Advice = {
  zh: '微信繁忙或调用太频繁，服务会自动稍后再试，无需处理。',
  en: 'WeChat is busy, or was asked too often; the service tries again by itself.',
}

const ADVICE: Readonly<Record<number, Advice>> = {
  [-1]: BUSY,
  40001: SECRET,
  40013: {
    zh: 'MINIPROGRAM_APP_ID 不对：在「开发管理 → 开发设置」复制 AppID（wx 开头）。',
    en: 'MINIPROGRAM_APP_ID is wrong: copy the AppID under 开发管理 → 开发设置; it begins with wx.',
  },
  40097: {
    zh: '参数不被接受：检查分享目标的 path 与其参数。',
    en: 'WeChat does not take what it was told: check the target’s path and its query.',
  },
  40125: SECRET,
  40164: {
    zh: '服务器地址 {address} 不在小程序的 IP 白名单：在「开发管理 → 开发设置 → IP 白名单」加入它。',
    en: 'The server’s address {address} is not on the mini program’s list: add it under 开发管理 → 开发设置 → IP 白名单.',
  },
  40165: UNPUBLISHED,
  40169: {
    zh: '分享码放不进小程序码：最多 32 个可见字符。',
    en: 'The link’s code does not fit into a mini-program code: 32 visible characters at most.',
  },
  40212: {
    zh: '链接参数含有微信不接受的字符：检查分享目标的 path。',
    en: 'The query holds what WeChat does not take: check the target’s path.',
  },
  40243: {
    zh: 'AppSecret 已被冻结：在「开发管理 → 开发设置」解冻。',
    en: 'The AppSecret is frozen: unfreeze it under 开发管理 → 开发设置.',
  },
  41030: UNPUBLISHED,
  45009: BUSY,
  45011: BUSY,
  48001: {
    zh: '小程序没有这个接口的权限：URL Link 只对已认证的非个人小程序开放。',
    en: 'The mini program may not call this: URL links are for verified ones that are no person’s.',
  },
  85079: UNPUBLISHED,
}

const NO_ANSWER: Advice = {
  zh: '连不上微信：检查 MINIPROGRAM_API_URL、DNS 和出网防火墙；服务会自动再试。',
  en: 'WeChat cannot be reached: check MINIPROGRAM_API_URL, DNS and what the firewall lets out; the service tries again by itself.',
}

/** What to do about a refusal of WeChat's, in both languages. */
export function miniProgramAdvice({ errcode, address }: { errcode: number | null; address: string | null }): Advice {
  if (errcode === null) return NO_ANSWER
  const advice = ADVICE[errcode] ?? {
    zh: `微信拒绝了调用（错误码 ${errcode}）。`,
    en: `WeChat refused (${errcode}).`,
  }
  const fill = (text: string) => text.replace(' {address}', address === null ? '' : ` ${address}`)
  return { zh: fill(advice.zh), en: fill(advice.en) }
}
