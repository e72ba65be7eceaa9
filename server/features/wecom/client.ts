import { formatInstant, type Instant } from '../../lib/time.ts'

/** What an app of WeCom is known by. */
export interface WecomApp {
  corpId: string
  agentId: string
  secret: string
  apiUrl: string
}

/** WeCom answered with an error, or did not answer (`errcode` null). */
export class WecomError extends Error {
  readonly errcode: number | null
  constructor(errcode: number | null, message: string) {
    super(message)
    this.name = 'WecomError'
    this.errcode = errcode
  }
}

/** Codes that mean "this access token is no good": it is fetched anew once. */
export const BAD_TOKEN_CODES: ReadonlySet<number> = new Set([40001, 40014, 42001])

const TIMEOUT_MS = 5000

/**
 * One call of the server API. HTTP is 200 for errors too; only `errcode` tells. Neither the token nor the secret, which
 * WeCom wants in the query, ever comes into an error or a log.
 *
 * @throws WecomError
 */
export async function callWecom(
  app: WecomApp,
  path: string,
  query: Record<string, string>,
  body?: unknown,
): Promise<Record<string, unknown>> {
  const url = new URL(path, app.apiUrl)
  url.search = new URLSearchParams(query).toString()
  let answer: Record<string, unknown>
  try {
    const response = await fetch(url, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: 'error',
      ...(body === undefined
        ? {}
        : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
    answer = (await response.json()) as Record<string, unknown>
  } catch (error) {
    const name = error instanceof Error ? error.name : 'Error'
    throw new WecomError(null, `WeCom did not answer ${path} (${name})`)
  }
  const errcode = answer['errcode']
  if (errcode !== undefined && errcode !== 0) {
    throw new WecomError(Number(errcode), `WeCom answered ${path} with ${String(errcode)}`)
  }
  return answer
}

/** A token or ticket, and until when it may be used: a little less than WeCom says. */
export interface Fetched {
  value: string
  expiresAt: Instant
}

const SAFETY_MS = 5 * 60_000

function fetchedOf(value: unknown, expiresIn: unknown, now: Instant): Fetched {
  const seconds = Number(expiresIn)
  if (typeof value !== 'string' || !Number.isFinite(seconds)) {
    throw new WecomError(null, `WeCom gave no usable token at ${formatInstant(now)}`)
  }
  return { value, expiresAt: now + Math.max(seconds * 1000 - SAFETY_MS, (seconds * 1000) / 2) }
}

export async function fetchAccessToken(app: WecomApp, now: Instant): Promise<Fetched> {
  const answer = await callWecom(app, '/cgi-bin/gettoken', { corpid: app.corpId, corpsecret: app.secret })
  return fetchedOf(answer['access_token'], answer['expires_in'], now)
}

/** The corporation's ticket signs `config`, the app's `agentConfig`; WeCom tells them apart (42012). */
export async function fetchTicket(
  app: WecomApp,
  accessToken: string,
  kind: 'jsapi_ticket' | 'agent_ticket',
  now: Instant,
): Promise<Fetched> {
  const answer =
    kind === 'jsapi_ticket'
      ? await callWecom(app, '/cgi-bin/get_jsapi_ticket', { access_token: accessToken })
      : await callWecom(app, '/cgi-bin/ticket/get', { access_token: accessToken, type: 'agent_config' })
  return fetchedOf(answer['ticket'], answer['expires_in'], now)
}
