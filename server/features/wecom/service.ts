import { randomBytes } from 'node:crypto'
import { getJsApiSignature } from '@wecom/crypto'
import type { Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import type { Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import { BAD_TOKEN_CODES, callWecom, fetchAccessToken, fetchTicket, WecomError, type WecomApp } from './client.ts'
import { lockToken, selectToken, upsertToken, type TokenKind } from './queries.ts'

export { WecomError, type WecomApp } from './client.ts'

/** WeCom as the rest of the service sees it: calls that carry a good token, and signatures. */
export interface Wecom {
  app: WecomApp
  /** Calls the server API with the access token; one that is refused is fetched anew once. */
  call(path: string, query?: Record<string, string>, body?: unknown): Promise<Record<string, unknown>>
  /** Who is behind a code that the authorise page gave. */
  whoIs(code: string): Promise<{ userid: string } | { externalUserid: string | null }>
  /** Signs a page's address for the SDK. */
  sign(url: string, kind: 'config' | 'agent_config'): Promise<SdkSignature>
}

export interface SdkSignature {
  corpId: string
  agentId: string
  timestamp: number
  nonceStr: string
  signature: string
}

/**
 * Tokens and tickets are kept, encrypted, in the database: fetched once for all processes, since WeCom counts.
 */
export function buildWecom(options: {
  pool: Pool
  vault: Vault
  brandId: number
  app: WecomApp
  now: () => Instant
}): Wecom {
  const { pool, vault, brandId, app, now } = options
  const underWay = new Map<TokenKind, Promise<string>>()

  /** @param refused a value that WeCom did not take, or null */
  const token = (kind: TokenKind, refused: string | null = null): Promise<string> => {
    const running = underWay.get(kind)
    if (running && refused === null) return running
    const asked = obtain(kind, refused).finally(() => {
      if (underWay.get(kind) === asked) underWay.delete(kind)
    })
    underWay.set(kind, asked)
    return asked
  }

  const kept = async (kind: TokenKind, refused: string | null): Promise<string | null> => {
    const row = await selectToken(pool, { brandId, kind })
    if (!row || row.expiresAt <= now()) return null
    const value = vault.decrypt(row.valueEncrypted)
    return value === refused ? null : value
  }

  const obtain = async (kind: TokenKind, refused: string | null): Promise<string> => {
    const before = await kept(kind, refused)
    if (before !== null) return before
    // A ticket needs an access token: got before the lock, so that no lock is held while waiting for another.
    const accessToken = kind === 'access_token' ? null : await token('access_token')
    const value = await pool.begin(async tx => {
      await lockToken(tx, { brandId, kind })
      const meanwhile = await kept(kind, refused)
      if (meanwhile !== null) return meanwhile
      const fetched =
        kind === 'access_token'
          ? await fetchAccessToken(app, now())
          : await withFreshToken(accessToken!, good => fetchTicket(app, good, kind, now()))
      await upsertToken(tx, {
        brandId,
        kind,
        valueEncrypted: vault.encrypt(fetched.value),
        expiresAt: fetched.expiresAt,
        now: now(),
      })
      return fetched.value
    })
    return value as string
  }

  const withFreshToken = async <T>(accessToken: string, use: (accessToken: string) => Promise<T>): Promise<T> => {
    try {
      return await use(accessToken)
    } catch (error) {
      if (!(error instanceof WecomError) || error.errcode === null || !BAD_TOKEN_CODES.has(error.errcode)) throw error
      return await use(await token('access_token', accessToken))
    }
  }

  const call: Wecom['call'] = async (path, query = {}, body) =>
    await withFreshToken(await token('access_token'), accessToken =>
      callWecom(app, path, { access_token: accessToken, ...query }, body),
    )

  return {
    app,
    call,
    async whoIs(code) {
      const answer = await call('/cgi-bin/auth/getuserinfo', { code })
      const userid = answer['userid'] ?? answer['UserId']
      if (typeof userid === 'string' && userid !== '') return { userid }
      const externalUserid = answer['external_userid']
      return { externalUserid: typeof externalUserid === 'string' ? externalUserid : null }
    },
    async sign(url, kind) {
      const ticket = await token(kind === 'config' ? 'jsapi_ticket' : 'agent_ticket')
      const timestamp = Math.floor(now() / 1000)
      const nonceStr = randomBytes(12).toString('hex')
      const { signature } = getJsApiSignature({ url, ticket, nonceStr, timestamp: String(timestamp) })
      return { corpId: app.corpId, agentId: app.agentId, timestamp, nonceStr, signature }
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
