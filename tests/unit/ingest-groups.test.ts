import { expect, test } from 'vitest'
import { buildGroups } from '../../server/features/ingest/groups.ts'

/** Work that is done when the test says so. */
function heldGroups(options: { most: number; fails?: (tasks: readonly string[]) => Error | null }) {
  const underWay: { tasks: readonly string[]; finish: () => void }[] = []
  const run = buildGroups<string, string>({
    most: options.most,
    work: tasks =>
      new Promise((resolve, reject) => {
        const error = options.fails?.(tasks)
        const finish = () => (error ? reject(error) : resolve(tasks.map(task => `${task} done`)))
        underWay.push({ tasks, finish })
      }),
  })
  const settle = () => new Promise(resolve => setImmediate(resolve))
  return {
    underWay,
    run,
    settle,
    async finishAll() {
      for (let next = underWay.shift(); next; next = underWay.shift()) {
        next.finish()
        await settle()
      }
    },
  }
}

test('what comes alone goes at once, what comes meanwhile goes together, in its sequence and no more than may', async () => {
  const { underWay, run, settle, finishAll } = heldGroups({ most: 3 })
  const answers = ['a', 'b', 'c', 'd', 'e'].map(task => run('key', task, 1))
  const large = run('key', 'large', 9)
  const last = run('key', 'last', 1)
  const other = run('other', 'x', 1)
  expect(underWay.map(({ tasks }) => tasks)).toEqual([['a'], ['b'], ['x']])
  underWay[0]!.finish()
  await settle()
  expect(underWay.at(-1)!.tasks).toEqual(['c', 'd', 'e'])
  underWay[1]!.finish()
  await settle()
  expect(underWay.at(-1)!.tasks).toEqual(['large'])
  await finishAll()
  expect(await Promise.all([...answers, large, last, other])).toEqual(
    ['a', 'b', 'c', 'd', 'e', 'large', 'last', 'x'].map(task => `${task} done`),
  )
})

test('where a group fails each is done by itself, unless the database is away', async () => {
  const wrong = new Error('wrong')
  const { run, finishAll } = heldGroups({ most: 9, fails: tasks => (tasks.includes('bad') ? wrong : null) })
  const [, , good, bad, after] = ['a', 'b', 'good', 'bad', 'after'].map(task => run('key', task, 1))
  const refused = expect(bad).rejects.toBe(wrong)
  await finishAll()
  expect(await Promise.all([good, after])).toEqual(['good done', 'after done'])
  await refused

  const away = Object.assign(new Error('away'), { code: 'CONNECTION_CLOSED' })
  const held = heldGroups({ most: 9, fails: tasks => (tasks.length > 1 ? away : null) })
  const waiting = ['a', 'b', 'c', 'd'].map(task => held.run('key', task, 1))
  const outcomes = Promise.allSettled(waiting)
  await held.finishAll()
  expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected'])
})
