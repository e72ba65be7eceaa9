import { expect, test } from 'vitest'
import { NOW } from '../builders/brand.ts'
import { seekPhones } from '../support/privacy-phones.ts'
import { tableOf } from '../support/privacy.ts'
import { startTestService } from '../support/service.ts'

/** The full form of what tests/integration/privacy.test.ts does with 300. */
test('of 10,000 phone numbers told in every way none lies anywhere in plain', async () => {
  const service = await startTestService({ worker: false, now: () => NOW })
  try {
    const looked = await seekPhones(service, 10_000)
    console.log(tableOf(looked))
    expect(looked.filter(({ found }) => found.length > 0)).toEqual([])
  } finally {
    await service.close()
  }
})
