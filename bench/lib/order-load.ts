import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LoadMeasured } from './load-process.ts'
import { sendLoad } from './load.ts'
import type { BenchService } from './service.ts'
import { drawOrders, type Sellers, type Shop } from './tickets.ts'

/** More than can be taken in a second: a run ends by time. */
const ORDERS_PER_SECOND_MOST = 6000
const BATCHED_PER_SECOND_MOST = 20_000

export const createdPerSecond = ({ words, seconds }: LoadMeasured) => words['created']! / seconds

/** Orders of a shop over HTTP, each of them new. */
export class OrderLoad {
  readonly #service: BenchService
  readonly #shop: Shop
  readonly #folder: string
  readonly #prefix = `l${Date.now().toString(36)}`
  #runs = 0

  private constructor(service: BenchService, shop: Shop, folder: string) {
    this.#service = service
    this.#shop = shop
    this.#folder = folder
  }

  static async to(service: BenchService, shop: Shop): Promise<OrderLoad> {
    return new OrderLoad(service, shop, await mkdtemp(join(tmpdir(), 'daogou-bench-load-')))
  }

  /** @throws where one was refused */
  async send(
    sellers: Sellers,
    options: { seconds: number; batch: number; connections: number },
  ): Promise<LoadMeasured> {
    const { seconds, batch, connections } = options
    const run = ++this.#runs
    const orders = drawOrders(this.#shop, { seed: run, prefix: `${this.#prefix}-${run}-`, sellers, now: Date.now() })
    const count = (seconds * (batch === 1 ? ORDERS_PER_SECOND_MOST : BATCHED_PER_SECOND_MOST)) / batch
    const lines = Array.from({ length: count }, () =>
      JSON.stringify(Array.from({ length: batch }, () => orders.next().value)),
    )
    const bodies = join(this.#folder, 'bodies')
    await writeFile(bodies, lines.join('\n'))
    const { port, key } = this.#service
    const measured = await sendLoad({ port, key, path: '/api/v1/orders', bodies, connections, seconds })
    if (measured.words['rejected']! > 0) throw new Error(`${measured.words['rejected']} orders were refused`)
    return measured
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }
}
