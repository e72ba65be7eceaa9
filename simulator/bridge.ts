/** What the simulated client answers when a page calls its bridge. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isSignedBy } from './signature.ts'
import { moreInfo } from './wecom-errors.ts'
import {
  groupKey,
  singleKey,
  type Agent,
  type MessageBody,
  type PageRegistration,
  type Seat,
  type World,
} from './world.ts'

export interface BridgeCall {
  seatId: string
  /** Made by the bridge when the page loads: what was registered goes with the page. */
  pageId: string
  name: string
  params: Record<string, unknown>
  /** location.href of the page, as a client sees it for itself. */
  href: string
}

export type BridgeResult = Record<string, unknown> & { err_msg: string }

const source = readFileSync(new URL('./bridge.js', import.meta.url), 'utf8')

/** The script for one seat; `navigator.userAgent` must be right before the page's own modules run, so it is in it. */
export function bridgeScript({ seatId, client }: Seat): string {
  const { version, lateMs, language, colorScheme } = client
  return `globalThis.simulatedWecom = ${JSON.stringify({ seatId, version, lateMs, language, colorScheme })}\n${source}`
}

/** From this version on the SDK leaves preVerifyJSAPI out where it has agentConfig. */
const agentConfigAloneSince = [3, 0, 24] as const

/** Calls that need no permission of their own. */
const openCalls = ['checkJsApi', 'closeWindow', 'hideOptionMenu', 'showOptionMenu']

const entriesFor: Record<string, readonly string[]> = {
  getCurExternalContact: ['contact_profile', 'single_chat_tools', 'single_kf_tools'],
  getCurExternalChat: ['group_chat_tools'],
  sendChatMessage: ['single_chat_tools', 'group_chat_tools', 'chat_attachment', 'single_kf_tools'],
}

type Handler = (context: { world: World; seat: Seat; params: Record<string, unknown> }) => Outcome | Promise<Outcome>

/** What is given back beside `err_msg`; a text is why it failed. */
type Outcome = Record<string, unknown> | string

const noContext = 'fail without context of external contact'
const noPermission = 'fail no permission'

const handlers: Record<string, Handler> = {
  getContext: ({ seat }) => ({ entry: seat.entry }),
  getCurExternalContact: ({ seat }) => (seat.externalUserid ? { userId: seat.externalUserid } : noContext),
  getCurExternalChat: ({ seat }) => (seat.chatId ? { chatId: seat.chatId } : noContext),
  sendChatMessage,
  openEnterpriseChat,
  openUserProfile({ world, seat, params }) {
    const userid = textOf(params['userid'])
    const isCustomer = params['type'] === 2 || params['type'] === '2'
    const isKnown = isCustomer ? world.customers.has(userid) : world.staff.has(userid)
    if (!isKnown) return 'fail invalid userid'
    world.emit({ kind: 'open_profile', seatId: seat.seatId, userid, isCustomer })
    return {}
  },
  setClipboardData({ world, seat, params }) {
    world.emit({ kind: 'notice', seatId: seat.seatId, what: 'clipboard', detail: textOf(params['data']) })
    return {}
  },
  launchMiniprogram({ world, seat, params }) {
    if (!world.miniPrograms.some(each => each.appId === params['appid'])) return 'fail invalid appid'
    world.emit({ kind: 'notice', seatId: seat.seatId, what: 'mini_program', detail: textOf(params['path']) })
    return {}
  },
  closeWindow({ world, seat }) {
    world.emit({ kind: 'notice', seatId: seat.seatId, what: 'close', detail: '' })
    return {}
  },
  hideOptionMenu: () => ({}),
  showOptionMenu: () => ({}),
  hideChatAttachmentMenu: () => ({}),
  previewFile: () => ({}),
}

/**
 * Answers one call. Each is verified anew, as a client does: the SDK sends the signature with every call, and a page
 * that changed its address since has none that fits.
 */
export async function answerBridge(world: World, call: BridgeCall): Promise<BridgeResult> {
  const seat = world.seat(call.seatId)
  const fault = world.takeFault(call.name)
  if (fault?.latencyMs) await sleep(fault.latencyMs)
  const result =
    fault && (fault.errcode !== undefined || fault.errMsg !== undefined)
      ? faultOf(call.name, fault.errcode, fault.errMsg)
      : await answer(world, seat, call)
  const record = { at: world.now(), name: call.name, result: describe(result) }
  seat.calls.push(record)
  if (seat.calls.length > 50) seat.calls.shift()
  world.emit({ kind: 'call', seatId: seat.seatId, call: record })
  return result
}

async function answer(world: World, seat: Seat, { pageId, name, params, href }: BridgeCall): Promise<BridgeResult> {
  const page = pageOf(seat, pageId)
  if (name === 'preVerifyJSAPI') return verifyConfig(world, page, params, href)
  if (name === 'agentConfig') return verifyAgentConfig(world, seat, page, params, href)
  if (name === 'checkJsApi') {
    const asked = textsOf(params['jsApiList'])
    const known = asked.map(api => [api, api in handlers && !seat.client.missingApis.includes(api)])
    return { err_msg: 'checkJsApi:ok', checkResult: JSON.stringify(Object.fromEntries(known)) }
  }
  const handler = seat.client.missingApis.includes(name) ? undefined : handlers[name]
  if (!handler) return { err_msg: `${name}:fail function not exist` }
  if (!openCalls.includes(name) && !mayCall(world, page, name, params, href)) {
    return { err_msg: `${name}:${noPermission}` }
  }
  const entries = entriesFor[name]
  if (entries && !entries.includes(seat.entry)) return { err_msg: `${name}:${noContext}` }
  const outcome = await handler({ world, seat, params })
  return typeof outcome === 'string' ? { err_msg: `${name}:${outcome}` } : { ...outcome, err_msg: `${name}:ok` }
}

function pageOf(seat: Seat, pageId: string): PageRegistration {
  const held = seat.pages.get(pageId)
  if (held) return held
  const page: PageRegistration = { config: null, agent: null }
  seat.pages.set(pageId, page)
  // Pages that are gone never say so.
  if (seat.pages.size > 20) seat.pages.delete([...seat.pages.keys()][0]!)
  return page
}

function verifyConfig(
  world: World,
  page: PageRegistration,
  params: Record<string, unknown>,
  href: string,
): BridgeResult {
  page.config = null
  const fail = (why: string): BridgeResult => ({ err_msg: `preVerifyJSAPI:fail_${why}` })
  if (params['verifyAppId'] !== world.corpId) return fail('invalid appid')
  if (![...world.agents.values()].some(agent => isTrusted(agent, href))) return fail('invalid url domain')
  if (ownersOf(world, readVerify(params), href).every(owner => owner !== 'corp')) return fail('invalid signature')
  page.config = { apis: new Set(textsOf(params['verifyJsApiList'])) }
  return { err_msg: 'preVerifyJSAPI:ok' }
}

function verifyAgentConfig(
  world: World,
  seat: Seat,
  page: PageRegistration,
  params: Record<string, unknown>,
  href: string,
): BridgeResult {
  page.agent = null
  const fail = (errcode: number) => faultOf('agentConfig', errcode)
  if (params['corpid'] !== world.corpId) return fail(40013)
  const agent = world.agents.get(textOf(params['agentid']))
  if (!agent) return fail(40056)
  if (!isTrusted(agent, href)) return fail(50001)
  if (isOlder(seat.client.version, agentConfigAloneSince) && !page.config) return fail(40093)
  const signed = {
    nonceStr: textOf(params['nonceStr']),
    timestamp: textOf(params['timestamp']),
    signature: textOf(params['signature']),
  }
  const owners = ownersOf(world, signed, href)
  if (!owners.includes(agent.agentId)) return fail(owners.length > 0 ? 42012 : 40093)
  const apis = textsOf(params['jsApiList'])
  page.agent = { agentId: agent.agentId, apis: new Set(apis) }
  const checkResult = Object.fromEntries(apis.map(api => [api, api in handlers || api === 'agentConfig']))
  return { err_msg: 'agentConfig:ok', checkResult }
}

/** Registered on this page, named in its list, and still signed for the address that it has now. */
function mayCall(
  world: World,
  page: PageRegistration,
  name: string,
  params: Record<string, unknown>,
  href: string,
): boolean {
  if (!page.agent?.apis.has(name)) return false
  const agent = world.agent(page.agent.agentId)
  if (name.startsWith('getCurExternal') && !agent.mayReadCustomers) return false
  return ownersOf(world, readVerify(params), href).includes(agent.agentId)
}

interface Signed {
  nonceStr: string
  timestamp: string
  signature: string
}

const readVerify = (params: Record<string, unknown>): Signed => ({
  nonceStr: textOf(params['verifyNonceStr']),
  timestamp: textOf(params['verifyTimestamp']),
  signature: textOf(params['verifySignature']),
})

/** Whose tickets this signature was made with: `corp` or agentIds; none where it fits no ticket in force. */
function ownersOf(world: World, { nonceStr, timestamp, signature }: Signed, href: string): string[] {
  return world
    .liveTickets()
    .filter(({ ticket }) => isSignedBy({ ticket, nonceStr, timestamp, url: href }, signature))
    .map(({ owner }) => owner)
}

/** The JS-SDK goes by the host alone; only sign-in looks at the port. */
function isTrusted(agent: Agent, href: string): boolean {
  const { hostname } = new URL(href)
  return agent.trustedDomains.some(domain => domain.replace(/:\d+$/, '') === hostname)
}

function isOlder(version: string, than: readonly number[]): boolean {
  const parts = version.split('.').map(Number)
  for (const [i, least] of than.entries()) {
    const part = parts[i] ?? 0
    if (part !== least) return part < least
  }
  return false
}

/** The shapes in which real clients refuse: a number in a hint, or in an address among the words. */
function faultOf(name: string, errcode: number | undefined, errMsg = `${name}:fail`): BridgeResult {
  if (errcode === undefined) return { err_msg: errMsg }
  if (errcode === 42012) return { errMsg, err_msg: `ticket no available more info at ${moreInfo(errcode)}` }
  return {
    err_Info: 'fail',
    errMsg,
    err_msg: errMsg,
    hint: `Hint: '0404162454:simulator:${errcode}'. More info at ${moreInfo(errcode)}`,
  }
}

async function sendChatMessage({ world, seat, params }: Parameters<Handler>[0]): Promise<Outcome> {
  const chatKey = seat.chatId
    ? groupKey(seat.chatId)
    : seat.externalUserid
      ? singleKey(seat.userid, seat.externalUserid)
      : null
  if (chatKey === null) return noContext
  const body = readMessage(world, params)
  if (typeof body === 'string') return body
  if (seat.client.asksBeforeSend && !(await world.confirm(seat.seatId, body))) return 'cancel'
  world.say(chatKey, { kind: 'staff', id: seat.userid }, body)
  return {}
}

function readMessage(world: World, params: Record<string, unknown>): MessageBody | string {
  const kind = textOf(params['msgtype'])
  const part = params[kind]
  if (typeof part !== 'object' || part === null) return 'fail invalid msgtype'
  const content = part as Record<string, unknown>
  switch (kind) {
    case 'text':
      return textOf(content['content']) === '' ? 'fail invalid content' : { kind, text: textOf(content['content']) }
    case 'image':
    case 'video':
    case 'file': {
      const mediaId = textOf(content['mediaid'])
      return mediaId === '' ? 'fail invalid mediaid' : { kind: 'media', media: kind, mediaId }
    }
    case 'news': {
      const url = textOf(content['link'])
      const title = textOf(content['title'])
      const imageUrl = textOf(content['imgUrl'])
      if (url === '') return 'fail msg link missing url'
      if (!isWebAddress(url)) return 'fail invalid link'
      if (title === '') return 'fail invalid title'
      if (!isWebAddress(imageUrl)) return 'fail invalid imgUrl'
      return { kind: 'link', title, description: textOf(content['desc']), imageUrl, url }
    }
    case 'miniprogram': {
      const appId = textOf(content['appid'])
      const title = textOf(content['title'])
      const imageUrl = textOf(content['imgUrl'])
      const page = textOf(content['page'])
      if (!world.miniPrograms.some(each => each.appId === appId)) return 'fail invalid appid'
      if (title === '') return 'fail invalid title'
      if (page === '') return 'fail invalid page'
      if (!isWebAddress(imageUrl)) return 'fail invalid imgUrl'
      return { kind: 'mini_program', appId, title, imageUrl, page }
    }
    default:
      return 'fail invalid msgtype'
  }
}

function openEnterpriseChat({ world, seat, params }: Parameters<Handler>[0]): Outcome {
  const chatId = textOf(params['chatId'])
  const externalUserids = textOf(params['externalUserIds']).split(';').filter(Boolean)
  if (chatId) {
    if (!world.groupChats.has(chatId)) return 'fail invalid chatId'
    world.emit({ kind: 'open_chat', seatId: seat.seatId, externalUserid: null, chatId })
    return { chatId }
  }
  const [externalUserid] = externalUserids
  const customer = externalUserid === undefined ? undefined : world.customers.get(externalUserid)
  // Chats among colleagues are not simulated, and one with several people would first have to be made.
  if (!customer || externalUserids.length !== 1) return 'fail invalid externalUserIds'
  if (!customer.follows.some(follow => follow.userid === seat.userid)) return noPermission
  world.emit({ kind: 'open_chat', seatId: seat.seatId, externalUserid: customer.externalUserid, chatId: null })
  return {}
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '')

const textsOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(textOf) : [])

const isWebAddress = (text: string) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)

function describe(result: BridgeResult): string {
  const said = typeof result['errMsg'] === 'string' ? result['errMsg'] : result.err_msg
  const number = /[?&]e=(\d+)/.exec(`${result['hint'] ?? ''} ${result.err_msg}`)?.[1]
  return number ? `${said} (${number})` : said
}
