import { Failure, type FieldFault } from './diagnosis.ts'

export interface ApiOptions {
  /** Where the calls lie; no slash at the end. */
  baseUrl: string
  /** How long one request may take before it is given up, in milliseconds. */
  timeoutMs: number
  /** The session's token against forged writes, or null before there is a session. */
  csrfToken: () => string | null
  /** The brand that the page is of: a session of another one is none here. */
  brand: string
  /** Called once a request is refused for want of a session, after a silent refresh has been refused as well. */
  onSignedOut: () => void
  /** Told after each request whether the service answered, whatever it said. */
  onReached?: (isReached: boolean) => void
  fetch?: typeof fetch
}

export type QueryValue = string | number | undefined

export interface Api {
  /** @param timeoutMs where another is right than for all */
  get<T>(path: string, query?: Record<string, QueryValue>, signal?: AbortSignal, timeoutMs?: number): Promise<T>
  /** The session itself: what is asked before anybody is signed in, so its 401 is the caller's to act on. */
  getQuietly<T>(path: string): Promise<T>
  post<T>(path: string, body: object): Promise<T>
  put<T>(path: string, body: object): Promise<T>
  patch<T>(path: string, body: object): Promise<T>
  /** Sends a file as the body. */
  upload<T>(path: string, file: Blob): Promise<T>
  delete<T>(path: string): Promise<T>
  /** What is no JSON, for who asks for it to read. */
  take(path: string, query: Record<string, QueryValue>, taking: Taking): Promise<Response>
}

export interface Taking {
  /** The media type to ask for. */
  accept: string
  /** Reads the answer, and says with each part of it that more may come: the time-out begins anew. */
  read: (response: Response, comesOn: () => void) => Promise<Response>
  /** Until the answer begins, and between its parts; where another is right than for all. */
  timeoutMs?: number
}

interface Send {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  url: string
  body?: object
  file?: Blob
  signal?: AbortSignal | undefined
  taking?: Taking
  timeoutMs?: number | undefined
}

/**
 * The one way to the service: JSON in and out, a time-out on every request, problem details turned into Failures.
 *
 * An access token lives for minutes, so a 401 is first answered by one silent refresh, shared by all requests that
 * meet it together, in all pages of the browser (the refresh token rotates: a second one at the same time would look
 * stolen), and one retry.
 */
export function createApi(options: ApiOptions): Api {
  const doFetch = options.fetch ?? ((input: RequestInfo | URL, init?: RequestInit) => fetch(input, init))
  let refreshing: Promise<boolean> | null = null

  async function transmit({
    method,
    url,
    body,
    file,
    signal,
    taking,
    timeoutMs = options.timeoutMs,
  }: Send): Promise<Response> {
    const controller = new AbortController()
    const giveUp = () => controller.abort()
    let isTimedOut = false
    const wait = () =>
      setTimeout(() => {
        isTimedOut = true
        giveUp()
      }, timeoutMs)
    let timer = wait()
    signal?.addEventListener('abort', giveUp)
    const headers: Record<string, string> = {
      accept: taking ? taking.accept : 'application/json',
      'x-daogou-brand': encodeURIComponent(options.brand),
    }
    const csrfToken = options.csrfToken()
    if (method !== 'GET' && csrfToken) headers['x-daogou-csrf'] = csrfToken
    if (body) headers['content-type'] = 'application/json'
    else if (file) headers['content-type'] = file.type
    try {
      const response = await doFetch(url, {
        method,
        headers,
        credentials: 'same-origin',
        cache: 'no-store',
        signal: controller.signal,
        ...(body ? { body: JSON.stringify(body) } : file ? { body: file } : {}),
      })
      options.onReached?.(true)
      if (taking && response.ok) {
        return await taking.read(response, () => {
          clearTimeout(timer)
          timer = wait()
        })
      }
      // Headers may come and the body hang: the time-out holds until the last byte.
      const text = await response.text()
      return new Response(response.status === 204 ? null : text, { status: response.status, headers: response.headers })
    } catch (error) {
      if (signal?.aborted) throw error
      options.onReached?.(false)
      if (isTimedOut) throw new Failure('service_timeout', `TIMEOUT ${pathOf(url)}`)
      throw new Failure('network_down', 'NETWORK', error instanceof Error ? error.message : null)
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
    }
  }

  /** @param since when what was refused was asked: who has refreshed later has done so for this page too */
  function refresh(since: number): Promise<boolean> {
    refreshing ??= oneAtATime(async () => {
      if (refreshedAt() >= since) return true
      const response = await transmit({ method: 'POST', url: '/auth/refresh' })
      if (response.ok) noteRefreshed(Date.now())
      else if (response.status !== 401 && response.status !== 403) {
        throw new Failure('service_down', `HTTP ${response.status}`, '/auth/refresh')
      }
      return response.ok
    }).finally(() => {
      refreshing = null
    })
    return refreshing
  }

  async function fetchAnswer(send: Send, isQuiet = false): Promise<Response> {
    const since = Date.now()
    let response = await transmit(send)
    if (response.status === 401 && (await refresh(since))) response = await transmit(send)
    if (!response.ok) {
      if (response.status === 401 && !isQuiet) options.onSignedOut()
      throw await toFailure(response)
    }
    return response
  }

  async function request<T>(send: Send, isQuiet = false): Promise<T> {
    const response = await fetchAnswer(send, isQuiet)
    if (response.status === 204) return undefined as T
    try {
      return (await response.json()) as T
    } catch {
      // A proxy's or a hotel's page in place of an answer.
      throw new Failure('service_down', 'NOT_JSON', pathOf(send.url))
    }
  }

  return {
    get: (path, query, signal, timeoutMs) =>
      request({ method: 'GET', url: options.baseUrl + path + toQuery(query), signal, timeoutMs }),
    getQuietly: path => request({ method: 'GET', url: options.baseUrl + path }, true),
    post: (path, body) => request({ method: 'POST', url: options.baseUrl + path, body }),
    put: (path, body) => request({ method: 'PUT', url: options.baseUrl + path, body }),
    patch: (path, body) => request({ method: 'PATCH', url: options.baseUrl + path, body }),
    upload: (path, file) => request({ method: 'POST', url: options.baseUrl + path, file }),
    delete: path => request({ method: 'DELETE', url: options.baseUrl + path }),
    take: (path, query, taking) =>
      fetchAnswer({
        method: 'GET',
        url: options.baseUrl + path + toQuery(query),
        taking,
        timeoutMs: taking.timeoutMs,
      }),
  }
}

/** Of all pages of the browser one; where it has no locks (an old web view, plain http), at once. */
function oneAtATime<T>(work: () => Promise<T>): Promise<T> {
  const { locks } = navigator as { locks?: LockManager | null }
  return locks ? locks.request('daogou.refresh', work) : work()
}

const refreshedKey = 'daogou.refreshed'

function refreshedAt(): number {
  try {
    return Number(localStorage.getItem(refreshedKey) ?? 0)
  } catch {
    return 0 // storage is off: each page refreshes for itself
  }
}

function noteRefreshed(at: number): void {
  try {
    localStorage.setItem(refreshedKey, String(at))
  } catch {
    // Storage is off.
  }
}

function toQuery(query: Record<string, QueryValue> = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== '')
  return pairs.length === 0 ? '' : '?' + pairs.map(([key, value]) => `${key}=${encodeURIComponent(value!)}`).join('&')
}

function pathOf(url: string): string {
  return url.split('?')[0]!
}

/** A problem document keeps its code; anything else is told by its status. */
async function toFailure(response: Response): Promise<Failure> {
  let code = `HTTP ${response.status}`
  let detail: string | null = null
  let faults: readonly FieldFault[] = []
  try {
    const problem = (await response.json()) as { code?: unknown; detail?: unknown; title?: unknown; errors?: unknown }
    if (Array.isArray(problem.errors)) faults = problem.errors as FieldFault[]
    if (typeof problem.code === 'string') code = problem.code
    if (typeof problem.detail === 'string') detail = problem.detail
    else if (typeof problem.title === 'string') detail = problem.title
  } catch {
    // No document: the status alone has to do.
  }
  return new Failure(kindOf(response.status, code), code, detail, response.headers.get('x-request-id'), faults)
}

function kindOf(status: number, code: string) {
  if (status === 401) return 'session_missing'
  if (status === 403) return code === 'session.refused' ? 'associate_inactive' : 'forbidden'
  if (status === 404) return 'not_found'
  if (status === 429) return 'too_many_requests'
  if (code === 'figures.too_much') return 'too_much'
  return status >= 500 ? 'service_down' : 'refused'
}
