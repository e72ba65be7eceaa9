// @vitest-environment happy-dom
import { effectScope, nextTick, ref } from 'vue'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { createApi, type ApiOptions } from '../../sidebar/lib/api.ts'
import { Failure } from '../../sidebar/lib/diagnosis.ts'
import { createUuid } from '../../sidebar/lib/ids.ts'
import { usePages, useResource } from '../../sidebar/lib/resource.ts'

// Each test is a browser of its own, in which nobody has refreshed yet.
beforeEach(() => localStorage.clear())

type Answer = { status: number; body?: unknown; type?: string } | 'cut' | 'hang'

/** A service whose answers per path are used up one by one, the last one staying. */
function fakeService(answers: Record<string, Answer[]>) {
  const calls: { method: string; path: string; headers: Record<string, string>; body: unknown }[] = []
  const doFetch: typeof fetch = (input, init) => {
    const path = String(input)
    const headers = (init?.headers ?? {}) as Record<string, string>
    calls.push({ method: init?.method ?? 'GET', path, headers, body: init?.body ?? null })
    const list = answers[path] ?? ['cut']
    const answer = list.length > 1 ? list.shift()! : list[0]!
    if (answer === 'cut') return Promise.reject(new TypeError('Failed to fetch'))
    if (answer === 'hang') {
      return new Promise((_, reject) => {
        init?.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')))
      })
    }
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? {})
    return Promise.resolve(new Response(text, { status: answer.status, headers: { 'x-request-id': 'r-1' } }))
  }
  return { calls, doFetch }
}

function start(answers: Record<string, Answer[]>, options: Partial<ApiOptions> = {}) {
  const { calls, doFetch } = fakeService(answers)
  const onSignedOut = vi.fn()
  const api = createApi({
    baseUrl: '/api/v1',
    timeoutMs: 50,
    csrfToken: () => 'token',
    brand: 'default',
    onSignedOut,
    fetch: doFetch,
    ...options,
  })
  return { api, calls, onSignedOut, paths: () => calls.map(call => `${call.method} ${call.path}`) }
}

const diagnosisOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no failure',
    (error: unknown) => (error instanceof Failure ? error.diagnosis : error),
  )

test('every call says of which brand the page is', async () => {
  const { api, calls } = start({ '/api/v1/a': [{ status: 200 }] }, { brand: 'second' })
  await api.get('/a')
  expect(calls[0]!.headers['x-daogou-brand']).toBe('second')
})

describe('one silent refresh', () => {
  test('a 401 is refreshed and asked again, and nobody notices', async () => {
    const { api, paths, onSignedOut } = start({
      '/api/v1/a': [{ status: 401 }, { status: 200, body: { value: 1 } }],
      '/auth/refresh': [{ status: 200 }],
    })
    await expect(api.get('/a')).resolves.toEqual({ value: 1 })
    expect(paths()).toEqual(['GET /api/v1/a', 'POST /auth/refresh', 'GET /api/v1/a'])
    expect(onSignedOut).not.toHaveBeenCalled()
  })

  test('requests that meet it together share one refresh: the token rotates', async () => {
    const { api, paths } = start({
      '/api/v1/a': [{ status: 401 }, { status: 200 }],
      '/api/v1/b': [{ status: 401 }, { status: 200 }],
      '/auth/refresh': [{ status: 200 }],
    })
    await Promise.all([api.get('/a'), api.get('/b')])
    expect(paths().filter(path => path === 'POST /auth/refresh')).toHaveLength(1)
  })

  test('two pages of a browser take turns, and who waited asks no more', async () => {
    let turn = Promise.resolve()
    const request = (_name: string, work: () => Promise<void>) => (turn = turn.then(work))
    vi.stubGlobal('navigator', { locks: { request } })
    const pages = ['/a', '/b'].map(path => {
      const page = start({
        [`/api/v1${path}`]: [{ status: 401 }, { status: 200 }],
        '/auth/refresh': [{ status: 200 }, { status: 401 }],
      })
      return { ...page, path }
    })
    await Promise.all(pages.map(({ api, path }) => api.get(path)))
    vi.unstubAllGlobals()
    const refreshes = pages.flatMap(({ paths }) => paths()).filter(path => path === 'POST /auth/refresh')
    expect(refreshes).toHaveLength(1)
  })

  test('a refused refresh signs out once and is not tried in a circle', async () => {
    const { api, paths, onSignedOut } = start({
      '/api/v1/a': [{ status: 401, body: { code: 'session.expired' } }],
      '/auth/refresh': [{ status: 401 }],
    })
    expect(await diagnosisOf(api.get('/a'))).toMatchObject({ kind: 'session_missing', code: 'session.expired' })
    expect(paths()).toEqual(['GET /api/v1/a', 'POST /auth/refresh'])
    expect(onSignedOut).toHaveBeenCalledOnce()
  })

  test('a second 401 after a granted refresh is the end', async () => {
    const { api, paths } = start({ '/api/v1/a': [{ status: 401 }], '/auth/refresh': [{ status: 200 }] })
    expect(await diagnosisOf(api.get('/a'))).toMatchObject({ kind: 'session_missing', code: 'HTTP 401' })
    expect(paths()).toHaveLength(3)
  })

  test('an outage while refreshing is no sign-out', async () => {
    const { api, onSignedOut } = start({ '/api/v1/a': [{ status: 401 }], '/auth/refresh': [{ status: 503 }] })
    expect(await diagnosisOf(api.get('/a'))).toMatchObject({ kind: 'service_down' })
    expect(onSignedOut).not.toHaveBeenCalled()
  })

  test('the session asks quietly: its 401 is the start’s to act on', async () => {
    const { api, onSignedOut } = start({ '/api/v1/session': [{ status: 401 }], '/auth/refresh': [{ status: 401 }] })
    expect(await diagnosisOf(api.getQuietly('/session'))).toMatchObject({ kind: 'session_missing' })
    expect(onSignedOut).not.toHaveBeenCalled()
  })
})

describe('failures', () => {
  test('what may take longer is given up later', async () => {
    const { api } = start({ '/api/v1/a': ['hang'] })
    const at = performance.now()
    expect(await diagnosisOf(api.get('/a', {}, undefined, 300))).toMatchObject({ kind: 'service_timeout' })
    expect(performance.now() - at).toBeGreaterThan(290)
  })

  test.each<[Answer, string, string]>([
    ['cut', 'network_down', 'NETWORK'],
    ['hang', 'service_timeout', 'TIMEOUT /api/v1/a'],
    [{ status: 404, body: { code: 'cards.unknown' } }, 'not_found', 'cards.unknown'],
    [{ status: 403, body: { code: 'forbidden' } }, 'forbidden', 'forbidden'],
    [{ status: 403, body: { code: 'session.refused' } }, 'associate_inactive', 'session.refused'],
    [{ status: 409, body: { code: 'share.id_taken' } }, 'refused', 'share.id_taken'],
    [{ status: 429 }, 'too_many_requests', 'HTTP 429'],
    [{ status: 422, body: { code: 'figures.too_much' } }, 'too_much', 'figures.too_much'],
    [{ status: 502, body: '<html>' }, 'service_down', 'HTTP 502'],
    [{ status: 200, body: '<html>' }, 'service_down', 'NOT_JSON'],
  ])('%j is %s with code %s', async (answer, kind, code) => {
    const { api } = start({ '/api/v1/a': [answer] })
    expect(await diagnosisOf(api.get('/a'))).toMatchObject({ kind, code })
  })

  test('a problem brings its words and the id of its log line', async () => {
    const { api } = start({ '/api/v1/a': [{ status: 500, body: { code: 'internal', detail: 'broken' } }] })
    expect(await diagnosisOf(api.get('/a'))).toMatchObject({ code: 'internal', detail: 'broken', requestId: 'r-1' })
  })
})

test('writes carry the token against forgery, reads do not; blank filters are left out', async () => {
  const { api, calls } = start({ '/api/v1/a': [{ status: 200 }], '/api/v1/a?q=%E5%A4%A7%E8%A1%A3': [{ status: 200 }] })
  await api.get('/a', { q: '大衣', cursor: undefined })
  await api.get('/a', { q: '' })
  await api.post('/a', { x: 1 })
  expect(calls.map(({ headers }) => headers['x-daogou-csrf'])).toEqual([undefined, undefined, 'token'])
  expect(calls[2]).toMatchObject({ method: 'POST', body: '{"x":1}' })
})

describe('stale answers', () => {
  /** Each question is answered by hand, in any order. */
  function questions() {
    const open: Record<string, (value: string) => void> = {}
    const aborted: string[] = []
    const load = (key: string, signal: AbortSignal) =>
      new Promise<string>(resolve => {
        open[key] = resolve
        signal.addEventListener('abort', () => aborted.push(key))
      })
    return { open, aborted, load }
  }

  test('an answer that comes after a newer question is dropped', async () => {
    const { open, aborted, load } = questions()
    const key = ref('first')
    const scope = effectScope()
    const { state } = scope.run(() => useResource(key, load))!
    key.value = 'second'
    await nextTick()
    open['second']!('for second')
    await nextTick()
    open['first']!('for first')
    await nextTick()
    expect(state.value).toEqual({ status: 'ready', data: 'for second' })
    expect(aborted).toEqual(['first'])
    scope.stop()
  })

  test('a page that comes after a new search is not added to it', async () => {
    const waiting: ((items: string[]) => void)[] = []
    const key = ref('a')
    const scope = effectScope()
    const { state, more } = scope.run(() =>
      usePages(
        key,
        () =>
          new Promise<{ items: string[]; nextCursor: string | null }>(resolve =>
            waiting.push(items => resolve({ items, nextCursor: 'next' })),
          ),
      ),
    )!
    const settle = () => new Promise(resolve => setTimeout(resolve))
    waiting[0]!(['a1'])
    await settle()
    const late = more()
    key.value = 'b'
    await nextTick()
    waiting[2]!(['b1'])
    await settle()
    waiting[1]!(['a2'])
    await late
    expect(state.value).toMatchObject({ status: 'ready', data: [{ items: ['b1'] }] })
    expect(state.value.status === 'ready' && state.value.data).toHaveLength(1)
    scope.stop()
  })
})

test('ids are version 4 UUIDs, each another', () => {
  const ids = Array.from({ length: 100 }, createUuid)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(new Set(ids).size).toBe(100)
})
