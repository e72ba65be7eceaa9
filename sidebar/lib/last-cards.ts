/**
 * The cards seen last, in the memory of a worker of ours: there also after the page was loaded anew. Nothing of it is
 * stored. It is given back to the session that it was told by alone (`readMark`), and gone when the browser stops the
 * worker, after ten minutes at the latest. Where there are no workers, nothing is kept.
 */
import type { CustomerCard } from '../../server/features/cards/schema.ts'
import type { Session } from '../../server/features/session/schema.ts'
import type { Diagnosis } from './diagnosis.ts'

export interface Last {
  session: Session
  card: CustomerCard
}

/** `mark`: of which session the page is. A worker that holds something of another one forgets it. */
export type ToWorker =
  | { deed: 'recall'; mark: string; externalUserid: string }
  | { deed: 'keep'; mark: string; session: Session; externalUserid: string; card: CustomerCard }
  | { deed: 'drop'; mark: string; externalUserid: string }
  | { deed: 'forget' }

const scope = '/sidebar/'
/** The first card is on the screen by then, and what comes with it. */
const registerAfterMs = 2000
/** Whoever is asked and does not answer has nothing. */
const recallMs = 1000

const container = (navigator as { serviceWorker?: ServiceWorkerContainer }).serviceWorker

/** Names the session without being of use for anything: another sign-in has another one, without one there is none. */
export function readMark(): string {
  return /(?:^|; )(?:__Host-)?daogou_mark=([^;]*)/.exec(document.cookie)?.[1] ?? ''
}

/** The mark under which the session was told; none where another one signed in meanwhile. */
let ownMark = ''
export function noteMark(mark: string): void {
  ownMark = mark === readMark() ? mark : ''
}

/** The card of the customer as it was seen last, and by whom; null where the worker has none for this session. */
export async function recallCard(externalUserid: string): Promise<Last | null> {
  const mark = readMark()
  const worker = container?.controller
  if (!worker || mark === '') return null
  const last = await new Promise<Last | null>(resolve => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = ({ data }) => resolve(data as Last | null)
    setTimeout(resolve, recallMs, null)
    worker.postMessage({ deed: 'recall', mark, externalUserid } satisfies ToWorker, [port2])
  })
  noteMark(mark)
  return ownMark === '' ? null : last
}

let registered: Promise<ServiceWorkerRegistration> | null = null

/** The worker, which is registered when there is something to keep for the first time. */
async function workerOf(workers: ServiceWorkerContainer): Promise<ServiceWorker | null> {
  if (workers.controller) return workers.controller
  registered ??= new Promise(resolve => setTimeout(resolve, registerAfterMs))
    .then(() => workers.register(`${scope}worker.js`))
    .then(() => workers.ready)
  return (await registered).active
}

export function keepCard(session: Session, externalUserid: string, card: CustomerCard): void {
  const mark = ownMark
  if (!container || mark === '') return
  workerOf(container).then(
    // Told late, it may be another one's by now.
    worker => mark === readMark() && worker?.postMessage({ deed: 'keep', mark, session, externalUserid, card } satisfies ToWorker), // prettier-ignore
    () => {}, // a browser may refuse workers: nothing is kept
  )
}

const refusals: readonly Diagnosis['kind'][] = ['session_missing', 'associate_inactive', 'forbidden', 'not_found']

/** A card that is refused is not shown again. */
export function dropCard(externalUserid: string, { kind }: Diagnosis): void {
  if (!refusals.includes(kind)) return
  container?.controller?.postMessage({ deed: 'drop', mark: readMark(), externalUserid } satisfies ToWorker)
}

/** Nobody is signed in any more. Also of use where the page is not the worker's own. */
export async function forgetCards(): Promise<void> {
  const registration = await container?.getRegistration(scope).catch(() => undefined)
  registration?.active?.postMessage({ deed: 'forget' } satisfies ToWorker)
}
