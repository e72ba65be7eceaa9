import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { SlowAnswers } from '../../server/lib/slow-answers.ts'

const PATIENCE_MS = 30
const start = (keptMs = 60_000) => new SlowAnswers<number>({ patienceMs: PATIENCE_MS, keptMs, atMost: 2 })

/** Work that ends when the test says so. */
function held() {
  const asked: { end: (answer: number) => void; fail: () => void; signal: AbortSignal }[] = []
  const make = (signal: AbortSignal) =>
    new Promise<number>((resolve, reject) =>
      asked.push({ end: resolve, fail: () => reject(new Error('failed')), signal }),
    )
  return { asked, make }
}

test('what is answered in time is made anew for each, and what fails in time fails', async () => {
  const answers = start()
  let made = 0
  const ask = () => answers.ask('a', async () => ++made)
  expect([await ask(), await ask()]).toEqual([1, 2])
  await expect(answers.ask('a', () => Promise.reject(new Error('failed')))).rejects.toThrow('failed')
})

test('what takes longer is made once for all who ask, and kept for a while', async () => {
  const answers = start(200)
  const { asked, make } = held()
  expect(await Promise.all([answers.ask('a', make), answers.ask('a', make)])).toEqual([null, null])
  // Both had begun; one of them goes on.
  expect(asked.map(one => one.signal.aborted).sort()).toEqual([false, true])
  expect(await answers.ask('a', make)).toBeNull()
  expect(asked).toHaveLength(2)
  asked.find(one => !one.signal.aborted)!.end(7)
  await sleep(0)
  expect(await answers.ask('a', make)).toBe(7)
  await sleep(250)
  expect(await answers.ask('a', async () => 8)).toBe(8)
})

test('no more than so many go on at a time, and one that fails is begun anew', async () => {
  const answers = start()
  const { asked, make } = held()
  for (const key of ['a', 'b', 'c']) expect(await answers.ask(key, make)).toBeNull()
  expect(asked).toHaveLength(2)
  asked[0]!.fail()
  await sleep(0)
  expect(await answers.ask('a', async () => 9)).toBe(9)
})
