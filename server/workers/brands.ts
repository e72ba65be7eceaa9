import type { Brand, Brands } from '../features/brands/service.ts'
import { startLoop, type Worker } from './loop.ts'

const EVERY_MS = 5000

/**
 * Has work done for each brand: from when it comes, anew when its settings change, until it is stopped.
 *
 * @param start begins a brand's work
 */
export function startPerBrand(options: {
  brands: Pick<Brands, 'all'>
  start: (brand: Brand) => Worker
  onError: (error: unknown) => void
  everyMs?: number
}): Worker {
  const { brands, start, onError, everyMs = EVERY_MS } = options
  const running = new Map<Brand, Worker>()
  const loop = startLoop(
    async () => {
      const wanted = new Set(brands.all())
      for (const [brand, worker] of running) {
        if (wanted.has(brand)) continue
        running.delete(brand)
        await worker.stop().catch(onError)
      }
      for (const brand of wanted) if (!running.has(brand)) running.set(brand, start(brand))
      return everyMs
    },
    { name: 'brands', onError },
  )
  return {
    async stop() {
      await loop.stop()
      await Promise.all([...running.values()].map(worker => worker.stop()))
    },
  }
}
