/**
 * The pages of WeCom that a browser is sent to: authorisation inside the client, and scanning a code in a desktop
 * browser. Where the real ones know who holds the phone, these ask, unless a test or a simulated client has said it.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { World } from './world.ts'

/** The simulated client that a browser belongs to; set by the chat shell, and read here on another port. */
export const seatCookie = 'daogou_sim'
/** Whom the person chose last with `remember`. */
const chosenCookie = 'daogou_sim_as'

type Query = Record<string, string | undefined>

interface Request {
  redirectUri: string
  state: string
  agentId: string | null
}

export function signInPages(app: FastifyInstance, world: World): void {
  app.get('/connect/oauth2/authorize', (request, reply) => {
    const query = request.query as Query
    const asked = checkRequest(world, query, query['agentid'])
    if ('fault' in asked) return refuse(reply, asked)
    if (query['response_type'] !== 'code') return refuse(reply, faults.responseType)
    if (!['snsapi_base', 'snsapi_privateinfo'].includes(query['scope'] ?? '')) return refuse(reply, faults.scope)
    return answer(world, request, reply, asked, 'authorize')
  })

  app.get('/wwlogin/sso/login', (request, reply) => {
    const query = request.query as Query
    if (query['login_type'] !== 'CorpApp') return refuse(reply, faults.loginType)
    if (!query['agentid']) return refuse(reply, faults.agentId)
    const asked = checkRequest(world, query, query['agentid'])
    if ('fault' in asked) return refuse(reply, asked)
    return answer(world, request, reply, asked, 'scan')
  })
}

interface Refusal {
  fault: string
  english: string
  code: number | null
}

const faults = {
  corpId: { fault: 'appid 参数错误', english: 'appid is not the id of this corporation', code: 40013 },
  agentId: { fault: 'agentid 参数错误', english: 'agentid is missing, or no app of this corporation', code: 40056 },
  redirect: {
    fault: 'redirect_uri 需使用应用可信域名',
    english: 'The host and port of redirect_uri are not a trusted domain of the app',
    code: 50001,
  },
  responseType: { fault: 'response_type 参数错误', english: 'response_type must be code', code: null },
  scope: { fault: 'scope 参数错误', english: 'scope must be snsapi_base or snsapi_privateinfo', code: null },
  state: { fault: 'state 参数错误', english: 'state may hold letters and digits only, at most 128', code: null },
  loginType: { fault: 'login_type 参数错误', english: 'login_type must be CorpApp', code: null },
} as const satisfies Record<string, Refusal>

function checkRequest(world: World, query: Query, agentId: string | undefined): Request | Refusal {
  if (query['appid'] !== world.corpId) return faults.corpId
  if (agentId !== undefined && !world.agents.has(agentId)) return faults.agentId
  const agents = agentId === undefined ? [...world.agents.values()] : [world.agent(agentId)]
  const redirectUri = query['redirect_uri'] ?? ''
  const host = URL.canParse(redirectUri) ? new URL(redirectUri) : null
  const isTrusted =
    host !== null && /^https?:$/.test(host.protocol) && agents.some(agent => agent.trustedDomains.includes(host.host))
  if (!isTrusted) return faults.redirect
  const state = query['state'] ?? ''
  if (!/^[A-Za-z0-9]{0,128}$/.test(state)) return faults.state
  return { redirectUri, state, agentId: agentId ?? null }
}

function answer(
  world: World,
  request: FastifyRequest,
  reply: FastifyReply,
  asked: Request,
  page: 'authorize' | 'scan',
): FastifyReply {
  const query = request.query as Query
  void reply.header('cache-control', 'no-store')
  if (page === 'scan' && query['as'] === '') return reply.redirect(addressAfter(world, asked, null), 302)
  const cookies = readCookies(request.headers.cookie)
  const isInClient = request.headers['sec-fetch-dest'] === 'iframe'
  const seat = isInClient && page === 'authorize' ? world.seats.get(cookies.get(seatCookie) ?? '') : undefined
  const who = query['as'] || world.signedInAs || seat?.userid || cookies.get(chosenCookie)
  if (!who) return reply.type('text/html; charset=utf-8').send(renderPicker(world, request, page))
  if (query['remember'] === '1') {
    void reply.header('set-cookie', `${chosenCookie}=${encodeURIComponent(who)}; Path=/; HttpOnly; SameSite=Lax`)
  }
  return reply.redirect(addressAfter(world, asked, who), 302)
}

/** @param who null: the person refused; there is a state then, and no code */
function addressAfter(world: World, { redirectUri, state, agentId }: Request, who: string | null): string {
  const url = new URL(redirectUri)
  if (who !== null) url.searchParams.set('code', world.issueCode(who, agentId))
  url.searchParams.set('state', state)
  return url.href
}

export function readCookies(header: string | undefined): Map<string, string> {
  const pairs = (header ?? '').split(';').flatMap(part => {
    const at = part.indexOf('=')
    return at < 0 ? [] : [[part.slice(0, at).trim(), decode(part.slice(at + 1).trim())] as const]
  })
  return new Map(pairs)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function refuse(reply: FastifyReply, { fault, english, code }: Refusal): FastifyReply {
  return reply
    .code(200)
    .header('cache-control', 'no-store')
    .type('text/html; charset=utf-8')
    .send(
      renderPage(
        fault,
        `<p class="mark bad" aria-hidden="true">!</p><h1>${fault}</h1><p class="quiet" lang="en">${english}</p>${
          code === null ? '' : `<p class="quiet">errcode ${code}</p>`
        }`,
      ),
    )
}

/** How many people are shown before the rest are folded away. */
const shownPeople = 8

function renderPicker(world: World, request: FastifyRequest, page: 'authorize' | 'scan'): string {
  const title = page === 'scan' ? '扫码登录：谁来扫码？' : '以谁的身份进入？'
  const english = page === 'scan' ? 'Scan sign-in: who holds the phone?' : 'Who opens this page?'
  const entry = (who: string, name: string, note: string) =>
    `<li><a href="${escape(`${request.url}&as=${encodeURIComponent(who)}`)}"><i aria-hidden="true">${escape(
      faceOf(name),
    )}</i><span><b>${escape(name)}</b><small>${escape(note)}</small></span></a></li>`
  const staff = [...world.staff.values()].map(person => {
    const places = person.departments.map(id => world.departments.find(each => each.id === id)?.name ?? String(id))
    return entry(person.userid, person.name, person.hint || [person.position, ...places].filter(Boolean).join(' · '))
  })
  const customers = [...world.customers.values()]
    .slice(0, 3)
    .map(customer => entry(customer.externalUserid, customer.name, customer.hint || '外部客户'))
  const nobody = entry('sim-nobody', '不存在的成员', '服务不认识的 userid · a userid that the service does not know')
  const rest = staff.slice(shownPeople)
  return renderPage(
    title,
    `<h1>${title}</h1><p class="quiet" lang="en">${english}</p>
<h2>员工 <small lang="en">Staff</small></h2><ul>${staff.slice(0, shownPeople).join('')}</ul>
${rest.length === 0 ? '' : `<details><summary>其余 ${rest.length} 人</summary><ul>${rest.join('')}</ul></details>`}
<h2>不该进来的人 <small lang="en">Who must be refused</small></h2><ul>${nobody}${customers.join('')}</ul>
${page === 'scan' ? `<p><a class="cancel" href="${escape(`${request.url}&as=`)}">取消登录 Cancel</a></p>` : ''}`,
  )
}

/** The last character of a name, without what stands behind it in brackets. */
const faceOf = (name: string) => [...name.replace(/[（(].*$/, '')].at(-1) ?? ''

const escape = (text: string) => text.replaceAll(/[&<>"']/g, character => `&#${character.codePointAt(0)};`)

/** Inline style is harmless here: this is the simulator's own origin, and no page of the product. */
function renderPage(title: string, content: string): string {
  return `<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>${escape(title)} · 模拟器</title><link rel="icon" href="data:,"><style>
:root{--ink:#1c2127;--ink-2:#5b6470;--ink-3:#8a929d;--line:#e8eaed;--ground:#f4f5f7;--paper:#fff;--accent:#1461d1;--accent-soft:#e8f0fd;--bad:#c0322b;--bad-soft:#fdecea}
@media(prefers-color-scheme:dark){:root{--ink:#e9ecef;--ink-2:#a7afb9;--ink-3:#7c858f;--line:#2b3036;--ground:#14171a;--paper:#1c2024;--accent:#5b9bff;--accent-soft:#1b2b44;--bad:#ff7b72;--bad-soft:#3b1a18}}
*{box-sizing:border-box;margin:0}body{font:14px/1.5 -apple-system,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif;color:var(--ink);background:var(--ground);padding:24px 16px}
main{max-width:420px;margin:0 auto;background:var(--paper);border-radius:10px;padding:24px}
h1{font-size:20px;font-weight:600}h2{font-size:13px;font-weight:600;margin:20px 0 4px}h2 small,.quiet{color:var(--ink-2);font-size:12px;font-weight:400}
.label{display:inline-block;background:var(--accent-soft);color:var(--accent);border-radius:4px;padding:1px 8px;font-size:12px;margin-bottom:12px}
ul{list-style:none;padding:0}li a{display:flex;gap:10px;align-items:center;padding:8px;margin:0 -8px;border-radius:8px;color:inherit;text-decoration:none}li a:hover,li a:focus-visible{background:var(--ground)}
i{width:36px;height:36px;border-radius:8px;background:var(--accent-soft);color:var(--accent);font-style:normal;display:grid;place-items:center;flex:none}
b{display:block;font-weight:500}li small{color:var(--ink-2);font-size:12px}summary{color:var(--accent);padding:12px 0;cursor:pointer}
.cancel{display:block;text-align:center;margin-top:8px;padding:12px 0;color:var(--ink-2)}.mark{width:44px;height:44px;border-radius:50%;display:grid;place-items:center;font-size:24px;background:var(--bad-soft);color:var(--bad);margin-bottom:12px}
</style></head><body><main><span class="label">模拟器 Simulator</span>${content}</main></body></html>`
}
