import { expect, test } from 'vitest'
import { buildSharedAsks } from '../../server/lib/gathered-asks.ts'

/** Asks that are answered when the test says so. */
function counted() {
  const answers: ((fails?: boolean) => void)[] = []
  const ask = () =>
    new Promise<number>((resolve, reject) => {
      const count = answers.length + 1
      answers.push(fails => (fails ? reject(new Error(`ask ${count}`)) : resolve(count)))
    })
  return { answers, ask }
}

test('whoever comes while something is asked is told by the next asking, all of them by one', async () => {
  const { answers, ask } = counted()
  const shared = buildSharedAsks<number>()
  const [first, second, third, other] = [shared('a', ask), shared('a', ask), shared('a', ask), shared('b', ask)]
  expect(answers).toHaveLength(2) // the first of each key
  answers[0]!()
  expect(await first).toBe(1)
  expect(answers).toHaveLength(3)
  const late = shared('a', ask)
  answers[1]!()
  answers[2]!()
  expect([await second, await third, await other]).toEqual([3, 3, 2])
  expect(answers).toHaveLength(4)
  answers[3]!()
  expect(await late).toBe(4)
})

test('an asking that fails is nobody else’s', async () => {
  const { answers, ask } = counted()
  const shared = buildSharedAsks<number>()
  const [first, second] = [shared('a', ask), shared('a', ask)]
  answers[0]!(true)
  await expect(first).rejects.toThrow('ask 1')
  answers[1]!()
  expect(await second).toBe(2)
  const afresh = shared('a', ask)
  answers[2]!()
  expect(await afresh).toBe(3)
})
