import { expect, test } from 'vitest'
import { buildGatheredLookups, buildSharedAsks } from '../../server/lib/gathered-asks.ts'

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

/** Lookups that are answered when the test says so: each key is found in capitals, but `none`. */
function listed() {
  const asked: string[][] = []
  const answers: ((fails?: boolean) => void)[] = []
  const lookUp = (keys: readonly string[]) =>
    new Promise<Map<string, string>>((resolve, reject) => {
      const count = asked.push([...keys])
      const found = new Map(keys.filter(key => key !== 'none').map(key => [key, key.toUpperCase()]))
      answers.push(fails => (fails ? reject(new Error(`lookup ${count}`)) : resolve(found)))
    })
  return { asked, answers, lookUp }
}

test('keys of those who come while lookups are under way are looked up together, and each is told of his own', async () => {
  const { asked, answers, lookUp } = listed()
  const gathered = buildGatheredLookups<string>(2)
  const [first, second] = [gathered(['a'], lookUp), gathered(['b'], lookUp)]
  const [third, fourth] = [gathered(['a', 'c'], lookUp), gathered(['d', 'none', 'c'], lookUp)]
  expect(asked).toEqual([['a'], ['b']])
  answers[1]!()
  expect([...(await second)]).toEqual([['b', 'B']])
  expect(asked).toEqual([['a'], ['b'], ['a', 'c', 'd', 'none']]) // afresh, though somebody asks for a
  const late = gathered(['c'], lookUp)
  expect(asked).toHaveLength(3)
  answers[2]!()
  expect([...(await third)]).toEqual([
    ['a', 'A'],
    ['c', 'C'],
  ])
  expect([...(await fourth)]).toEqual([
    ['d', 'D'],
    ['c', 'C'],
  ])
  expect(asked.at(-1)).toEqual(['c'])
  answers[0]!()
  answers[3]!()
  expect([...(await first)]).toEqual([['a', 'A']])
  expect([...(await late)]).toEqual([['c', 'C']])
})

test('a lookup that fails fails for those whose keys it had alone', async () => {
  const { asked, answers, lookUp } = listed()
  const gathered = buildGatheredLookups<string>(1)
  const [first, second, third] = ['a', 'b', 'c'].map(key => gathered([key], lookUp))
  answers[0]!(true)
  await expect(first).rejects.toThrow('lookup 1')
  expect(asked).toEqual([['a'], ['b', 'c']])
  answers[1]!(true)
  await expect(second).rejects.toThrow('lookup 2')
  await expect(third).rejects.toThrow('lookup 2')
  const afresh = gathered(['a'], lookUp)
  answers[2]!()
  expect((await afresh).get('a')).toBe('A')
  expect([...(await gathered([], lookUp))]).toEqual([])
  expect(asked).toHaveLength(3)
})
