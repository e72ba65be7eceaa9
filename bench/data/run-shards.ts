import { Worker } from 'node:worker_threads'
import { openPool } from '../../server/database.ts'
import { CopyStream } from './copy.ts'
import type { FillOptions } from './fill.ts'
import { SHARD_TABLES } from './history.ts'
import { SHARDS } from './shards.ts'
import type { WorkerMessage, WorkerOptions } from './worker.ts'

export type ShardResult = Extract<WorkerMessage, { kind: 'done' }>

/** Makes the shards at the same time and writes them in turns, so that what is written comes in the order of its keys. */
export async function runShards(options: FillOptions): Promise<ShardResult[]> {
  const pool = openPool(options.databaseUrl, { max: SHARD_TABLES.length, asOwner: true, statementTimeoutMs: 0 })
  const shards = Array.from({ length: SHARDS }, (_, shard) => new ShardThread(options, shard))
  try {
    const streams = await Promise.all(
      SHARD_TABLES.map(table => CopyStream.open(pool, table, { isFirst: !options.append })),
    )
    const results: ShardResult[] = []
    const orders = shards.map(() => 0)
    const write = async (shard: ShardThread, turn: Extract<WorkerMessage, { kind: 'turn' }>) => {
      const sent = turn.tables.map((rows, i) => (rows.length === 0 ? Promise.resolve() : streams[i]!.send(rows)))
      await Promise.all(sent)
      shard.hasWritten()
      orders[shards.indexOf(shard)] = turn.orders
      options.onProgress({ phase: 'orders', orders: orders.reduce((sum, count) => sum + count, 0) })
    }
    for (const phase of ['members', 'orders']) {
      for (let telling = [...shards]; telling.length > 0;) {
        for (const shard of telling) {
          const message = await shard.next()
          if (message.kind === 'turn') await write(shard, message)
          else telling = telling.filter(other => other !== shard)
          if (phase === 'orders' && message.kind === 'done') results.push(message)
        }
      }
    }
    await Promise.all(streams.map(stream => stream.end()))
    return results
  } finally {
    await Promise.all(shards.map(shard => shard.stop()))
    await pool.end({ timeout: 0 })
  }
}

/** A thread, and what it told that nobody asked for yet. */
class ShardThread {
  readonly #worker: Worker
  readonly #written = new Int32Array(new SharedArrayBuffer(4))
  readonly #told: WorkerMessage[] = []
  #ended: Error | null = null
  #wake = () => {}

  constructor({ brand, dataKey, signal }: FillOptions, shard: number) {
    const workerData: WorkerOptions = { brand, shard, dataKey, written: this.#written.buffer as SharedArrayBuffer }
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData,
      resourceLimits: { maxYoungGenerationSizeMb: 96 }, // what is made for an order is garbage soon after
      execArgv: ['--import', new URL('../../server/cli/typescript.mjs', import.meta.url).href],
    })
    const end = (error: Error) => {
      this.#ended ??= error
      this.#wake()
    }
    this.#worker.on('message', (message: WorkerMessage) => {
      this.#told.push(message)
      this.#wake()
    })
    this.#worker.once('error', end)
    this.#worker.once('exit', code => end(new Error(`a thread ended early, with ${code}`)))
    signal?.addEventListener('abort', () => end(signal.reason as Error), { once: true })
  }

  /** The next that it tells. @throws what ended it */
  async next(): Promise<WorkerMessage> {
    for (;;) {
      const message = this.#told.shift()
      if (message) return message
      if (this.#ended) throw this.#ended
      await new Promise<void>(resolve => (this.#wake = resolve))
    }
  }

  /** Lets it make one turn more. */
  hasWritten(): void {
    Atomics.add(this.#written, 0, 1)
    Atomics.notify(this.#written, 0)
  }

  async stop(): Promise<void> {
    await this.#worker.terminate()
  }
}
