/** `npm run bench`: every figure, one after the other, and one table of them. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readArguments, runCommand, say, wrongArguments } from '../server/cli/command.ts'
import { figures } from './figures.ts'
import { startBench, type Bench } from './lib/bench.ts'
import { isWithin, type Figure } from './lib/figure.ts'
import { describeMachine } from './lib/machine.ts'
import { tableOf, type Result } from './lib/table.ts'

const usage = `npm run bench [-- --only NAME,… --orders N --data-dir DIR]

  --only     these figures alone: ${figures.map(figure => figure.name).join(', ')}
  --orders   how many orders the brand has that figures share; default 500000, about 1,000,000 lines
  --data-dir an embedded data directory with a brand in it: cards and views are read there, and it is written to

The numbers are also kept in bench/results. Exit code 1: a figure failed or missed its limit.
`

await runCommand(async argv => {
  const { values } = readArguments(argv, usage, {
    options: {
      only: { type: 'string' },
      orders: { type: 'string', default: '500000' },
      'data-dir': { type: 'string' },
    },
  })
  const names = values.only?.split(',')
  const unknown = (names ?? []).filter(name => !figures.some(figure => figure.name === name))
  if (unknown.length > 0) throw wrongArguments(`There is no figure ${unknown.join(', ')}`, usage)
  const orders = Number(values.orders)
  if (!/^\d+$/.test(values.orders) || orders < 1) throw wrongArguments('--orders must be a whole number', usage)
  const wanted = figures.filter(figure => names?.includes(figure.name) ?? true)

  const givenDir = values['data-dir']
  const bench = await startBench({ orders, ...(givenDir === undefined ? {} : { givenDir }) })
  const end = () => void bench.close().then(() => process.exit(1))
  process.once('SIGINT', end).once('SIGTERM', end)
  try {
    const machine = await describeMachine({ dataDir: bench.dataDir, databaseUrl: await bench.emptyDatabase() })
    const results: Result[] = []
    for (const figure of wanted) results.push(await measure(figure, bench))
    process.stdout.write(tableOf(machine, results))
    keep({ at: new Date().toISOString(), machine, results })
    return results.every(({ measured }) => measured !== null && isWithin(measured) !== false) ? 0 : 1
  } finally {
    await bench.close()
  }
})

async function measure({ name, measures, run }: Figure, bench: Bench): Promise<Result> {
  say(`${name}: ${measures}`)
  try {
    return { figure: { name, measures }, measured: await run(bench) }
  } catch (error) {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error))
    return { figure: { name, measures }, measured: null, error: error instanceof Error ? error.message : String(error) }
  }
}

function keep(run: { at: string } & Record<string, unknown>): void {
  const folder = join(import.meta.dirname, 'results')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${run.at.replaceAll(':', '-')}.json`), `${JSON.stringify(run, null, 2)}\n`)
}
