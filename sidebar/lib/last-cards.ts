/**
 * The cards seen last, in the memory of a worker of ours: there also after the page was loaded anew. Nothing of it is
 * stored, and it is gone when the browser stops the worker, after ten minutes at the latest. Who is sent to sign in, signs
 * out or opens the console leaves nothing behind, and what one session was told another one's first card clears away.
 * Where there are no workers, nothing is kept.
 */
import type { CustomerCard } from '../../server/features/cards/schema.ts'
import type { Session } from '../../server/features/session/schema.ts'
import type { Diagnosis } from './diagnosis.ts'

export interface Last {
  session: Session
  card: CustomerCard
}

export type ToWorker =
  | { deed: 'recall'; externalUserid: string }
  | { deed: 'keep'; session: Session; externalUserid: string; card: CustomerCard }
  | { deed: 'drop'; externalUserid: string }
  | { deed: 'forget' }

const scope = '/sidebar/'
/** The first card is on the screen by then, and what comes with it. */
const registerAfterMs = 2000
/** Whoever is asked and does not answer has nothing. */
const recallMs = 1000

const container = (navigator as { serviceWorker?: ServiceWorkerContainer }).serviceWorker

/** The card of the customer as it was seen last, and by whom; null where the worker has none. */
export async function recallCard(externalUserid: string): Promise<Last | null> {
  const worker = container?.controller
  if (!worker) return null
  return await new Promise<Last | null>(resolve => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = ({ data }) => resolve(data as Last | null)
    setTimeout(resolve, recallMs, null)
    worker.postMessage({ deed: 'recall', externalUserid } satisfies ToWorker, [port2])
  })
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
  if (!container) return
  workerOf(container).then(
    worker => worker?.postMessage({ deed: 'keep', session, externalUserid, card } satisfies ToWorker),
    () => {}, // a browser may refuse workers: nothing is kept
  )
}

const refusals: readonly Diagnosis['kind'][] = ['session_missing', 'associate_inactive', 'forbidden', 'not_found']

/** A card that is refused is not shown again. */
export function dropCard(externalUserid: string, { kind }: Diagnosis): void {
  if (!refusals.includes(kind)) return
  container?.controller?.postMessage({ deed: 'drop', externalUserid } satisfies ToWorker)
}

/** Nobody is signed in any more. Also of use where the page is not the worker's own. */
export async function forgetCards(): Promise<void> {
  const registration = await container?.getRegistration(scope).catch(() => undefined)
  registration?.active?.postMessage({ deed: 'forget' } satisfies ToWorker)
}
