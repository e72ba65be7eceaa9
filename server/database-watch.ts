import { setTimeout as sleep } from 'node:timers/promises'
import { destroyConnections, openPool, type Pool } from './database.ts'

/** How often the server is asked, and after how much silence nobody waits for it any longer. */
const ASK_MS = 1000
const SILENT_MS = 5000

export interface DatabaseWatch {
  stop(): Promise<void>
}

/**
 * Asks the database server every second whether it is there, on a connection of its own. Where it says nothing, all
 * connections are given up, so that whoever waits hears of it and new ones are made: a server that is frozen, or that a
 * network no longer leads to, would else keep everybody waiting for as long as the system repeats its packets.
 */
export function watchDatabase(options: { pools: readonly Pool[]; url: string; onSilent: () => void }): DatabaseWatch {
  const asking = openPool(options.url, { max: 1 })
  const over = new AbortController()
  const watch = async () => {
    while (!over.signal.aborted) {
      const isThere = asking`SELECT 1`.then(
        () => true,
        () => true, // whoever is refused hears so himself
      )
      if (!(await Promise.race([isThere, silence()])) && !over.signal.aborted) {
        options.onSilent()
        destroyConnections(asking)
        options.pools.forEach(destroyConnections)
      }
      await sleep(ASK_MS, undefined, { ref: false, signal: over.signal }).catch(() => {})
    }
  }
  const watching = watch()
  return {
    async stop() {
      over.abort()
      await Promise.all([asking.end({ timeout: 0 }), watching])
    },
  }
}

/** An answer that came while this process was busy itself is read before it counts as silence. */
async function silence(): Promise<false> {
  await sleep(SILENT_MS, undefined, { ref: false })
  for (let i = 0; i < 2; i++) await new Promise(resolve => setImmediate(resolve))
  return false
}
