/**
 * Holds the cards seen last for a page that is loaded anew (`lib/last-cards.ts`). In memory alone: it touches neither
 * caches nor any other storage, and no request of the page goes through it.
 */
import type { Last, ToWorker } from './lib/last-cards.ts'

const CARDS_MAX = 20
const KEPT_MS = 10 * 60_000
/** An idle worker is stopped within half a minute; while it says that it works it stays, five minutes at most. */
const AWAKE_MS = 4.5 * 60_000

interface WorkerEvent extends MessageEvent {
  waitUntil(work: Promise<unknown>): void
}

/** What writes of the session are believed by: another sign-in has another one. */
let csrfToken = ''
const cards = new Map<string, Last & { until: number }>()

function forgetOld(): void {
  const now = Date.now()
  for (const [id, { until }] of cards) if (until <= now) cards.delete(id)
}

function take(told: ToWorker, port: MessagePort | undefined): void {
  if (told.deed === 'forget') return cards.clear()
  forgetOld()
  const { externalUserid } = told
  if (told.deed === 'recall') {
    const last = cards.get(externalUserid)
    port?.postMessage(last ? ({ session: last.session, card: last.card } satisfies Last) : null)
    return
  }
  cards.delete(externalUserid)
  if (told.deed === 'drop') return
  if (told.session.csrfToken !== csrfToken) cards.clear()
  csrfToken = told.session.csrfToken
  cards.set(externalUserid, { session: told.session, card: told.card, until: Date.now() + KEPT_MS })
  for (const oldest of cards.keys()) {
    if (cards.size <= CARDS_MAX) break
    cards.delete(oldest)
  }
  setTimeout(forgetOld, KEPT_MS)
}

// A newer one takes over at once: what the older one held is seen again soon enough.
self.addEventListener('install', () => void (self as unknown as { skipWaiting(): Promise<void> }).skipWaiting())
self.addEventListener('message', event => {
  const told = event as WorkerEvent
  take(told.data as ToWorker, told.ports[0])
  told.waitUntil(new Promise(resolve => setTimeout(resolve, AWAKE_MS)))
})
