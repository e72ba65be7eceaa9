import { openPool, type Pool } from '../../server/database.ts'
import { snapshotStep } from '../../server/features/community/service.ts'
import { sumAll } from '../../server/features/rollups/service.ts'

/** Does what the service does with a brand that it sees for the first time, so that no figure is measured beside it. */
export async function prepareBrand(databaseUrl: string, brandId: number, zone: string): Promise<void> {
  const pool = openPool(databaseUrl, { max: 2, statementTimeoutMs: 0 })
  await sumAll(pool, { brandId, zone, now: Date.now() })
  while (await snapshotStep(pool, { brandId, zone, now: Date.now() }));
  await pool.end({ timeout: 5 })
  const owner = openPool(databaseUrl, { max: 1, asOwner: true, statementTimeoutMs: 0 })
  await vacuum(owner)
  await owner.end({ timeout: 5 })
}

const vacuum = (owner: Pool) => owner`VACUUM ANALYZE`
