import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkHistories } from '../builders/permutations.ts'
import { startTestService, type TestService } from '../support/service.ts'

/** As tests/integration/permutations.test.ts, ten times as many, and others in every run. */
const FIRST_SEED = Math.floor(Date.now() / 1000) % 1_000_000

describe('random histories end the same on a real PostgreSQL, in whatever sequence they come', () => {
  let service: TestService
  beforeAll(async () => {
    service = await startTestService()
  })
  afterAll(() => service.close())

  let owed = 0
  const seeds = Array.from({ length: 80 }, (_, i) => FIRST_SEED + i)
  test.each(seeds)('25 histories, each told twice in its own sequence (seed %i)', async seed => {
    const entitlements = await checkHistories(service, seed, 25)
    expect(entitlements).toBeGreaterThan(0)
    owed += entitlements
  })

  // Of 25 alone few may be about money.
  test('and most of them are about money', () => {
    expect(owed).toBeGreaterThan(25 * seeds.length)
  })
})
