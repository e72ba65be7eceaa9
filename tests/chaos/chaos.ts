import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { randomOf } from '../builders/histories.ts'
import { call, freePort, settle, tell } from '../support/service-process.ts'
import { runClients } from './clients.ts'
import { Journal } from './journal.ts'
import { Machine, type Ready } from './machine.ts'
import { ALLOWED_REDIRECTS, BINDING, FAR_PLAN, MASTER, planOf } from './stories.ts'
import { judge } from './verdict.ts'

/** Kills the service and its database while many write, and then holds the database against what they were answered. */

/** How long the service may take to be ready after it or its database was started again, on a machine of its own. */
const READY_MS = 5000
/** The most that a kill waits for answers. */
const ANSWERS_MS = 10_000

export interface Report {
  /** What and how much, to be shown. */
  table: [name: string, value: string][]
  /** What does not hold; empty where everything does. */
  faults: string[]
}

interface Kill {
  what: 'service' | 'database'
  /** Since the last one is ready; or, where it is early, since it was started. */
  afterMs: number
  /** How many more answers there are to be before, so that a slow machine comes to do something too. */
  afterAnswers: number
  isEarly: boolean
}

/**
 * @param options.bundle the built service
 * @param options.log hears now and then how far it is
 */
export async function runChaos(options: {
  seed: number
  serviceKills: number
  databaseKills: number
  bundle: string
  log?: (line: string) => void
}): Promise<Report> {
  const { seed, bundle, log = () => {} } = options
  const began = performance.now()
  const folder = await mkdtemp(join(tmpdir(), 'daogou-chaos-'))
  await chmod(folder, 0o711) // as root, the database runs as another user
  const journal = new Journal(join(folder, 'journal.jsonl'))
  const port = await freePort()
  const machine = new Machine({
    dataDir: join(folder, 'data'),
    bundle,
    port,
    env: { DATA_DIR: join(folder, 'data'), ALLOWED_REDIRECTS },
    outages: journal.outages,
  })
  const url = `http://127.0.0.1:${port}`
  let faults: string[] | null = null
  try {
    await machine.start()
    await prepare(url)
    let isStopped = false
    const clients = runClients({ seed, url, journal, isStopped: () => isStopped })
    const kills = killsOf(options)
    for (const [i, kill] of kills.entries()) {
      if (!kill.isEarly) await machine.ready()
      const answers = journal.answered + kill.afterAnswers
      for (const until = performance.now() + ANSWERS_MS; journal.answered < answers && performance.now() < until;) {
        await sleep(5)
      }
      await sleep(kill.afterMs)
      await (kill.what === 'service' ? machine.killService() : machine.killDatabase())
      if (i % 10 === 9) log(`${i + 1} of ${kills.length} kills, ${journal.requests} requests`)
    }
    await machine.ready()
    await sleep(500)
    isStopped = true
    await clients
    const ran = performance.now() - began
    log(`all kills done, ${journal.requests} requests; now the verdict`)
    const verdict = await judge({ url, databaseUrl: machine.databaseUrl, journal })
    const slow = [...machine.serviceReady, ...machine.databaseReady].filter(
      ({ tookMs, crowd }) => tookMs / crowd > READY_MS,
    )
    faults = [
      ...journal.wrong.map(text => `wrong answer: ${text}`),
      ...verdict.lost.map(text => `lost: ${text}`),
      ...verdict.doubled.map(text => `doubled: ${text}`),
      ...verdict.changed.map(text => `changed: ${text}`),
      ...verdict.auditDifferences.map(text => `audit: ${text}`),
      ...verdict.settlementFaults.map(text => `settlement: ${text}`),
      ...(verdict.sumsDiffering > 0 ? [`${verdict.sumsDiffering} rows of sums differ`] : []),
      ...slow.map(ready => `ready only after ${takenText(ready)}`),
    ]
    const table: Report['table'] = [
      ['seed', String(seed)],
      ['kills of the service', `${options.serviceKills}, ${machine.killedStarting} of them while it was starting`],
      ['kills of the database', String(options.databaseKills)],
      ['starts of the service without a database', String(machine.endedAlone)],
      [
        'took',
        `${Math.round(ran / 1000)} s, and the verdict ${Math.round((performance.now() - began - ran) / 1000)} s`,
      ],
      ['requests', String(journal.requests)],
      ['answered', String(journal.answered)],
      ['unanswered', String(journal.unanswered)],
      ['refused while the database was away (503)', String(journal.refused)],
      ['items answered for', String(journal.itemsTaken)],
      ['clicks redirected', String(journal.clicksTaken)],
      ['plans, targets, settlements', `${journal.plans.size}, ${journal.targets.size}, ${journal.settlements.size}`],
      ['answers that should not be', String(journal.wrong.length)],
      ['all booked after the last kill', `${(verdict.bookedMs / 1000).toFixed(1)} s`],
      ['lost', String(verdict.lost.length)],
      ['doubled', String(verdict.doubled.length)],
      ['changed', String(verdict.changed.length)],
      ['audit: differences, orders checked', `${verdict.auditDifferences.length}, ${verdict.auditedOrders}`],
      ['settlements: faults, rows settled', `${verdict.settlementFaults.length}, ${verdict.settledRows}`],
      ['sums: rows differing, days', `${verdict.sumsDiffering}, ${verdict.sumDays}`],
      ['ready after a kill of the service', readyText(machine.serviceReady)],
      ['ready after a kill of the database', readyText(machine.databaseReady)],
    ]
    return { table, faults: faults.length === 0 ? [] : [...faults, `see ${folder}`] }
  } finally {
    await machine.stop()
    await journal.close()
    if (faults?.length === 0) await rm(folder, { recursive: true, force: true })
    else await writeFile(join(folder, 'service.log'), machine.output.join(''))
  }
}

/** The same seed kills at the same moments. */
function killsOf(options: { seed: number; serviceKills: number; databaseKills: number }): Kill[] {
  const { seed, serviceKills, databaseKills } = options
  const random = randomOf(seed * 41)
  const kills = [
    ...Array.from({ length: serviceKills }, () => ({ what: 'service' as const, at: random() })),
    ...Array.from({ length: databaseKills }, () => ({ what: 'database' as const, at: random() })),
  ].sort((a, b) => a.at - b.at)
  return kills.map(({ what }): Kill => {
    const draw = random()
    const isEarly = draw < 0.15
    const isSoon = draw < 0.3
    return {
      what,
      isEarly,
      afterMs: Math.floor(random() * (isEarly ? 800 : isSoon ? 50 : 1000)),
      afterAnswers: isSoon ? 0 : Math.floor(random() * 40),
    }
  })
}

async function prepare(url: string): Promise<void> {
  for (const plan of [planOf(1), FAR_PLAN]) {
    const { status } = await call({ url }, 'POST', '/plans', plan)
    if (status !== 201) throw new Error(`a plan: ${status}`)
  }
  for (const [kind, items] of MASTER) await tell({ url }, kind, items)
  const { status } = await call({ url }, 'PUT', '/settings/binding', BINDING)
  if (status !== 200) throw new Error(`the binding policy: ${status}`)
  await settle({ url })
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

function readyText(all: readonly Ready[]): string {
  if (all.length === 0) return 'never measured'
  const sorted = [...all].sort((a, b) => a.tookMs - b.tookMs)
  const median = sorted[Math.floor(sorted.length / 2)]!
  return `${takenText(median)} as a rule, ${takenText(sorted.at(-1)!)} at most`
}

const takenText = ({ tookMs, crowd }: Ready) =>
  seconds(tookMs) + (crowd < 1.5 ? '' : ` with ${crowd.toFixed(1)} at each processor`)

/** As lines of text. */
export function showTable(table: Report['table']): string {
  const width = Math.max(...table.map(([name]) => name.length))
  return table.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('')
}
