import { randomBytes } from 'node:crypto'
import { getJsApiSignature } from '@wecom/crypto'
import type { Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import type { Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import { buildBuckets } from './buckets.ts'
import { buildClient, fetchedOf, type Answer, type Fetched, type WecomApp, type WecomCall } from './client.ts'
import type { WecomMeter } from './metrics.ts'
import type { TokenKind } from './queries.ts'
import { buildTokens } from './tokens.ts'

export { buildBuckets } from './buckets.ts'
export { buildClient, fetchedOf, type Answer, type WecomApp, type WecomCall } from './client.ts'
export { adviceOf, WecomError, type Advice } from './errors.ts'
export { buildTokens } from './tokens.ts'
export { buildWecomMeter, type WecomMeter } from './metrics.ts'
export { isForbidden, isPassing } from './domain.ts'
export {
  CALLBACK_BYTES_MAX,
  openSealed,
  readEvent,
  sealedIn,
  type CallbackEvent,
  type CallbackFields,
  type CallbackKeys,
  type CallbackQuery,
} from './callbacks.ts'
export {
  buildInbox,
  forgetOldMessages,
  inboxState,
  listMessages,
  replayMessage,
  takeMessages,
  TooEarly,
  type CallbackHandler,
  type CallbackHandlers,
  type CallbackMessage,
  type Effect,
  type Inbox,
  type InboxWork,
  type Taken,
  KEPT_DAYS as CALLBACKS_KEPT_DAYS,
} from './inbox.ts'

/** WeCom as the rest of the service sees it: calls that carry a good token, and signatures. */
export interface Wecom {
  app: WecomApp
  brandId: number
  meter: WecomMeter
  /**
   * Calls the server API, as `externalcontact/get`.
   *
   * @throws WecomError
   */
  call(api: string, call?: WecomCall): Promise<Answer>
  /** Who is behind a code that the authorise page gave. */
  whoIs(code: string): Promise<{ userid: string } | { externalUserid: string | null }>
  /** Signs a page's address for the SDK. */
  sign(url: string, kind: 'config' | 'agent_config'): Promise<SdkSignature>
}

/** WeCom as a brand has it; null where it is not set up. */
export type WecomOf = (brandId: number) => Wecom | null

export interface SdkSignature {
  corpId: string
  agentId: string
  timestamp: number
  nonceStr: string
  signature: string
  /** Until when WeCom takes it: as long as the ticket. */
  expiresAt: Instant
}

/** WeCom's API for one app. */
export function buildWecom(options: {
  pool: Pool
  vault: Vault
  brandId: number
  app: WecomApp
  meter: WecomMeter
  now: () => Instant
}): Wecom {
  const { pool, brandId, app, meter, now } = options

  /** The corporation's ticket signs `config`, the app's `agentConfig`; WeCom tells them apart (42012). */
  const fetchAnew = async (kind: TokenKind): Promise<Fetched> => {
    if (kind === 'access_token') {
      const query = { corpid: app.corpId, corpsecret: app.secret }
      const answer = await request('gettoken', { query }, false)
      return fetchedOf('gettoken', answer['access_token'], answer['expires_in'], now())
    }
    const [api, query] =
      kind === 'jsapi_ticket'
        ? (['get_jsapi_ticket', {}] as const)
        : (['ticket/get', { type: 'agent_config' }] as const)
    const answer = await request(api, { query }, true)
    return fetchedOf(api, answer['ticket'], answer['expires_in'], now())
  }

  const token = buildTokens({
    ...options,
    fetchAnew,
    // A ticket needs an access token: got before the lock, so that no lock is held while waiting for another.
    prepare: async kind => {
      if (kind !== 'access_token') await token('access_token')
    },
  })
  const request = buildClient({
    host: { owner: 'WeCom', apiUrl: app.apiUrl, folder: '/cgi-bin/' },
    buckets: buildBuckets({ db: pool, brandId, now }),
    meter,
    now,
    token: async refused => (await token('access_token', refused)).value,
  })

  return {
    app,
    brandId,
    meter,
    call: (api, call = {}) => request(api, call, true),
    async whoIs(code) {
      // A code is good once: asked again after no answer, WeCom would call it wrong.
      const answer = await request('auth/getuserinfo', { query: { code }, isHarmless: false }, true)
      const userid = answer['userid'] ?? answer['UserId']
      if (typeof userid === 'string' && userid !== '') return { userid }
      const externalUserid = answer['external_userid']
      return { externalUserid: typeof externalUserid === 'string' ? externalUserid : null }
    },
    async sign(url, kind) {
      const { value: ticket, expiresAt } = await token(kind === 'config' ? 'jsapi_ticket' : 'agent_ticket')
      const timestamp = Math.floor(now() / 1000)
      const nonceStr = randomBytes(12).toString('hex')
      const { signature } = getJsApiSignature({ url, ticket, nonceStr, timestamp: String(timestamp) })
      return { corpId: app.corpId, agentId: app.agentId, timestamp, nonceStr, signature, expiresAt }
    },
  }
}

/** The page's address as WeCom signs it. @throws AppError wecom.foreign_url where it is not of our own origin */
export function signableUrl(url: string, publicUrl: string): string {
  const own = new URL(publicUrl).origin
  if (!URL.canParse(url) || new URL(url).origin !== own) {
    throw new AppError('wecom.foreign_url', 'Only pages of this service are signed.', [
      { path: 'url', code: 'foreign_url', message: `It must begin with ${own}.` },
    ])
  }
  return url.split('#')[0]!
}
