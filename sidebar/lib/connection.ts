import { shallowReactive } from 'vue'
import { onReached } from './session.ts'

/** Whether the service can be reached. Nothing waits to be sent later: what fails is told, and a tap tries again. */
export const connection = shallowReactive({
  /** The device says that it has no network: sending would only fail. */
  isOffline: !navigator.onLine,
  /** The last request met no service. */
  isCut: false,
  /** When the service last answered, in milliseconds; what is shown is from then or before. */
  answeredAt: null as number | null,
  /** Counts up where it is worth asking again. */
  tries: 0,
})

function noteReached(isReached: boolean): void {
  connection.isCut = !isReached
  if (isReached) connection.answeredAt = Date.now()
}

/** Asks again for what could not be read. Reads alone: nothing is ever written by itself. */
export function tryAgain(): void {
  connection.tries++
}

export function watchConnection(): void {
  onReached(noteReached)
  window.addEventListener('offline', () => (connection.isOffline = true))
  window.addEventListener('online', () => {
    connection.isOffline = false
    tryAgain()
  })
}
