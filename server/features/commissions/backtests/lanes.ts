import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Pool } from '../../../database.ts'
import { keepFold, type KeptFold } from './domain.ts'
import type { ThreadMessage, ThreadOptions } from './slice-thread.ts'
import { createSliceFolder, type Slice, type Trial } from './slices.ts'

/** Where slices are folded, one at a time. */
export interface Lane {
  fold(slice: Slice, onOrders: (orders: number) => void): Promise<KeptFold>
  /** Ends it, also in the middle of a slice. */
  close(): Promise<void>
}

/** Threads to fold in beside this one, which open connections of their own. */
export interface Threads {
  databaseUrl: string
  count: number
  /** How Node.js runs them, where not as it runs this one. */
  execArgv?: string[]
}

/** A back-test of a few orders is over before a thread has begun: that one is folded here. */
export function openLanes(
  pool: Pool,
  trial: Trial,
  { slices, threads }: { slices: number; threads: Threads | null },
): Lane[] {
  if (threads === null || slices <= 1) return [openLaneHere(pool, trial)]
  const { databaseUrl, count, execArgv } = threads
  return Array.from({ length: Math.min(count, slices) }, () => openThread({ databaseUrl, trial }, execArgv))
}

function openLaneHere(pool: Pool, trial: Trial): Lane {
  const foldSlice = createSliceFolder(pool, trial)
  const closing = new AbortController()
  return {
    fold: async (slice, onOrders) => keepFold(await foldSlice(slice, { onOrders, signal: closing.signal })),
    async close() {
      closing.abort(new Error('the back-test is over'))
    },
  }
}

/** What is made for an order is garbage soon after; a lane holds little more than the sums. */
const THREAD_LIMITS = { maxYoungGenerationSizeMb: 48, maxOldGenerationSizeMb: 256 }

function openThread(workerData: ThreadOptions, execArgv: string[] | undefined): Lane {
  const file = new URL(`./slice-thread${extname(import.meta.url)}`, import.meta.url)
  const worker = new Worker(file, { workerData, resourceLimits: THREAD_LIMITS, execArgv })
  let ended: Error | null = null
  let fail = (_: Error) => {}
  const end = (error: Error) => {
    ended ??= error
    fail(ended)
  }
  worker.once('error', end)
  worker.once('exit', code => end(new Error(`a thread ended early, with ${code}`)))
  return {
    async fold(slice, onOrders) {
      const folded = new Promise<KeptFold>((resolve, reject) => {
        if (ended) return reject(ended)
        fail = reject
        const listen = (message: ThreadMessage) => {
          if (message.kind === 'orders') return onOrders(message.orders)
          worker.off('message', listen)
          if (message.kind === 'folded') resolve(message.fold)
          else reject(Object.assign(new Error(message.message), { code: message.code }))
        }
        worker.on('message', listen)
      })
      worker.postMessage(slice)
      return await folded
    },
    async close() {
      await worker.terminate()
    },
  }
}
