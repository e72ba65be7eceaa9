import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkHistories } from '../builders/permutations.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { isThorough } from '../support/thorough.ts'

describe('random histories end the same on a real PostgreSQL, in whatever sequence they come', () => {
  let service: TestService
  beforeAll(async () => {
    service = await startTestService()
  })
  afterAll(() => service.close())

  test.each(isThorough ? [1, 2, 3, 4, 5, 6, 7, 8] : [1, 2, 3, 4])(
    '25 histories, each told twice in its own sequence (seed %i)',
    async seed => {
      expect(await checkHistories(service, seed, 25)).toBeGreaterThan(25)
    },
  )
})
