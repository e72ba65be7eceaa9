import type { Db } from '../../database.ts'
import { valueInForce } from '../../lib/dated.ts'
import type { Instant } from '../../lib/time.ts'
import { reaches, type Reach } from '../materials/domain.ts'
import { readHistory } from '../stores/service.ts'
import { selectAllStores } from './queries.ts'

/** The stores that something is for now, by their code. */
export async function storesReached(db: Db, options: { brandId: number; reach: Reach; now: Instant }) {
  const { brandId, reach, now } = options
  const stores = await selectAllStores(db, { brandId })
  return stores.filter(({ storeCode, regions }) =>
    reaches(reach, { storeCode, region: valueInForce(readHistory<string>(regions), now) }),
  )
}
