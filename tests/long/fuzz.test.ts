import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startFuzzStage, type FuzzStage } from '../support/fuzz.ts'

/**
 * As tests/integration/fuzz.test.ts, hundreds of calls of each operation, tens of thousands in all, and others in every
 * run. More of them: FUZZ_SEED=1040 FUZZ_ROUNDS=80 npm run test:long -- fuzz
 */
const FIRST_SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Date.now() / 1000) % 1_000_000)
const CALLS_A_ROUND = 25
const ROUNDS = Number(process.env['FUZZ_ROUNDS'] ?? 10)

describe('whatever is sent to what the document names', () => {
  let stage: FuzzStage
  beforeAll(async () => {
    stage = await startFuzzStage()
  })
  afterAll(() => stage.close())

  const seeds = Array.from({ length: ROUNDS }, (_, i) => FIRST_SEED + i)
  test.each(seeds)(
    'is answered as the document says, or refused in words and without a trace (seed %i)',
    async seed => {
      const { statuses, wrong } = await stage.play({ seed, calls: CALLS_A_ROUND })
      console.log(
        `fuzz, seed ${seed}: ${stage.operations.length} operations, answers by status ${JSON.stringify(statuses)}`,
      )
      expect(wrong).toEqual([])
    },
  )

  test.each(seeds)('an item with something wrong refuses itself alone (seed %i)', async seed => {
    expect(await stage.mix({ seed, calls: CALLS_A_ROUND })).toEqual([])
  })
})
