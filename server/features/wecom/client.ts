import { setTimeout as sleep } from 'node:timers/promises'
import type { Instant } from '../../lib/time.ts'
import { traced } from '../../lib/tracing.ts'
import type { Buckets, Patience } from './buckets.ts'
import { BAD_TOKEN_CODES, backOffMs, mayRepeat, OUT_OF_LIMIT } from './domain.ts'
import { addressIn, WecomError, type ApiOwner } from './errors.ts'
import type { WecomMeter } from './metrics.ts'

/** What an app of WeCom is known by. */
export interface WecomApp {
  corpId: string
  agentId: string
  secret: string
  apiUrl: string
}

/** A server API of these manners: WeCom's own, and WeChat's for mini programs. */
export interface ApiHost {
  owner: ApiOwner
  /** An origin alone. */
  apiUrl: string
  /** What comes before an API's name in its path: `/cgi-bin/`, or `/` where the names are whole paths. */
  folder: string
}

export type Answer = Record<string, unknown>

/** One call of the server API. */
export interface WecomCall {
  query?: Record<string, string>
  /** Sent as JSON by POST; without it the call is a GET. */
  body?: unknown
  /** A file to upload, instead of a body. */
  file?: { name: string; type: string; bytes: Uint8Array<ArrayBuffer> }
  /** Carrying it out twice is as good as once. Reads are; what sends something, or makes something new, is not. */
  isHarmless?: boolean
  /** The answer is a picture (`picture`, as bytes), unless it is refused. */
  isPicture?: boolean
  /** Somebody waits for it (the default), or a job that can wait. */
  patience?: Patience
  /** How long it may take in all; 4 seconds where somebody waits, 10 minutes for a job. */
  deadlineMs?: number
  signal?: AbortSignal
}

const DEADLINE_MS: Record<Patience, number> = { interactive: 4000, job: 600_000 }
/** How long one try may take. */
const TRY_MS: Record<Patience, number> = { interactive: 3500, job: 15_000 }
/** How long WeCom is left alone after 45009; it does not say how long the window still lasts. */
export const BLOCK_MS = 60_000
/** A wait is cut into such pieces: a block may be over sooner for another reason. */
const WAIT_MS = 5000

export interface ClientOptions {
  host: ApiHost
  buckets: Buckets
  meter: WecomMeter
  now: () => Instant
  /** A good access token; another one than the refused. */
  token: (refused: string | null) => Promise<string>
}

/**
 * Makes the calls: each within the limits that all processes share, with a time-out, and made again where that is
 * harmless and may help. Neither the token nor the secret, which WeCom wants in the query, ever comes into an error,
 * a metric or a log.
 */
export function buildClient({ host, buckets, meter, now, token }: ClientOptions) {
  /** One try. HTTP is 200 for errors too; only `errcode` tells. */
  const send = (api: string, query: Record<string, string>, call: WecomCall, timeoutMs: number) =>
    traced(`${host.owner} ${api}`, { kind: 'client', attributes: { 'url.path': `${host.folder}${api}` } }, () =>
      sendOnce(api, query, call, timeoutMs),
    )
  const sendOnce = async (api: string, query: Record<string, string>, call: WecomCall, timeoutMs: number) => {
    const url = new URL(`${host.folder}${api}`, host.apiUrl)
    url.search = new URLSearchParams(query).toString()
    const begunMs = performance.now()
    const done = (outcome: string) => meter.called(api, outcome, performance.now() - begunMs)
    const timeout = AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs)))
    let answer: Answer
    try {
      const response = await fetch(url, {
        signal: call.signal ? AbortSignal.any([call.signal, timeout]) : timeout,
        redirect: 'error',
        ...posted(call),
      })
      answer = await (call.isPicture ? pictureIn(response) : (response.json() as Promise<Answer>))
      if (typeof answer !== 'object' || answer === null) throw new SyntaxError('no JSON object')
      if (!response.ok && typeof answer['errcode'] !== 'number') throw new Error(`HTTP ${response.status}`)
    } catch (error) {
      call.signal?.throwIfAborted()
      done('no_answer')
      throw new WecomError(api, { owner: host.owner, outcome: outcomeOf(error), why: nameOf(error) })
    }
    const errcode = Number(answer['errcode'] ?? 0)
    done(errcode === 0 ? 'ok' : String(errcode))
    if (errcode !== 0) {
      throw new WecomError(api, {
        owner: host.owner,
        errcode,
        outcome: 'refused',
        address: addressIn(answer['errmsg']),
      })
    }
    return answer
  }

  /** Waits for its turn. @throws WecomError 45009 where that would take longer than there is time */
  const takeTurn = async (api: string, patience: Patience, leftMs: () => number, signal?: AbortSignal) => {
    const begunMs = performance.now()
    for (;;) {
      const waitMs = await buckets.take(api, patience)
      if (waitMs === 0) break
      if (waitMs > leftMs()) {
        throw new WecomError(api, { owner: host.owner, errcode: OUT_OF_LIMIT, outcome: 'not_sent' })
      }
      await sleep(Math.min(waitMs, WAIT_MS), undefined, { ...(signal ? { signal } : {}) })
    }
    const waitedMs = performance.now() - begunMs
    if (waitedMs >= 100) meter.waited(api, waitedMs)
  }

  /**
   * @param withToken adds the access token to the query; `gettoken` itself has none
   * @throws WecomError
   */
  const request = async (api: string, call: WecomCall, withToken: boolean): Promise<Answer> => {
    const patience = call.patience ?? 'interactive'
    const isHarmless = call.isHarmless ?? (call.body === undefined && call.file === undefined)
    const endsMs = performance.now() + (call.deadlineMs ?? DEADLINE_MS[patience])
    const leftMs = () => endsMs - performance.now()
    let refused: string | null = null
    for (let tries = 1; ; tries++) {
      call.signal?.throwIfAborted()
      let accessToken: string | null = null
      try {
        accessToken = withToken ? await token(refused) : null
        await takeTurn(api, patience, leftMs, call.signal)
        const query: Record<string, string> = {
          ...(accessToken === null ? {} : { access_token: accessToken }),
          ...call.query,
        }
        return await send(api, query, call, Math.min(TRY_MS[patience], leftMs()))
      } catch (error) {
        if (!(error instanceof WecomError)) throw error
        const isOwn = error.api === api
        if (withToken && isOwn && refused === null && accessToken !== null && BAD_TOKEN_CODES.has(error.errcode ?? 0)) {
          refused = accessToken
          tries -= 1
          continue
        }
        if (error.errcode !== null && error.outcome === 'not_sent') throw error // held back by ourselves
        if (isOwn && error.errcode === OUT_OF_LIMIT) await buckets.block(api, now() + BLOCK_MS)
        // A token that could not be had was not this call: asking for it again is always harmless.
        if (!mayRepeat(error, { tries, isHarmless: isHarmless || !isOwn })) throw error
        const waitMs = error.errcode === OUT_OF_LIMIT ? 0 : backOffMs(tries, Math.random())
        if (waitMs >= leftMs()) throw error
        meter.repeated(api)
        await sleep(waitMs, undefined, { ...(call.signal ? { signal: call.signal } : {}) })
      }
    }
  }
  return request
}

/** A picture, or the refusal that comes in its place as JSON: what content type it has is not relied on. */
async function pictureIn(response: Response): Promise<Answer> {
  const bytes = Buffer.from(await response.arrayBuffer())
  if (isPicture(bytes)) return { picture: bytes }
  return JSON.parse(bytes.toString('utf8')) as Answer
}

/** PNG or JPEG, by how it begins. */
const isPicture = (bytes: Buffer) =>
  ['89504e47', 'ffd8ff'].some(magic => bytes.subarray(0, magic.length / 2).toString('hex') === magic)

/** What a call carries; nothing where it is a GET. */
function posted({ body, file }: WecomCall): RequestInit {
  if (file) {
    const form = new FormData()
    form.set('media', new Blob([file.bytes], { type: file.type }), file.name)
    return { method: 'POST', body: form }
  }
  if (body === undefined) return {}
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}

/** Faults that come before anything was sent. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

function outcomeOf(error: unknown): 'not_sent' | 'unknown' {
  const cause = (error as { cause?: { code?: unknown; errors?: { code?: unknown }[] } } | null)?.cause
  const codes = [cause?.code, ...(cause?.errors ?? []).map(each => each.code)].filter(code => code !== undefined)
  return codes.length > 0 && codes.every(code => NOT_SENT.has(String(code))) ? 'not_sent' : 'unknown'
}

function nameOf(error: unknown): string {
  const cause = (error as { cause?: { code?: unknown } } | null)?.cause
  if (typeof cause?.code === 'string') return cause.code
  return error instanceof Error ? error.name : 'Error'
}

/** A token or ticket, and until when it may be used: a little less than WeCom says. */
export interface Fetched {
  value: string
  expiresAt: Instant
}

const SAFETY_MS = 5 * 60_000

/** @throws WecomError where WeCom gave none */
export function fetchedOf(api: string, value: unknown, expiresIn: unknown, now: Instant): Fetched {
  const seconds = Number(expiresIn)
  if (typeof value !== 'string' || !Number.isFinite(seconds)) {
    throw new WecomError(api, { outcome: 'refused', why: 'nothing that can be used' })
  }
  return { value, expiresAt: now + Math.max(seconds * 1000 - SAFETY_MS, (seconds * 1000) / 2) }
}
