import { parentPort, workerData } from 'node:worker_threads'
import { createVault } from '../../server/lib/vault.ts'
import { Brand, type BrandOptions } from './brand.ts'
import { History, SHARD_TABLES, type ShardRows } from './history.ts'
import { RowBuffer } from './row-buffer.ts'
import { MEMBERS_PER_TURN, ORDERS_PER_TURN } from './shards.ts'
import { TABLES } from './tables.ts'

/** A thread that makes one shard, turn by turn; whoever started it writes the rows. */
export interface WorkerOptions {
  brand: BrandOptions
  shard: number
  dataKey: Uint8Array
  /** How many turns were written: it makes a few more than that, and then waits. */
  written: SharedArrayBuffer
}

export type WorkerMessage =
  /** The rows of a turn, by table as in `SHARD_TABLES`. */
  | { kind: 'turn'; orders: number; tables: Uint8Array[] }
  /** No more members; orders come next. */
  | { kind: 'members_told' }
  /** All was told: how many rows by table, and by month and associate what the orders add to the basis of his bonus. */
  | { kind: 'done'; rows: Record<string, number>; bases: readonly Map<string, number>[] }

const TURNS_AHEAD = 8

const options = workerData as WorkerOptions
const written = new Int32Array(options.written)
const buffers = SHARD_TABLES.map(table => [table, new RowBuffer(TABLES[table].length)] as const)
const history = new History(new Brand(options.brand), {
  shard: options.shard,
  vault: createVault(Buffer.from(options.dataKey)),
  rows: Object.fromEntries(buffers) as ShardRows,
})
let turns = 0

function send(message: WorkerMessage, transfer: ArrayBuffer[] = []): void {
  parentPort!.postMessage(message, transfer)
}

function sendTurn(): void {
  const tables = buffers.map(([, rows]) => rows.take())
  send(
    { kind: 'turn', orders: history.toldOrders, tables },
    tables.map(rows => rows.buffer as ArrayBuffer),
  )
  turns++
  for (let done = Atomics.load(written, 0); turns - done >= TURNS_AHEAD; done = Atomics.load(written, 0)) {
    Atomics.wait(written, 0, done)
  }
}

for (let hasMore = true; hasMore; sendTurn()) hasMore = history.tellMembers(MEMBERS_PER_TURN)
send({ kind: 'members_told' })
for (let hasMore = true; hasMore; sendTurn()) hasMore = history.tellOrders(ORDERS_PER_TURN)
send({
  kind: 'done',
  rows: Object.fromEntries(buffers.map(([table, rows]) => [table, rows.rows])),
  bases: history.bases,
})
