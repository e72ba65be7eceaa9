/** The only file that touches WeCom's SDK. What leaves it is our own vocabulary. */
import * as ww from '@wecom/jssdk'
import type { Share } from '../../server/features/catalogue/schema.ts'
import type { Signature, SignatureKind } from '../../server/features/session/schema.ts'
import { nameLibrary } from './client.ts'
import { Failure, toDiagnosis, type Diagnosis, type DiagnosisKind } from './diagnosis.ts'

/** Beside what the sidebar was opened. `none`: a place of WeCom that hands over neither a customer nor a group. */
export type Entry =
  | { kind: 'customer'; externalUserid: string }
  | { kind: 'group'; chatId: string }
  | { kind: 'home' }
  | { kind: 'none'; diagnosis: Diagnosis }

/** A send that the associate called off is neither a success nor a fault, and is not recorded. */
export type SendOutcome = { kind: 'sent' } | { kind: 'cancelled' } | { kind: 'failed'; diagnosis: Diagnosis }

/** WeCom's calls may never answer, so each has a limit. A person may take long to confirm a send. */
export const timeoutsMs = { agentConfig: 10_000, context: 6_000, send: 60_000, open: 6_000 }

const jsApiList = ['getContext', 'getCurExternalContact', 'getCurExternalChat', 'sendChatMessage', 'openEnterpriseChat']

export const isInWecom: boolean = ww.env.isWeCom

nameLibrary(`SDK ${ww.SDK_VERSION}`)

/** The SDK leaves its own promise of registration unhandled; the failure is told on screen, so not in the console too. */
export function silenceSdkRejections(): void {
  window.addEventListener('unhandledrejection', event => {
    if (event.reason instanceof Failure || isSdkResult(event.reason)) event.preventDefault()
  })
}

/**
 * Registers with WeCom. A registration that failed may be tried again with other signatures.
 *
 * @param sign gives a signature of the page's address with the ticket of that kind
 * @throws Failure with a diagnosis of the step that failed; nothing else is to be asked then, since the SDK would sign
 *   and configure anew with each call
 */
export async function registerPage(
  identity: { corpId: string; agentId: string },
  sign: (url: string, kind: SignatureKind) => Promise<Signature>,
): Promise<void> {
  let signFailure: Failure | null = null
  const signAs = (kind: SignatureKind) => async (url: string) => {
    try {
      return await sign(url, kind)
    } catch (error) {
      if (error instanceof Failure) signFailure = error
      throw error
    }
  }
  ww.register({
    corpId: identity.corpId,
    agentId: identity.agentId,
    jsApiList,
    getConfigSignature: signAs('config'),
    getAgentConfigSignature: signAs('agent_config'),
  })
  try {
    await limit<unknown>('agentConfig', timeoutsMs.agentConfig, ww.ensureConfigReady())
  } catch (error) {
    throw signFailure ?? toSdkFailure('agentConfig', error)
  }
}

/** Beside what we stand now. @throws Failure */
export async function findEntry(): Promise<Entry> {
  const { entry } = await call('getContext', timeoutsMs.context, () => ww.getContext())
  return await findSubject(entry)
}

/** Whom the entry is about. A customer that this entry does not hand over is an answer, not a failure of the start. */
async function findSubject(entry: string): Promise<Entry> {
  if (entry === 'normal') return { kind: 'home' }
  try {
    if (entry === 'group_chat_tools') {
      const { chatId } = await call('getCurExternalChat', timeoutsMs.context, () => ww.getCurExternalChat())
      return { kind: 'group', chatId }
    }
    if (customerEntries.includes(entry)) {
      const { userId } = await call('getCurExternalContact', timeoutsMs.context, () => ww.getCurExternalContact())
      return { kind: 'customer', externalUserid: userId }
    }
  } catch (error) {
    const diagnosis = toDiagnosis(error)
    if (diagnosis.kind !== 'no_customer') throw error
    return { kind: 'none', diagnosis }
  }
  return { kind: 'none', diagnosis: { kind: 'no_customer', code: entry, detail: null, requestId: null } }
}

const customerEntries = ['contact_profile', 'single_chat_tools', 'single_kf_tools']

/**
 * Sends the mini-program card into the open chat, or the link where there is no card.
 *
 * Until WeCom answers we do not know whether it went; after the time limit it counts as failed and is not recorded.
 */
export async function sendToChat(share: Share): Promise<SendOutcome> {
  try {
    await call('sendChatMessage', timeoutsMs.send, () =>
      share.miniProgram
        ? ww.sendChatMessage({ msgtype: 'miniprogram' as const, miniprogram: share.miniProgram })
        : ww.sendChatMessage({ msgtype: 'news' as const, news: toNews(share.link) }),
    )
    return { kind: 'sent' }
  } catch (error) {
    if (error instanceof Cancelled) return { kind: 'cancelled' }
    return { kind: 'failed', diagnosis: toDiagnosis(error) }
  }
}

/** Opens the chat with a customer, where the client can and he is a friend; the sidebar is then left. */
export async function openChat(
  externalUserid: string,
): Promise<{ kind: 'opened' | 'cancelled' } | { kind: 'failed'; diagnosis: Diagnosis }> {
  try {
    await call('openEnterpriseChat', timeoutsMs.open, () =>
      ww.openEnterpriseChat({ externalUserIds: [externalUserid] }),
    )
    return { kind: 'opened' }
  } catch (error) {
    if (error instanceof Cancelled) return { kind: 'cancelled' }
    return { kind: 'failed', diagnosis: toDiagnosis(error) }
  }
}

/** WeCom's news calls its address `link`. */
function toNews({ title, desc, imgUrl, url }: Share['link']) {
  return { link: url, title, desc, imgUrl }
}

/** The person in front of the screen said no. */
class Cancelled extends Error {}

async function call<T>(name: string, timeoutMs: number, invoke: () => Promise<T>): Promise<T> {
  try {
    return await limit(name, timeoutMs, invoke())
  } catch (error) {
    if (isSdkResult(error) && /:(fail[ _]?)?cancel$/i.test(error.errMsg)) throw new Cancelled()
    throw toSdkFailure(name, error)
  }
}

function limit<T>(name: string, timeoutMs: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const hasBridge = 'WeixinJSBridge' in window
      reject(new Failure('wecom_timeout', hasBridge ? `TIMEOUT ${name}` : `NO_BRIDGE ${name}`))
    }, timeoutMs)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

interface SdkResult {
  errMsg: string
  errCode?: number
  [key: string]: unknown
}

function isSdkResult(value: unknown): value is SdkResult {
  return typeof value === 'object' && value !== null && typeof (value as { errMsg?: unknown }).errMsg === 'string'
}

/**
 * What WeCom's refusal means. Its real answers come in several shapes: a number in errCode, in a hint
 * ("Hint: '0404162454:fpjmyibrj7g:40093'") or in an address ("more info at …?e=42012"), or words alone; the SDK
 * strips underscores from the words and lowers their case.
 *
 * @param name which call was refused
 * @param reason what the SDK rejected with: a plain object, or an Error of its own
 */
export function toSdkFailure(name: string, reason: unknown): Failure {
  if (reason instanceof Failure) return reason
  if (!isSdkResult(reason)) {
    return new Failure('wecom_refused', name, reason instanceof Error ? reason.message : String(reason))
  }
  const words = ['errMsg', 'err_msg', 'err_Info', 'hint']
    .map(key => reason[key])
    .filter(value => typeof value === 'string')
    .filter((value, i, all) => all.findIndex(other => other.toLowerCase() === value.toLowerCase()) === i)
    .join(' ')
  const number = findErrorNumber(reason, words)
  const kind = (number && kindByNumber[number]) || kindOfWords(words) || 'wecom_refused'
  return new Failure(kind, number ?? reason.errMsg, words)
}

const kindByNumber: Record<string, DiagnosisKind> = {
  '50001': 'untrusted_domain',
  '42012': 'wrong_ticket',
  '40093': 'bad_signature',
  '40013': 'wrong_corp',
  '40056': 'wrong_corp',
  '301002': 'wrong_corp',
  '48002': 'no_permission',
  '60011': 'no_permission',
  '50002': 'no_permission',
  '50003': 'no_permission',
  '84074': 'no_permission',
}

/** -1 says no more than "failed", so a number in the words goes before it. */
function findErrorNumber(reason: SdkResult, words: string): string | null {
  const inWords = words.match(/[?&]e=(\d{5,6})\b/) ?? words.match(/:(\d{5,6})'/) ?? words.match(/\b([345]\d{4})\b/)
  if (inWords) return inWords[1]!
  return typeof reason.errCode === 'number' && reason.errCode > 0 ? String(reason.errCode) : null
}

function kindOfWords(words: string): DiagnosisKind | null {
  const plain = words.toLowerCase().replace(/[\s_]+/g, '')
  if (plain.includes('withoutcontext')) return 'no_customer'
  if (plain.includes('invalidsignature')) return 'bad_signature'
  if (plain.includes('ticketnoavailable')) return 'wrong_ticket'
  if (/invalidurldomain|domainnot|untrusteddomain|redirecturi/.test(plain)) return 'untrusted_domain'
  if (/functionnotexist|notsupport|notimplement|jsapinotexist|nosuchfunction/.test(plain)) return 'old_client'
  if (/nopermission|permissiondenied|accessdenied|accesscontrol/.test(plain)) return 'no_permission'
  return null
}
