import { isDatabaseAway } from '../../database.ts'

/** How many groups of one kind and sender are under way at once: one in the database while another is prepared. */
const AT_ONCE = 2

interface Waiting<Task, Result> {
  task: Task
  size: number
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}

interface Queue<Task, Result> {
  waiting: Waiting<Task, Result>[]
  underWay: number
}

/**
 * Group commit: while what came before is under way the next ones gather, and go together, in the sequence in which they
 * came. Nothing waits for company: what comes alone goes at once.
 *
 * @param options.work does some tasks together, all or none of them, and gives what became of each. Where it fails for
 *   several, each is done by itself: who is wrong fails alone
 * @param options.most how large a group may be, by the sizes of its tasks; a larger one goes alone
 * @returns does a task, together with others of the same key
 */
export function buildGroups<Task, Result>(options: {
  work: (tasks: readonly Task[]) => Promise<readonly Result[]>
  most: number
}): (key: string, task: Task, size: number) => Promise<Result> {
  const { work, most } = options
  const queues = new Map<string, Queue<Task, Result>>()

  const alone = async ({ task, resolve, reject }: Waiting<Task, Result>) => {
    await work([task]).then(([result]) => resolve(result!), reject)
  }
  const together = async (group: readonly Waiting<Task, Result>[]) => {
    if (group.length === 1) return await alone(group[0]!)
    try {
      const results = await work(group.map(one => one.task))
      for (const [i, one] of group.entries()) one.resolve(results[i]!)
    } catch (error) {
      if (isDatabaseAway(error)) for (const one of group) one.reject(error)
      else for (const one of group) await alone(one)
    }
  }
  const run = async (key: string, queue: Queue<Task, Result>) => {
    queue.underWay++
    while (queue.waiting.length > 0) await together(takeGroup(queue.waiting, most))
    queue.underWay--
    if (queue.underWay === 0) queues.delete(key)
  }

  return (key, task, size) =>
    new Promise((resolve, reject) => {
      let queue = queues.get(key)
      if (!queue) queues.set(key, (queue = { waiting: [], underWay: 0 }))
      queue.waiting.push({ task, size, resolve, reject })
      if (queue.underWay < AT_ONCE) void run(key, queue)
    })
}

/** Takes the first ones, as many as go together. */
function takeGroup<T extends { size: number }>(waiting: T[], most: number): T[] {
  let size = waiting[0]!.size
  let count = 1
  while (count < waiting.length && size + waiting[count]!.size <= most) size += waiting[count++]!.size
  return waiting.splice(0, count)
}
