import { parentPort, workerData } from 'node:worker_threads'
import { openPool } from '../../server/database.ts'
import { createVault } from '../../server/lib/vault.ts'
import { Brand, type BrandOptions } from './brand.ts'
import { CopyStream } from './copy.ts'
import { History, SHARD_TABLES, type ShardRows } from './history.ts'

/** One thread makes one shard and writes it, each table over a connection of its own. */
export interface WorkerOptions {
  databaseUrl: string
  dataKey: Uint8Array
  brand: BrandOptions
  shard: number
}

export type WorkerMessage =
  | { kind: 'progress'; orders: number }
  /** All is written, and by month and associate what the orders add to the basis of his bonus. */
  | { kind: 'done'; rows: Record<string, number>; bases: readonly Map<string, number>[] }

/** Between two looks at what has to be sent. */
const BATCH = 200
const PROGRESS_EVERY = 5000

const { databaseUrl, dataKey, brand: options, shard } = workerData as WorkerOptions
const tell = (message: WorkerMessage) => parentPort!.postMessage(message)

const pool = openPool(databaseUrl, { max: SHARD_TABLES.length, asOwner: true, statementTimeoutMs: 0 })
const opened = await Promise.all(SHARD_TABLES.map(async table => [table, await CopyStream.open(pool, table)] as const))
const streams = opened.map(([, stream]) => stream)
const rows = Object.fromEntries(opened.map(([table, stream]) => [table, stream.rows])) as ShardRows
const sendFull = () => Promise.all(streams.map(stream => stream.sendFull()))

const history = new History(new Brand(options), { shard, vault: createVault(Buffer.from(dataKey)), rows })
while (history.tellMembers(BATCH)) await sendFull()
while (history.tellOrders(BATCH)) {
  await sendFull()
  if (history.toldOrders % PROGRESS_EVERY === 0) tell({ kind: 'progress', orders: history.toldOrders })
}
await Promise.all(streams.map(stream => stream.end()))
await pool.end()
tell({ kind: 'progress', orders: history.toldOrders })
tell({
  kind: 'done',
  rows: Object.fromEntries(opened.map(([table, stream]) => [table, stream.rows.rows])),
  bases: history.bases,
})
