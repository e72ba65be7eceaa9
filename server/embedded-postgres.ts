import { mkdir, realpath } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import { isDatabaseAway } from './database.ts'
import { installedNativeDir, prepareBinaries } from './embedded-postgres/binaries.ts'
import type { Cluster, ClusterState } from './embedded-postgres/cluster.ts'
import {
  clusterDirOf,
  findCluster,
  initialiseCluster,
  ownerRole,
  placeCluster,
  readState,
  requireSameMajorVersion,
  writeState,
} from './embedded-postgres/cluster.ts'
import { explainFileRefusal } from './embedded-postgres/errors.ts'
import type { OwnerLock } from './embedded-postgres/owner-lock.ts'
import { acquireOwnerLock, isOwned } from './embedded-postgres/owner-lock.ts'
import type { ServerPlan } from './embedded-postgres/server-process.ts'
import { adoptServer, launchServer, readyPort, rotateLog } from './embedded-postgres/server-process.ts'
import { superviseServer } from './embedded-postgres/supervisor.ts'
import { archiveSettings, prepareArchive } from './embedded-postgres/wal-archive.ts'

export { EmbeddedPostgresError } from './embedded-postgres/errors.ts'
export type { EmbeddedPostgresErrorCode } from './embedded-postgres/errors.ts'

/** A PostgreSQL server of our own, on 127.0.0.1 only. */
export interface EmbeddedPostgres {
  /** `postgres://…` for the owner, to the service's database. */
  url: string
  /** The same to the database `postgres`, for what cannot be done from within a database. */
  adminUrl: string
  port: number
  /** Where the data is: `<dataDir>/postgres`, or elsewhere if root's data folder is closed to the server's user. */
  clusterDir: string
  /** Stops the server and gives the folder free. May be called more than once. */
  stop(): Promise<void>
}

export interface EmbeddedPostgresOptions {
  /** DATA_DIR. Made if it is missing. */
  dataDir: string
  /** The service's database, made if it is missing; `daogou` unless told. */
  database?: string
  log?: (message: string) => void
  /** More server settings, over ours. Tests turn `fsync` off. */
  settings?: Record<string, string>
  /** How long a start may take, crash recovery included; 120 000 unless told. */
  startTimeoutMs?: number
  /** The folder with the server's bin, lib and share; that of the installed platform package unless told. */
  nativeDir?: string
  /** Where its write-ahead log is archived; nowhere unless told. */
  archive?: string | null
}

const databaseDefault = 'daogou'
const startTimeoutMsDefault = 120_000
const ownersStartMs = 15_000

/**
 * Starts the server under `dataDir`, or adopts the one that a killed service left running, and keeps it running.
 *
 * @throws EmbeddedPostgresError whose message says what to do. `embedded.in_use`: another live service has the folder
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  try {
    const dataDir = await makeDataDir(options.dataDir)
    const locks = [await acquireOwnerLock(dataDir)]
    try {
      return await startOwned(dataDir, options, locks)
    } catch (error) {
      await releaseAll(locks)
      throw error
    }
  } catch (error) {
    throw explainFileRefusal(error, options.dataDir)
  }
}

/**
 * The URL of the server that a live service runs in this folder, or null: command line tools (import, audit, keys)
 * talk to it instead of starting their own. If that service is just starting, its server is waited for.
 *
 * @throws EmbeddedPostgresError `embedded.not_permitted` for a user who may not read the password
 */
export async function findRunningEmbeddedPostgres(
  dataDir: string,
  database: string = databaseDefault,
): Promise<{ url: string } | null> {
  try {
    const folder = await realpath(dataDir).catch(() => resolve(dataDir))
    const deadline = Date.now() + ownersStartMs
    while (await isOwned(folder)) {
      const state = await readState(folder)
      const port = state && (await readyPort(clusterDirOf(folder, state)))
      if (port) return { url: urlOf(state, port, database) }
      if (Date.now() > deadline) return null
      await delay(100)
    }
    return null
  } catch (error) {
    throw explainFileRefusal(error, dataDir)
  }
}

async function startOwned(
  dataDir: string,
  options: EmbeddedPostgresOptions,
  locks: OwnerLock[],
): Promise<EmbeddedPostgres> {
  const { database = databaseDefault, log = () => undefined, archive = null } = options
  const settings = { ...(archive === null ? {} : archiveSettings(archive)), ...options.settings }
  const found = await findCluster(dataDir)
  const cluster = found ?? (await placeCluster(dataDir, log))
  const home = dirname(cluster.dir)
  if (home !== dataDir) locks.push(await acquireOwnerLock(home)) // a copied data folder points to the same cluster
  const binaries = await prepareBinaries(options.nativeDir ?? installedNativeDir(), cluster.account, dataDir)
  if (found === null) await initialiseCluster(cluster, binaries, settings['fsync'] !== 'off')
  await requireSameMajorVersion(cluster, binaries)
  if (archive !== null) await prepareArchive(archive, cluster.account)

  const stopping = new AbortController()
  const plan: ServerPlan = {
    binaries,
    account: cluster.account,
    clusterDir: cluster.dir,
    logFile: join(dataDir, 'postgres.log'),
    settings,
    startTimeoutMs: options.startTimeoutMs ?? startTimeoutMsDefault,
    log,
    signal: stopping.signal,
  }
  const server = (await adoptServer(plan)) ?? (await launchFirst(plan, cluster))
  const supervision = superviseServer(server, plan, stopping, () => releaseAll(locks))
  try {
    await rememberStart(dataDir, cluster.state, server.port)
    await ensureDatabase(urlOf(cluster.state, server.port, 'postgres'), database, plan.startTimeoutMs)
  } catch (error) {
    await supervision.stop()
    throw error
  }
  return {
    url: urlOf(cluster.state, server.port, database),
    adminUrl: urlOf(cluster.state, server.port, 'postgres'),
    port: server.port,
    clusterDir: cluster.dir,
    stop: supervision.stop,
  }
}

async function releaseAll(locks: OwnerLock[]): Promise<void> {
  for (const lock of locks) await lock.release()
}

async function launchFirst(plan: ServerPlan, cluster: Cluster): ReturnType<typeof launchServer> {
  await rotateLog(plan.logFile)
  return launchServer(plan, () => freePort(cluster.state.port))
}

/** The real path: two names of one folder must not look like two folders. */
async function makeDataDir(dataDir: string): Promise<string> {
  await mkdir(dataDir, { recursive: true })
  return realpath(dataDir)
}

async function rememberStart(dataDir: string, state: ClusterState, port: number): Promise<void> {
  if (state.port !== port || !state.mayHoldData) await writeState(dataDir, { ...state, port, mayHoldData: true })
}

/** The port of the last time if it is free, otherwise any. */
export async function freePort(last: number | null = null): Promise<number> {
  return (last !== null ? await tryPort(last) : null) ?? (await tryPort(0)) ?? 0
}

async function tryPort(port: number): Promise<number | null> {
  const probe = createServer()
  return new Promise(done => {
    probe.once('error', () => done(null))
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = probe.address()
      const bound = typeof address === 'object' && address !== null ? address.port : null
      probe.close(() => done(bound))
    })
  })
}

/** A server that was adopted may be ending at that moment; its supervision starts it again. */
async function ensureDatabase(adminUrl: string, database: string, timeoutMs: number): Promise<void> {
  const until = performance.now() + timeoutMs
  const sql = postgres(adminUrl, { max: 1, onnotice: () => undefined })
  try {
    for (;;) {
      try {
        const found = await sql`SELECT 1 FROM pg_database WHERE datname = ${database}`
        if (found.length === 0) await sql`CREATE DATABASE ${sql(database)}`
        return
      } catch (error) {
        if (!isDatabaseAway(error) || performance.now() > until) throw error
        await delay(50)
      }
    }
  } finally {
    await sql.end()
  }
}

function urlOf(state: ClusterState, port: number, database: string): string {
  return `postgres://${ownerRole}:${state.password}@127.0.0.1:${port}/${encodeURIComponent(database)}`
}
