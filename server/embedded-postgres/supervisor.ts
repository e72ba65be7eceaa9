import { setTimeout as delay } from 'node:timers/promises'
import type { RunningServer, ServerPlan } from './server-process.ts'
import { adoptServer, interruptServer, launchServer, shutDown } from './server-process.ts'

const restartMsMin = 200
const restartMsMax = 30_000
const steadyMs = 60_000

export interface Supervision {
  stop(): Promise<void>
}

/**
 * Restarts the server whenever it ends by itself, on the same port: the service's pool then reconnects as after any
 * short outage. It does not keep node alive, and if node ends without a stop the server is told to end too.
 *
 * @param first a server that takes connections
 * @param stopping aborted by `stop`, so that a restart which is under way gives up
 * @param afterStop called once the server has ended
 */
export function superviseServer(
  first: RunningServer,
  plan: ServerPlan,
  stopping: AbortController,
  afterStop: () => Promise<void>,
): Supervision {
  let server = first
  const interruptAtExit = (): void => interruptServer(server, 'SIGINT')
  process.once('exit', interruptAtExit)

  const restart = async (pauseMs: number): Promise<void> => {
    await delay(pauseMs, undefined, { ref: false, signal: stopping.signal })
    server = (await adoptServer(plan)) ?? (await launchServer(plan, () => Promise.resolve(first.port)))
    plan.log(`the database server is back (process ${server.pid})`)
  }

  const keepRunning = async (): Promise<void> => {
    let pauseMs = restartMsMin
    let readyAt = Date.now()
    while (!stopping.signal.aborted) {
      const reason = await server.ended
      if (stopping.signal.aborted) return
      if (Date.now() - readyAt > steadyMs) pauseMs = restartMsMin
      plan.log(`the database server ended unexpectedly (${reason}); restarting it`)
      try {
        await restart(pauseMs)
        readyAt = Date.now()
      } catch (error) {
        if (stopping.signal.aborted) return
        plan.log(`the database server did not come back: ${error instanceof Error ? error.message : String(error)}`)
      }
      pauseMs = Math.min(pauseMs * 2, restartMsMax)
    }
  }

  const supervised = keepRunning()

  const stopOnce = async (): Promise<void> => {
    stopping.abort()
    try {
      await shutDown(server, plan)
      await supervised
      await shutDown(server, plan) // one that a restart had just brought up when the stop came
    } finally {
      process.removeListener('exit', interruptAtExit)
      await afterStop()
    }
  }

  let stopped: Promise<void> | null = null
  return { stop: () => (stopped ??= stopOnce()) }
}
