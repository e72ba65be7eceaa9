import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

/** The script that mini programs copy, run as WeChat runs it: a CommonJS module whose only global is `wx`. */

interface Touch {
  touchId: string
  visitorId: string
  linkCode?: string
  kind: string
  at: string
  channel?: string
  group?: object
  page?: object
}
interface Entry {
  scene?: number
  query?: Record<string, string>
}
interface Script {
  init(options: object): void
  consent(isGiven: boolean): void
  onLaunch(entry: Entry): void
  onShow(entry: Entry): void
  page(seen: { kind: string; ref: string; title?: string }): void
  claimed(couponCode: string, title?: string): void
  linkCodeOf(query: object | undefined): string | null
  visitorId(): string | null
  lastShare(): { linkCode: string; ageMs: number } | null
  shareCode(): string | null
  sharePath(path: string): string
  flush(): void
}

const source = readFileSync(new URL('../../docs/examples/daogou-mini-program.js', import.meta.url), 'utf8')

let storage: Map<string, string>
let sent: Touch[][]
let isOffline: boolean
let isBroken: boolean
let tellNetwork: (status: { isConnected: boolean }) => void
let run = 0
let group: ((options: { success(info: object): void; fail(): void }) => void) | undefined

/** A start of the mini program: memory is new, its storage is what it was. */
function start(options: object = { consent: true }): Script {
  run += 1
  const own = run
  const wx = {
    getStorageSync: (key: string) => JSON.parse(storage.get(key) ?? '""') as unknown,
    setStorageSync(key: string, value: unknown) {
      if (isBroken) throw new Error('storage is full')
      storage.set(key, JSON.stringify(value))
    },
    onNetworkStatusChange: (tell: typeof tellNetwork) => (tellNetwork = tell),
    ...(group ? { getGroupEnterInfo: group } : {}),
  }
  const module = { exports: {} as Script }
  // What waited in a run that is over never comes.
  const later = (work: () => void, ms: number) => setTimeout(() => own === run && work(), ms)
  new Function('module', 'exports', 'wx', 'setTimeout', source)(module, module.exports, wx, later)
  module.exports.init({
    send(touches: Touch[]) {
      sent.push(structuredClone(touches))
      return isOffline ? Promise.reject(new Error('offline')) : Promise.resolve()
    },
    ...options,
  })
  return module.exports
}
const settled = () => vi.advanceTimersByTimeAsync(0)
const told = () => sent.flat()

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-05-01T04:00:00Z') })
  storage = new Map()
  sent = []
  isOffline = false
  isBroken = false
  group = undefined
})
afterEach(() => vi.useRealTimers())

describe('an entry', () => {
  test.each([
    [
      'a card in a chat',
      { scene: 1007, query: { dg: 'L1' } },
      { kind: 'click', linkCode: 'L1', channel: 'single_chat' },
    ],
    ['a scanned code', { scene: 1047, query: { scene: 'L%2F1' } }, { kind: 'scan', linkCode: 'L/1' }],
    ['a short link', { scene: 1194, query: { dg: 'L1', sku: 'x' } }, { kind: 'visit', linkCode: 'L1' }],
    ['a page in Moments', { scene: 1155, query: { dg: 'L1' } }, { kind: 'click', channel: 'moments' }],
  ])('by %s is told as what it is', async (_name, entry, expected) => {
    start().onShow(entry)
    await settled()
    expect(told()).toEqual([expect.objectContaining({ ...expected, at: '2026-05-01T04:00:00.000Z' })])
  })

  test.each([
    ['without a share', { scene: 1001, query: {} }],
    ['without anything', {}],
    ['that is a preview', { scene: 1154, query: { dg: 'L1' } }],
    ['with a code too long', { scene: 1007, query: { dg: 'x'.repeat(129) } }],
  ])('%s is none', async (_name, entry) => {
    start().onShow(entry)
    await settled()
    expect(told()).toEqual([])
  })

  test('is told once, though launch and show both come, and the app comes back to the front', async () => {
    const script = start()
    const entry = { scene: 1007, query: { dg: 'L1' } }
    script.onLaunch(entry)
    script.onShow(entry)
    vi.advanceTimersByTime(20 * 60_000)
    script.onShow(entry)
    await settled()
    expect(told()).toHaveLength(1)
    vi.advanceTimersByTime(31 * 60_000)
    script.onShow(entry)
    await settled()
    expect(told()).toHaveLength(2)
    script.onShow({ scene: 1007, query: { dg: 'L2' } })
    await settled()
    expect(told().map(touch => touch.linkCode)).toEqual(['L1', 'L1', 'L2'])
  })

  test('from a group carries what only the server can open; without an answer it goes alone', async () => {
    group = ({ success }) => success({ encryptedData: 'sealed', iv: 'iv', errMsg: 'ok' })
    start().onShow({ scene: 1008, query: { dg: 'L1' } })
    await settled()
    group = () => {} // never answers
    start().onShow({ scene: 1008, query: { dg: 'L2' } })
    await vi.advanceTimersByTimeAsync(2000)
    expect(told().map(touch => touch.group)).toEqual([{ encryptedData: 'sealed', iv: 'iv' }, undefined])
  })
})

describe('touches', () => {
  test('wait while there is no network, over restarts, and keep their ids', async () => {
    isOffline = true
    const script = start()
    script.onShow({ scene: 1007, query: { dg: 'L1' } })
    script.page({ kind: 'product', ref: 'D-1', title: '大衣' })
    await settled()
    const [first] = told()
    const again = start()
    again.page({ kind: 'product', ref: 'D-2' })
    await settled()
    isOffline = false
    sent = []
    tellNetwork({ isConnected: true })
    await vi.advanceTimersByTimeAsync(5000)
    expect(told().map(touch => touch.page ?? touch.linkCode)).toEqual([
      'L1',
      { kind: 'product', ref: 'D-1', title: '大衣' },
      { kind: 'product', ref: 'D-2' },
    ])
    expect(told()[0]!.touchId).toBe(first!.touchId)
    expect(new Set(told().map(touch => touch.touchId)).size).toBe(3)
    expect(new Set(told().map(touch => touch.visitorId))).toEqual(new Set([again.visitorId()]))
    sent = []
    start().flush()
    await settled()
    expect(told()).toEqual([])
  })

  test('are tried again later and later, and go in batches of 50, 200 at most', async () => {
    isOffline = true
    const script = start()
    for (let i = 0; i < 230; i++) script.page({ kind: 'page', ref: String(i) })
    await settled()
    expect(sent).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(5000)
    await vi.advanceTimersByTimeAsync(29_000)
    expect(sent).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(1000)
    expect(sent).toHaveLength(3)
    isOffline = false
    sent = []
    await vi.advanceTimersByTimeAsync(120_000)
    expect(sent.map(batch => batch.length)).toEqual([50, 50, 50, 50])
    expect(told().at(-1)!.page).toEqual({ kind: 'page', ref: '229' })
  })

  test('go on where storage is full', async () => {
    isBroken = true
    start().onShow({ scene: 1007, query: { dg: 'L1' } })
    await settled()
    expect(told()).toHaveLength(1)
  })
})

describe('consent', () => {
  test('what happened before it was asked is told when it is given, and was never stored', async () => {
    const script = start({})
    script.onShow({ scene: 1007, query: { dg: 'L1' } })
    script.page({ kind: 'product', ref: 'D-1' })
    await settled()
    expect([told(), script.visitorId()]).toEqual([[], null])
    expect([...storage.values()].join()).not.toContain('D-1')
    script.consent(true)
    await settled()
    expect(told().map(touch => touch.kind)).toEqual(['click', 'visit'])
  })

  test('refused or taken back, nothing of the visitor is kept or told, and a later start knows it', async () => {
    const script = start()
    script.page({ kind: 'product', ref: 'D-1' })
    const before = script.visitorId()
    await settled()
    sent = []
    script.consent(false)
    script.onShow({ scene: 1007, query: { dg: 'L1' } })
    const again = start({ consent: true })
    again.page({ kind: 'product', ref: 'D-2' })
    await settled()
    expect([told(), again.visitorId()]).toEqual([[], null])
    expect([...storage.values()].join()).not.toContain(before)
    // The share goes on the order all the same: it is the associate's, and says nothing of the visitor.
    expect(again.shareCode()).toBe('L1')
  })
})

describe('the share code', () => {
  test('of the last share goes on an order while it is fresh', () => {
    const script = start()
    expect([script.shareCode(), script.lastShare()]).toEqual([null, null])
    script.onShow({ scene: 1007, query: { dg: 'L1' } })
    script.onShow({ scene: 1047, query: { scene: 'L2' } })
    script.onShow({ scene: 1001, query: {} })
    vi.advanceTimersByTime(24 * 3_600_000)
    expect(script.shareCode()).toBe('L2')
    vi.advanceTimersByTime(1)
    expect(script.shareCode()).toBeNull()
    expect(start().lastShare()).toMatchObject({ linkCode: 'L2', ageMs: 24 * 3_600_000 + 1 })
    expect(start({ consent: true, shareCodeHours: 48 }).shareCode()).toBe('L2')
  })

  test('goes with a coupon that is claimed, and with what the visitor shares on', async () => {
    const script = start()
    script.onShow({ scene: 1007, query: { dg: 'L/1' } })
    script.claimed('C1', '满减券')
    await settled()
    expect(told().at(-1)).toMatchObject({ kind: 'coupon_claim', linkCode: 'L/1', page: { kind: 'coupon', ref: 'C1' } })
    expect(script.sharePath('pages/p?sku=1')).toBe('pages/p?sku=1&dg=L%2F1')
    expect(script.linkCodeOf({ scene: '%E0%A4%A' })).toBe('%E0%A4%A')
  })
})
