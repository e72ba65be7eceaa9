import { mkdir, readdir, readFile, realpath, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import postgres from 'postgres'
import { formatInstant, type Instant } from '../lib/time.ts'
import { giveTo } from './account.ts'
import { installedNativeDir, prepareBinaries } from './binaries.ts'
import { ownerRole, placeCluster, requireSameMajorVersion, writeState, type Cluster } from './cluster.ts'
import { EmbeddedPostgresError, explainFileRefusal } from './errors.ts'
import { copyVerified, isVacant, listBackups, readManifest, writeHashed, type Manifest } from './manifest.ts'
import { acquireOwnerLock } from './owner-lock.ts'
import { launchServer, shutDown, type ServerPlan } from './server-process.ts'
import { fetchCommand } from './wal-archive.ts'

const RECOVERY_MS = 24 * 60 * 60_000

export interface RestoreOptions {
  /** A backup, or a folder of them: then the newest that ended before the point in time. */
  from: string
  /** Made; must not hold anything. */
  dataDir: string
  /** Where pieces of the write-ahead log were archived; without it the backup alone is restored. */
  archive: string | null
  /** Everything that was committed until then, and nothing later; null: all that there is. */
  toTime: Instant | null
  /** Any port that is free, for as long as it recovers. */
  port: () => Promise<number>
  /** More server settings while it recovers. Tests turn `fsync` off. */
  settings?: Record<string, string>
  log: (message: string) => void
}

export interface Restored {
  backup: string
  /** Of the last transaction that is there; null: none came after the backup. */
  lastCommitAt: string | null
}

/**
 * Makes a data folder out of a backup and what was archived since. The server replays the log alone, on its own port;
 * then it is stopped, and the folder is as one that a service left. The history that begins so has a number of its own,
 * so what it archives meets nothing that was archived before.
 *
 * @throws EmbeddedPostgresError; then nothing is left of it
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { toTime, log } = options
  if (!(await isVacant(options.dataDir))) {
    throw new EmbeddedPostgresError(
      'embedded.not_empty',
      `${options.dataDir} holds something. Nothing is restored over it: set DATA_DIR to a new folder, or move this one away.`,
    )
  }
  const { path: backup, manifest } = await chooseBackup(options.from, toTime)
  try {
    await mkdir(options.dataDir, { recursive: true })
    const dataDir = await realpath(options.dataDir)
    const lock = await acquireOwnerLock(dataDir)
    let cluster: Cluster | null = null
    try {
      cluster = await placeCluster(dataDir, log)
      await layOut(backup, manifest, dataDir, cluster)
      const lastCommitAt = await recover({ ...options, dataDir, cluster })
      await writeState(dataDir, { ...cluster.state, mayHoldData: true })
      return { backup, lastCommitAt }
    } catch (error) {
      if (cluster) await rm(cluster.dir, { recursive: true, force: true })
      for (const made of await readdir(dataDir)) await rm(join(dataDir, made), { recursive: true, force: true })
      throw error
    } finally {
      await lock.release()
    }
  } catch (error) {
    throw explainFileRefusal(error, options.dataDir)
  }
}

async function chooseBackup(from: string, toTime: Instant | null): Promise<{ path: string; manifest: Manifest }> {
  const path = resolve(from)
  const own = await readManifest(path)
  const all = own ? [{ path, manifest: own }] : await listBackups(path)
  const chosen = all.findLast(({ manifest }) => toTime === null || Date.parse(manifest.endedAt) <= toTime)
  if (chosen) return chosen
  const earliest = all[0]?.manifest.endedAt
  throw new EmbeddedPostgresError(
    'embedded.no_backup',
    earliest === undefined
      ? `There is no finished backup in ${path}.`
      : `No backup in ${path} is older than that: the earliest point in time is ${earliest}.`,
  )
}

/** Without a `T` and a `Z`: so early in its start the server does not know the names of zones. */
const pointOf = (instant: Instant): string => formatInstant(instant).replace('T', ' ').replace('Z', '+00')

/** Puts cluster and keys where they belong. A folder with the cluster's name is a whole one. */
async function layOut(backup: string, manifest: Manifest, dataDir: string, cluster: Cluster): Promise<void> {
  const draft = `${cluster.dir}.new`
  await rm(draft, { recursive: true, force: true })
  await mkdir(draft, { mode: 0o700 })
  for (const folder of manifest.folders) await mkdir(join(draft, folder), { recursive: true, mode: 0o700 })
  const inCluster = manifest.files.filter(({ path }) => path.startsWith('postgres/'))
  await copyVerified(backup, inCluster, path => join(draft, path.slice('postgres/'.length)))
  await writeHashed(join(draft, 'recovery.signal'), '')
  await giveTo(cluster.account, draft)
  await rename(draft, cluster.dir)
  const keys = manifest.files.filter(({ path }) => path.startsWith('keys/'))
  await copyVerified(backup, keys, path => join(dataDir, path))
  const before = JSON.parse(await readFile(join(backup, 'embedded-postgres.json'), 'utf8')) as { password: string }
  cluster.state.password = before.password
  await writeState(dataDir, cluster.state)
}

/** @returns when the last transaction that was replayed was committed */
async function recover(options: RestoreOptions & { cluster: Cluster }): Promise<string | null> {
  const { dataDir, cluster, archive, toTime, log } = options
  const binaries = await prepareBinaries(installedNativeDir(), cluster.account, dataDir)
  await requireSameMajorVersion(cluster, binaries)
  const plan: ServerPlan = {
    binaries,
    account: cluster.account,
    clusterDir: cluster.dir,
    logFile: join(dataDir, 'postgres.log'),
    settings: {
      hot_standby: 'off', // it is ready when it has recovered, and not before
      archive_mode: 'off',
      restore_command: fetchCommand(archive),
      recovery_target_timeline: 'current',
      recovery_target_action: 'promote',
      ...(toTime === null ? {} : { recovery_target_time: pointOf(toTime) }),
      ...options.settings,
    },
    startTimeoutMs: RECOVERY_MS,
    log,
    signal: new AbortController().signal,
  }
  const server = await launchServer(plan, options.port)
  try {
    const url = `postgres://${ownerRole}:${cluster.state.password}@127.0.0.1:${server.port}/postgres`
    const sql = postgres(url, { max: 1, onnotice: () => undefined })
    try {
      const [row] = await sql<{ at: Date | null }[]>`SELECT pg_last_xact_replay_timestamp() AS at`
      return row!.at?.toISOString() ?? null
    } finally {
      await sql.end()
    }
  } finally {
    await shutDown(server, plan)
    await announceHistory(cluster)
  }
}

/**
 * The history file that recovery wrote is to be archived when there is an archive again: by it the next restore sees that
 * the number of this history is taken.
 */
async function announceHistory(cluster: Cluster): Promise<void> {
  const log = join(cluster.dir, 'pg_wal')
  const newest = (await readdir(log)).filter(name => /^[0-9A-F]{8}\.history$/.test(name)).sort().at(-1) // prettier-ignore
  if (newest === undefined) return
  const sign = join(log, 'archive_status', `${basename(newest)}.ready`)
  await writeHashed(sign, '').catch(() => {}) // it is there already
  await giveTo(cluster.account, dirname(sign))
}
