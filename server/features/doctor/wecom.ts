import { Registry } from 'prom-client'
import {
  adviceOf,
  buildClient,
  buildWecomMeter,
  WecomError,
  type Answer,
  type Wecom,
  type WecomCall,
} from '../wecom/service.ts'
import { bad, good, unknown, type Finding } from './domain.ts'
import type { Examined } from './service.ts'

/** Nothing of this examination can be asked any more: the same would be said to each call. */
const ENDING: ReadonlySet<number | null> = new Set([null, 40001, 40014, 42001, 60020, 301021])

const APP = '应用管理 → the app'

/** WeCom's side: each call asks for one thing that somebody has to set up there. */
export async function* examineWecom({ settings, brand, now }: Examined): AsyncGenerator<Finding> {
  const { wecom, slug } = brand
  if (!wecom) {
    yield bad(
      'wecom.settings',
      'WeCom is not set up.',
      slug === 'default'
        ? 'Set WECOM_CORP_ID, WECOM_AGENT_ID and WECOM_SECRET: docs/wecom-setup.md begins with an empty corporation.'
        : `Run npm run brands -- set ${slug} --corp-id … --agent-id … --secrets.`,
    )
    return
  }
  const { corpId, agentId } = wecom.app
  yield good('wecom.settings', `WeCom: corporation ${corpId}, app ${agentId}.`)

  const ask = buildAsk(wecom, now)
  let isOver = false
  const skipped = (step: string, what: string) => unknown(step, `${what}: not asked, as the step above says why.`)
  /** @param look says what an answer means */
  const step = async (
    name: string,
    what: string,
    api: string,
    call: WecomCall,
    look: (answer: Answer) => Finding,
  ): Promise<Finding> => {
    // prettier-ignore
    if (isOver) return skipped(name, what)
    try {
      return look(await ask(api, call))
    } catch (error) {
      if (!(error instanceof WecomError)) throw error
      if (ENDING.has(error.errcode) || error.api === 'gettoken') isOver = true
      const code = error.errcode === null ? 'no answer' : `error ${error.errcode}`
      return bad(name, `${what}: ${code} from ${error.api}.`, adviceOf(error).en)
    }
  }

  yield await step('wecom.token', 'Access token', 'gettoken', {}, () =>
    good('wecom.token', 'WeCom gives an access token.'),
  )
  yield await step('wecom.app', 'The app', 'agent/get', { query: { agentid: agentId } }, answer => {
    if (Number(answer['close'] ?? 0) === 1) {
      return bad('wecom.app', `The app ${agentId} is disabled.`, `Enable it: ${APP} → 启用应用.`)
    }
    return good(
      'wecom.app',
      `Our address is trusted (企业可信IP), and AgentId and Secret are of one app: ${nameOf(answer)}.`,
    )
  })
  yield await step('wecom.domain', 'Trusted domain', 'agent/get', { query: { agentid: agentId } }, answer => {
    const { host } = new URL(settings.publicUrl)
    const domain = typeof answer['redirect_domain'] === 'string' ? answer['redirect_domain'] : ''
    const next = `${APP} → 网页授权及JS-SDK → 设置可信域名: enter ${host} for OAuth2.0网页授权 and for JS-SDK, and have it verified by its WW_verify file.`
    return domain === host
      ? good('wecom.domain', `The trusted domain for sign-in is ${domain}.`)
      : bad(
          'wecom.domain',
          `The trusted domain is ${domain === '' ? 'not set' : domain}, and PUBLIC_URL has ${host}.`,
          next,
        )
  })
  yield await step('wecom.visible_range', 'Visible range', 'department/simplelist', {}, answer => {
    const count = Array.isArray(answer['department_id']) ? answer['department_id'].length : 0
    return count > 0
      ? good('wecom.visible_range', `The app sees ${count} departments.`)
      : bad('wecom.visible_range', 'The app sees no department.', `${APP} → 可见范围: add the stores’ departments.`)
  })
  yield await step('wecom.customers', 'Customer contact', 'externalcontact/get_follow_user_list', {}, answer => {
    const count = Array.isArray(answer['follow_user']) ? answer['follow_user'].length : 0
    return count > 0
      ? good('wecom.customers', `The app may call the customer APIs; ${count} people may have customers.`)
      : bad(
          'wecom.customers',
          'The app may call the customer APIs, but nobody may have customers.',
          '客户与上下游 → 客户联系 → 权限配置 → 使用范围: add the associates.',
        )
  })
  const tickets = [
    ['wecom.config_ticket', 'get_jsapi_ticket', {}, 'config'],
    ['wecom.agent_ticket', 'ticket/get', { type: 'agent_config' }, 'agentConfig'],
  ] as const
  for (const [name, api, query, what] of tickets) {
    yield await step(name, `Ticket for ${what}`, api, { query }, answer =>
      typeof answer['ticket'] === 'string'
        ? good(name, `Pages can be signed for ${what}.`)
        : bad(name, `WeCom gave no ticket for ${what}.`, 'Run this again; if it stays so, ask WeCom.'),
    )
  }
}

const nameOf = (answer: Answer) => (typeof answer['name'] === 'string' ? `“${answer['name']}”` : 'it answers')

/** Calls with a token of their own: what is kept was perhaps got with settings that were changed since. */
function buildAsk({ app, meter: _ }: Wecom, now: () => number) {
  let token: string | null = null
  const request = buildClient({
    host: { owner: 'WeCom', apiUrl: app.apiUrl, folder: '/cgi-bin/' },
    buckets: { take: () => Promise.resolve(0), block: () => Promise.resolve() },
    meter: buildWecomMeter(new Registry()),
    now,
    token: async () => {
      token ??= String((await getToken())['access_token'])
      return token
    },
  })
  const getToken = () => request('gettoken', { query: { corpid: app.corpId, corpsecret: app.secret } }, false)
  return (api: string, call: WecomCall) => (api === 'gettoken' ? getToken() : request(api, call, true))
}
