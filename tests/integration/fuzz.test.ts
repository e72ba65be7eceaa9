import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startFuzzStage, type FuzzStage } from '../support/fuzz.ts'

/** A few calls of each operation; tests/long/fuzz.test.ts makes thousands. */
describe('whatever is sent to what the document names', () => {
  let stage: FuzzStage
  beforeAll(async () => {
    stage = await startFuzzStage()
  })
  afterAll(() => stage.close())

  test('is answered as the document says, or refused in words and without a trace', async () => {
    const { statuses, wrong } = await stage.play({ seed: 1, calls: 6 })
    expect(wrong).toEqual([])
    expect(statuses[200]).toBeGreaterThan(100)
  }, 180_000)

  test('an item with something wrong refuses itself alone', async () => {
    expect(await stage.mix({ seed: 2, calls: 6 })).toEqual([])
  })
})
