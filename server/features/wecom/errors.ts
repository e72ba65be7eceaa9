/** What WeCom's refusals mean, and what somebody must do about them. */

/** In plain words, for whoever sets the service up. */
export interface Advice {
  zh: string
  en: string
}

/** `refused`: WeCom answered; `not_sent`: it cannot have heard of the call; `unknown`: it may have carried it out. */
export type CallOutcome = 'refused' | 'not_sent' | 'unknown'

/** Whose API it is. */
export type ApiOwner = 'WeCom' | 'WeChat'

/** WeCom answered with an error, or did not answer (`errcode` null). */
export class WecomError extends Error {
  readonly errcode: number | null
  /** As `externalcontact/get`. */
  readonly api: string
  readonly outcome: CallOutcome
  /** The address that WeCom saw the call come from. */
  readonly address: string | null
  constructor(api: string, { errcode = null, outcome, why, address = null, owner = 'WeCom' }: WecomErrorOptions) {
    super(errcode === null ? `${owner} did not answer ${api} (${why})` : `${owner} answered ${api} with ${errcode}`)
    this.name = 'WecomError'
    this.errcode = errcode
    this.api = api
    this.outcome = outcome
    this.address = address
  }
}

interface WecomErrorOptions {
  errcode?: number | null
  outcome: CallOutcome
  /** Of a call that was not answered: what sort of fault. */
  why?: string
  address?: string | null
  owner?: ApiOwner
}

/** The caller's address as errmsg has it (WeChat: `invalid ip 1.2.3.4 …`); nothing else of that text is relied on. */
export function addressIn(errmsg: unknown): string | null {
  const match = typeof errmsg === 'string' ? /(?:from ip:|invalid ip)\s*([0-9a-fA-F.:]+)/.exec(errmsg) : null
  return match ? match[1]!.replace(/[.:]$/, '') : null
}

const PERMISSION: Advice = {
  zh: '应用没有客户联系接口权限：管理后台「客户与上下游 → 客户联系 → 客户 → API」，在「可调用接口的应用」中加入本应用。',
  en: 'The app may not call the customer APIs: in the admin console, under 客户与上下游 → 客户联系 → 客户 → API, add it to 「可调用接口的应用」.',
}
const SECRET: Advice = {
  zh: 'WECOM_SECRET 不对：在管理后台「应用管理」打开本应用，重新复制 Secret（每个应用各有一个）。',
  en: 'WECOM_SECRET is wrong: open the app under 应用管理 and copy its Secret again; each app has its own.',
}
const VISIBLE_RANGE: Advice = {
  zh: '该成员或部门不在应用的可见范围内：在「应用管理 → 本应用 → 可见范围」中加入门店所在部门。',
  en: 'That person or department is outside of the app’s visible range: add the stores’ departments under 应用管理 → the app → 可见范围.',
}
const BUSY: Advice = {
  zh: '企业微信繁忙或调用太频繁，服务会自动稍后再试，无需处理。',
  en: 'WeCom is busy, or was asked too often; the service tries again by itself.',
}
const DOMAIN: Advice = {
  zh: '域名不可信：在「应用管理 → 本应用 → 网页授权及JS-SDK」把 PUBLIC_URL 的域名（含端口）设为可信域名，并上传校验文件（WECOM_VERIFY_FILE）。',
  en: 'The domain is not trusted: under 应用管理 → the app → 网页授权及JS-SDK enter the host of PUBLIC_URL (with its port) and have it verified (WECOM_VERIFY_FILE).',
}
const TOKEN: Advice = {
  zh: '访问凭证失效且重新获取后仍被拒绝：检查 WECOM_SECRET 与 WECOM_AGENT_ID 是否属于同一个应用。',
  en: 'The access token was refused also after it was fetched anew: check that WECOM_SECRET and WECOM_AGENT_ID are of one app.',
}
const FOLLOW: Advice = {
  zh: '该成员没有客户联系权限或没有这位客户：在「客户联系 → 权限配置」检查使用范围。',
  en: 'That person may not have customers, or does not have this one: check who may use 客户联系.',
}

/** By errcode; WeCom's own words may change and are not looked at. */
export const ADVICE: Readonly<Record<number, Advice>> = {
  [-1]: BUSY,
  40001: SECRET,
  40003: {
    zh: '企业微信不认识这个成员账号（userid），等待下一次同步，或检查导购资料中的 associateId。',
    en: 'WeCom does not know this userid: wait for the next sync, or check the associateId that was told.',
  },
  40013: {
    zh: 'WECOM_CORP_ID 不对：在管理后台「我的企业 → 企业信息」最下方复制企业 ID。',
    en: 'WECOM_CORP_ID is wrong: copy it from the end of 我的企业 → 企业信息.',
  },
  40014: TOKEN,
  40031: {
    zh: '成员列表有误：其中有人不在应用的可见范围，或已离职；等待下一次同步。',
    en: 'Wrong people: one of them left, or is outside of the app’s visible range; wait for the next sync.',
  },
  40056: {
    zh: 'WECOM_AGENT_ID 不对：在「应用管理」打开本应用，复制 AgentId。',
    en: 'WECOM_AGENT_ID is wrong: open the app under 应用管理 and copy its AgentId.',
  },
  40091: SECRET,
  40093: {
    zh: '页面签名不对：PUBLIC_URL 必须与员工打开的地址一致（协议、域名、端口）。',
    en: 'The page’s signature is wrong: PUBLIC_URL must be the address that people open, with scheme, host and port.',
  },
  40096: {
    zh: '企业微信不认识这位客户：可能属于另一个企业，或已被删除。',
    en: 'WeCom does not know this customer: of another corporation, or deleted.',
  },
  40098: {
    zh: '成员还没有实名认证：请本人在企业微信完成实名。',
    en: 'That person is not real-name verified yet; he does so in WeCom himself.',
  },
  41041: {
    zh: '一个「联系我」最多 100 名成员：减少门店在册导购，或按班组分开建码。',
    en: 'A contact way takes 100 people at most: make several codes for so large a store.',
  },
  41044: {
    zh: '企业微信里已没有这个「联系我」，服务会重新创建。',
    en: 'WeCom has this contact way no more; the service makes another.',
  },
  41045: {
    zh: '企业的「联系我」已达 50 万个上限：删除不用的渠道码。',
    en: 'The corporation has 500,000 contact ways, which is the most: delete codes that nobody uses.',
  },
  41048: { zh: '没有可以发送的客户。', en: 'There is no customer to send to.' },
  41053: {
    zh: '客户还没有同意会话存档，同意后才能发送欢迎语。',
    en: 'The customer has not agreed to his chats being archived; he can be welcomed when he has.',
  },
  41054: {
    zh: '该成员还没有激活企业微信账号。',
    en: 'That person has not activated the WeCom account yet.',
  },
  41057: {
    zh: '还没有绑定微信开发者 ID，因此拿不到 unionid：在「客户与上下游 → 客户联系 → 客户 → API」绑定。',
    en: 'No WeChat developer id is bound, so there is no unionid: bind it under 客户与上下游 → 客户联系 → 客户 → API.',
  },
  41091: {
    zh: '一个入群码最多 5 个群：删去多余的群。',
    en: 'A group code leads to 5 groups at most: take some out.',
  },
  41095: {
    zh: '获客链接已达上限：在企业微信「获客助手」删除不用的链接。',
    en: 'There are as many acquisition links as WeCom allows: delete some under 获客助手.',
  },
  41096: BUSY,
  42001: TOKEN,
  42012: {
    zh: '用错了 ticket：agentConfig 需要应用的 ticket。检查 WECOM_AGENT_ID 与 WECOM_SECRET 是否属于同一个应用。',
    en: 'A ticket of the wrong kind: agentConfig needs the app’s. Check that WECOM_AGENT_ID and WECOM_SECRET are of one app.',
  },
  43009: { zh: '企业还没有认证，请先完成企业认证。', en: 'The corporation is not verified yet; verify it first.' },
  45009: BUSY,
  45033: BUSY,
  48002: PERMISSION,
  50001: DOMAIN,
  50002: VISIBLE_RANGE,
  50003: { zh: '应用已被停用：在「应用管理」重新启用。', en: 'The app is disabled: enable it under 应用管理.' },
  60003: { zh: '部门不存在，等待下一次同步。', en: 'There is no such department; wait for the next sync.' },
  60011: VISIBLE_RANGE,
  60020: {
    zh: '服务器地址 {address} 不在可信名单：在「应用管理 → 本应用 → 企业可信IP」加入它（约 1 分钟后生效）。',
    en: 'The server’s address {address} is not trusted: add it under 应用管理 → the app → 企业可信IP; it counts after about a minute.',
  },
  60021: VISIBLE_RANGE,
  60111: {
    zh: '企业微信没有这个成员：可能已离职，或 associateId 与企业微信账号不一致。',
    en: 'WeCom has no such person: gone, or the associateId told is not his userid.',
  },
  60123: { zh: '部门编号不对，等待下一次同步。', en: 'A wrong department id; wait for the next sync.' },
  81013: {
    zh: '收件人都不在应用的可见范围内：在「应用管理 → 本应用 → 可见范围」加入他们。',
    en: 'None of the recipients is in the app’s visible range: add them under 应用管理 → the app → 可见范围.',
  },
  81017: {
    zh: '成员太多，必须按群主查询；服务会自动处理。',
    en: 'Too many people for one question; the service asks by owner.',
  },
  84061: FOLLOW,
  84074: PERMISSION,
  86001: { zh: '企业微信没有这个群。', en: 'WeCom has no such group.' },
  90501: { zh: '这不是客户群。', en: 'That is not a customer group.' },
  301002: {
    zh: 'WECOM_AGENT_ID 与 WECOM_SECRET 不是同一个应用的：在「应用管理」打开本应用，两项都重新复制。',
    en: 'WECOM_AGENT_ID and WECOM_SECRET are not of one app: open it under 应用管理 and copy both again.',
  },
  301021: { zh: '企业已被停用，请联系企业微信。', en: 'The corporation is suspended; ask WeCom.' },
  701008: {
    zh: '成员没有客户联系许可，请在企业微信购买或分配。',
    en: 'The person lacks the licence; buy or assign one in WeCom.',
  },
}

const NO_ANSWER: Advice = {
  zh: '连不上企业微信：检查 WECOM_API_URL、DNS 和出网防火墙；服务会自动再试。',
  en: 'WeCom cannot be reached: check WECOM_API_URL, DNS and what the firewall lets out; the service tries again by itself.',
}

/** What to do about a refusal, in both languages. */
export function adviceOf(error: { errcode: number | null; address: string | null }): Advice {
  const { errcode, address } = error
  if (errcode === null) return NO_ANSWER
  const advice = ADVICE[errcode] ?? {
    zh: `企业微信拒绝了调用（错误码 ${errcode}），说明见 https://open.work.weixin.qq.com/devtool/query?e=${errcode}`,
    en: `WeCom refused (${errcode}); see https://open.work.weixin.qq.com/devtool/query?e=${errcode}`,
  }
  const fill = (text: string) => text.replace(' {address}', address === null ? '' : ` ${address}`)
  return { zh: fill(advice.zh), en: fill(advice.en) }
}
