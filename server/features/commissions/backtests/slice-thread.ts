import { parentPort, workerData } from 'node:worker_threads'
import { openPool } from '../../../database.ts'
import { keepFold, type KeptFold } from './domain.ts'
import { createSliceFolder, type Slice, type Trial } from './slices.ts'

/** A thread that folds slices, one after the other, as they are handed to it. */

export interface ThreadOptions {
  databaseUrl: string
  trial: Trial
}

export type ThreadMessage =
  | { kind: 'orders'; orders: number }
  | { kind: 'folded'; fold: KeptFold }
  | { kind: 'failed'; message: string; code: string | undefined }

const { databaseUrl, trial } = workerData as ThreadOptions
// One to read with while what was read is decided.
const foldSlice = createSliceFolder(openPool(databaseUrl, { max: 1 }), trial)
const tell = (message: ThreadMessage) => parentPort!.postMessage(message)
const { signal } = new AbortController() // it is ended from outside

parentPort!.on('message', (slice: Slice) => {
  foldSlice(slice, { signal, onOrders: orders => tell({ kind: 'orders', orders }) }).then(
    fold => tell({ kind: 'folded', fold: keepFold(fold) }),
    (error: Error & { code?: string }) => tell({ kind: 'failed', message: error.message, code: error.code }),
  )
})
