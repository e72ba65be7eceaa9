import { openPool } from '../server/database.ts'
import { ZONE, type Bench, type GivenBrand } from './lib/bench.ts'
import type { Figure } from './lib/figure.ts'
import { createdPerSecond, OrderLoad } from './lib/order-load.ts'
import { prepareBrand } from './lib/prepared.ts'
import { startService } from './lib/service.ts'
import { readShop } from './lib/tickets.ts'

const SMALL_ORDERS = 100_000
const SECONDS = 10
const BATCHED = { seconds: SECONDS, batch: 100, connections: 4 }
const LIMIT = 1.1

/** What an order costs a brand with a long history, over what it costs one with a short one. */
export const growth: Figure = {
  name: 'growth',
  measures: `an order of a large brand over one of a brand of ${SMALL_ORDERS}`,
  async run(bench) {
    const small = await bench.brand(SMALL_ORDERS)
    const smallUrl = await bench.copyOf(small)
    await prepareBrand(smallUrl, small.brandId, ZONE)
    const large = bench.given ?? (await largeOf(bench))
    const orders = await countOrders(large)
    const [ofSmall, ofLarge] = [await begin(small, smallUrl, {}), await begin(large, large.url, large.env)]
    try {
      for (const one of [ofSmall, ofLarge]) await one.load.send('spread', BATCHED)
      // In turns, and there and back again: whatever else the machine does falls on both.
      let [smallPerSecond, largePerSecond] = [0, 0]
      for (const isSmall of [true, false, false, true, true, false]) {
        const perSecond = createdPerSecond(await (isSmall ? ofSmall : ofLarge).load.send('spread', BATCHED)) / 3
        if (isSmall) smallPerSecond += perSecond
        else largePerSecond += perSecond
      }
      return {
        value: largePerSecond,
        unit: 'orders/s',
        ratio: smallPerSecond / largePerSecond,
        against: `${Math.round(smallPerSecond)}/s of ${SMALL_ORDERS} orders`,
        limit: { atMost: LIMIT },
        details: { orders },
      }
    } finally {
      for (const { load, service } of [ofSmall, ofLarge]) {
        await service.stop()
        await load.close()
      }
    }
  },
}

async function largeOf(bench: Bench): Promise<GivenBrand> {
  const brand = await bench.brand()
  const { brandId, until } = brand
  const url = await bench.copyOf(brand)
  await prepareBrand(url, brandId, ZONE)
  return { url, brandId, until, env: {} }
}

async function countOrders({ url, brandId }: GivenBrand): Promise<number> {
  const owner = openPool(url, { max: 1, asOwner: true, statementTimeoutMs: 0 })
  const [row] = await owner<{ orders: number }[]>`SELECT count(*) AS orders FROM orders WHERE brand_id = ${brandId}`
  await owner.end({ timeout: 5 })
  return row!.orders
}

async function begin(brand: { brandId: number; until: number }, url: string, env: Record<string, string>) {
  const owner = openPool(url, { max: 1, asOwner: true, statementTimeoutMs: 0 })
  const shop = await readShop(owner, brand)
  await owner.end({ timeout: 5 })
  const service = await startService(url, { env })
  return { service, load: await OrderLoad.to(service, shop) }
}
