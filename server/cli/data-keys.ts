/** `npm run data-keys -- status | rotate`: with which data key things are sealed, and sealing them anew with the newest. */
import { countSeals, rotateSeals } from '../features/data-keys/service.ts'
import { readSettings } from '../settings.ts'
import { readArguments, runCommand, say, withData, wrongArguments, type CommandContext } from './command.ts'

const usage = `npm run data-keys -- status
npm run data-keys -- rotate

  status   how many rows of each table are sealed with DATA_KEY, with one of DATA_KEY_OLD, with neither
  rotate   seals everything with DATA_KEY. May run while the service works, and again where it was interrupted

Exit code 0: everything is sealed with DATA_KEY. 1: something is not.
`

await runCommand(async argv => {
  const { positionals } = readArguments(argv, usage, { allowPositionals: true, options: {} })
  const [action, ...rest] = positionals
  if (rest.length > 0) throw wrongArguments(`There is too much: ${rest.join(' ')}`, usage)
  switch (action) {
    case 'status':
      return await withData(showStatus)
    case 'rotate':
      return await withData(rotate)
    default:
      throw wrongArguments('Say status or rotate', usage)
  }
})

async function showStatus({ pool }: CommandContext): Promise<number> {
  const counts = await countSeals(pool, readSettings())
  process.stdout.write('where\tDATA_KEY\tDATA_KEY_OLD\tneither\n')
  for (const { where, newest, former, unknown } of counts) {
    process.stdout.write(`${[where, newest, former, unknown].join('\t')}\n`)
  }
  return counts.every(({ former, unknown }) => former + unknown === 0) ? 0 : 1
}

async function rotate({ pool, vault, signal }: CommandContext): Promise<number> {
  const { done, left } = await rotateSeals(pool, {
    vault,
    isStopped: () => signal.aborted,
    onProgress: (where, count, total) => say(`${where}: ${count} of ${total}`),
  })
  process.stdout.write(`${done} rows were sealed anew, ${left} are not sealed with DATA_KEY\n`)
  if (left > 0 && !signal.aborted) {
    say(
      'What is left was sealed with a key that neither DATA_KEY nor DATA_KEY_OLD names, or came just now: run it again.',
    )
  }
  return left === 0 ? 0 : 1
}
