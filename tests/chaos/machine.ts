import { readdir, readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../server/embedded-postgres.ts'
import {
  hasEnded,
  isReady,
  killService,
  runService,
  SERVICE_SETTINGS,
  type ServiceProcess,
} from '../support/service-process.ts'
import type { Outage } from './journal.ts'

/** The service and its database, each of which can be killed and is started again at once. */

/** How long after the database is back a connection of the service's pool may still wait to try again. */
const CONNECTIONS_MS = 2000
/** After how long a service that ended by itself is started again. */
const PAUSE_MS = 100
const POLL_MS = 10

export interface Ready {
  /** From the start of the process until the service can work. */
  tookMs: number
  /** By how much the machine is slower than one that does nothing else: how many wanted each of its processors. */
  crowd: number
}

export class Machine {
  readonly databaseReady: Ready[] = []
  readonly serviceReady: Ready[] = []
  /** How often the service was killed before it could work. */
  killedStarting = 0
  /** How often it ended because there was no database when it started. */
  endedAlone = 0
  /** What it wrote, the last part of each process. */
  readonly output: string[] = []
  readonly #dataDir: string
  readonly #bundle: string
  readonly #port: number
  readonly #env: Record<string, string>
  readonly #outages: Outage[]
  #database: EmbeddedPostgres | null = null
  #service: ServiceProcess | null = null
  /** Settles when the service that was started last can work, or is to be killed. */
  #becoming: Promise<void> = Promise.resolve()
  #isBecoming = false

  constructor(options: {
    dataDir: string
    bundle: string
    port: number
    env: Record<string, string>
    outages: Outage[]
  }) {
    this.#dataDir = options.dataDir
    this.#bundle = options.bundle
    this.#port = options.port
    this.#env = options.env
    this.#outages = options.outages
  }

  get databaseUrl(): string {
    return this.#database!.url
  }

  async start(): Promise<void> {
    this.#database = await startEmbeddedPostgres({ dataDir: this.#dataDir })
    this.#startService()
    await this.ready()
  }

  /** Until both can work. */
  async ready(): Promise<void> {
    while (this.#isBecoming) await this.#becoming
  }

  async killService(): Promise<void> {
    const service = this.#service!
    if (this.#isBecoming) this.killedStarting++
    this.#service = null
    await killService(service)
    this.output.push(service.output())
    this.#startService()
  }

  /** All of its processes at the same moment, as when a machine loses its power; then it is started again. */
  async killDatabase(): Promise<void> {
    const before = this.#database!
    const outage = { from: performance.now(), to: Infinity }
    this.#outages.push(outage)
    await killPostgres(before.clusterDir)
    await before.stop()
    const watch = new Stopwatch()
    const after = await startEmbeddedPostgres({ dataDir: this.#dataDir })
    if (after.url !== before.url) throw new Error('the database came back at another address')
    this.#database = after
    const service = this.#service
    while (service === this.#service && !hasEnded(service!) && !(await isReady(service!))) await watch.rest()
    // Where the service was starting it is its start that is measured.
    if (!this.#isBecoming) this.databaseReady.push(watch.read())
    outage.to = performance.now() + CONNECTIONS_MS
  }

  async stop(): Promise<void> {
    const service = this.#service
    this.#service = null
    if (service) {
      await killService(service)
      this.output.push(service.output())
    }
    await this.#database?.stop()
  }

  #startService(): void {
    this.#isBecoming = true
    this.#becoming = this.#become()
  }

  async #become(): Promise<void> {
    const env = { ...SERVICE_SETTINGS, ...this.#env, DATABASE_URL: this.databaseUrl, PORT: String(this.#port) }
    const watch = new Stopwatch()
    const service = runService(this.#bundle, env, `http://127.0.0.1:${this.#port}`)
    this.#service = service
    while (!(await isReady(service))) {
      if (this.#service !== service) return
      if (hasEnded(service)) {
        this.endedAlone++
        this.output.push(service.output())
        await sleep(PAUSE_MS)
        if (this.#service === service) this.#startService()
        return
      }
      await watch.rest()
    }
    if (this.#service !== service) return
    this.serviceReady.push(watch.read())
    this.#isBecoming = false
  }
}

/** The postmaster is stopped first, so that it starts nobody while its children are looked for. */
async function killPostgres(clusterDir: string): Promise<void> {
  const [line] = (await readFile(join(clusterDir, 'postmaster.pid'), 'utf8')).split('\n')
  const postmaster = Number(line)
  process.kill(postmaster, 'SIGSTOP')
  const family = [postmaster, ...(await childrenOf(postmaster))]
  for (const pid of family) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // it has just ended
    }
  }
}

async function childrenOf(parent: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name)).map(Number)
  const parents = await Promise.all(
    pids.map(async pid => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    }),
  )
  return pids.filter((_, i) => parents[i] === parent)
}

class Stopwatch {
  readonly #began = performance.now()
  #running = 0
  #looks = 0

  async rest(): Promise<void> {
    await sleep(POLL_MS)
    const [, , , processes] = await readFile('/proc/loadavg', 'utf8').then(
      text => text.split(' '),
      () => [],
    )
    this.#running += Number(processes?.split('/')[0] ?? 0)
    this.#looks++
  }

  read(): Ready {
    const running = this.#looks === 0 ? 0 : this.#running / this.#looks
    return { tookMs: performance.now() - this.#began, crowd: Math.max(1, running / availableParallelism()) }
  }
}
