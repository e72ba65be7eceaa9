import { Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

/** For how long a connection that was kept open may bring one more request after no new ones are taken. */
const LAST_REQUEST_MS = 2000
const LOOK_MS = 20

/**
 * Lets a service go without a request that fails: no new connections are taken, and whoever comes once more on one that
 * is open gets his answer and is told that it is the last. Closing an idle one at once would cut off whoever is just
 * writing into it.
 *
 * @returns ends when all have gone, or have had the time to come once more
 */
export function leaving(app: FastifyInstance): () => Promise<void> {
  let isLeaving = false
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (isLeaving) reply.header('connection', 'close')
    done()
  })
  return async () => {
    isLeaving = true
    // Whoever has just connected is let in: what waits at the door is refused when it is closed.
    await new Promise(setImmediate)
    await new Promise(setImmediate)
    // The HTTP server's own close ends idle connections at once.
    Server.prototype.close.call(app.server)
    const until = performance.now() + LAST_REQUEST_MS
    const open = () => new Promise<number>(resolve => app.server.getConnections((_error, count) => resolve(count)))
    while (performance.now() < until && (await open()) > 0) await sleep(LOOK_MS)
  }
}
