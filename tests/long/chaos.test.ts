import { expect, test } from 'vitest'
import { runChaos, showTable } from '../chaos/chaos.ts'
import { bundleService } from '../support/service-process.ts'

/** As `npm run chaos`, with another seed in every run. */

const SEED = Number(process.env['CHAOS_SEED'] ?? Math.floor(Date.now() / 1000) % 1_000_000)

test(`kill -9 of the service 200 times and of its database 50 times, while many write (seed ${SEED})`, async () => {
  const { table, faults } = await runChaos({
    seed: SEED,
    serviceKills: 200,
    databaseKills: 50,
    bundle: await bundleService('long-chaos'),
  })
  console.log(showTable(table))
  expect(faults).toEqual([])
}, 3_600_000)
