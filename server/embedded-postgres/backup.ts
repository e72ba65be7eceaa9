import { mkdir, readFile, readdir, rename, rm } from 'node:fs/promises'
import { join, relative, resolve, sep } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import { clusterDirOf, readState } from './cluster.ts'
import { EmbeddedPostgresError, explainFileRefusal } from './errors.ts'
import {
  copyHashed,
  forEach,
  listBackups,
  verifyBackup,
  writeHashed,
  writeManifest,
  type CopiedFile,
  type Manifest,
} from './manifest.ts'
import { forgetPiecesBefore } from './wal-archive.ts'

export interface BackupOptions {
  dataDir: string
  /** The running server, as its owner; any database of it. */
  url: string
  /** Where backups are; this one becomes a folder in it. */
  to: string
  /** How many are left there. */
  keep: number
  /** Where pieces of the write-ahead log are archived: those that no backup left needs go. */
  archive: string | null
  log: (message: string) => void
}

export interface MadeBackup {
  path: string
  manifest: Manifest
  removed: { backups: number; pieces: number }
}

/** What is in them is made anew at each start, or belongs to the running server alone. */
const EMPTIED = new Set(['pg_dynshmem', 'pg_notify', 'pg_replslot', 'pg_serial', 'pg_snapshots', 'pg_stat_tmp', 'pg_subtrans', 'pg_wal']) // prettier-ignore
const LEFT_OUT = /^(?:postmaster\.(?:pid|opts)|pgsql_tmp.*|pg_internal\.init.*|backup_label.*|tablespace_map.*|recovery\.signal|standby\.signal)$/ // prettier-ignore
const CONTROL_FILE = 'global/pg_control'

/**
 * A copy of a data folder that can be started by itself, taken while the server works: the cluster, the pieces of its log
 * that make the copy consistent, the password, and the kept keys. Verified when it is written; only then are older ones
 * removed.
 *
 * @throws EmbeddedPostgresError
 */
export async function makeBackup(options: BackupOptions): Promise<MadeBackup> {
  const { dataDir, to, keep, archive } = options
  const state = await readState(dataDir)
  if (state === null) throw new EmbeddedPostgresError('embedded.state_missing', `There is no database in ${dataDir}.`)
  const clusterDir = clusterDirOf(dataDir, state)
  if (isInside(resolve(to), clusterDir)) {
    throw new EmbeddedPostgresError('embedded.not_permitted', `${to} is inside of the database itself.`)
  }
  try {
    await mkdir(to, { recursive: true, mode: 0o700 })
    const name = new Date().toISOString().replace(/[-:.]/g, '')
    const draft = join(to, `${name}.new`)
    await mkdir(draft, { mode: 0o700 })
    try {
      const manifest = await copyAll({ ...options, clusterDir, draft })
      await verifyBackup(draft, manifest)
      await writeManifest(draft, manifest)
      await rename(draft, join(to, name))
      return { path: join(to, name), manifest, removed: await rotate(to, keep, archive) }
    } catch (error) {
      await rm(draft, { recursive: true, force: true })
      throw error
    }
  } catch (error) {
    throw explainFileRefusal(error, to)
  }
}

async function copyAll(options: BackupOptions & { clusterDir: string; draft: string }): Promise<Manifest> {
  const { dataDir, clusterDir, draft, url } = options
  const startedAt = new Date().toISOString()
  const files: CopiedFile[] = []
  const copy = async (from: string, path: string) => {
    const copied = await copyHashed(from, join(draft, path), { isSynced: true })
    if (copied) files.push({ path, ...copied })
    return copied !== null
  }
  const pool = postgres(url, { max: 1, max_lifetime: null, idle_timeout: 0, onnotice: () => undefined })
  const sql = await pool.reserve()
  try {
    // Of the session alone: it keeps the log from being recycled until it is copied.
    await sql`SELECT pg_create_physical_replication_slot(${`daogou_backup_${process.pid}`}, true, true)`
    const [start] = await sql<{ lsn: string }[]>`SELECT pg_backup_start('daogou', fast => true)::text AS lsn`
    const [about] = await sql<{ firstPiece: string; systemId: string }[]>`
      SELECT pg_walfile_name(${start!.lsn}::pg_lsn) AS "firstPiece", system_identifier::text AS "systemId"
      FROM pg_control_system()`
    const { folders, paths } = await listCluster(clusterDir)
    for (const folder of folders) await mkdir(join(draft, 'postgres', folder), { recursive: true, mode: 0o700 })
    await forEach(paths, async path => {
      if (path !== CONTROL_FILE) await copy(join(clusterDir, path), `postgres/${path}`)
    })
    const control = await readSteady(join(clusterDir, CONTROL_FILE))
    const [stop] = await sql<{ piece: string; label: string }[]>`
      SELECT pg_walfile_name(lsn) AS piece, labelfile AS label FROM pg_backup_stop(wait_for_archive => false)`
    for (const [path, content] of [
      ['backup_label', stop!.label],
      [CONTROL_FILE, control],
    ] as const) {
      files.push({ path: `postgres/${path}`, ...(await writeHashed(join(draft, 'postgres', path), content)) })
    }
    const pieces = (await readdir(join(clusterDir, 'pg_wal'))).filter(
      name => (/^[0-9A-F]{24}$/.test(name) && name >= about!.firstPiece && name <= stop!.piece) || /^[0-9A-F]{8}\.history$/.test(name), // prettier-ignore
    )
    for (const piece of pieces) await copy(join(clusterDir, 'pg_wal', piece), `postgres/pg_wal/${piece}`)
    if (!pieces.includes(about!.firstPiece) || !pieces.includes(stop!.piece)) throw logIsGone()

    await copy(join(dataDir, 'embedded-postgres.json'), 'embedded-postgres.json')
    const keys = await readdir(join(dataDir, 'keys')).catch(() => [])
    await mkdir(join(draft, 'keys'), { mode: 0o700 })
    for (const key of keys) await copy(join(dataDir, 'keys', key), `keys/${key}`)
    return {
      format: 1,
      postgresVersion: (await readFile(join(clusterDir, 'PG_VERSION'), 'utf8')).trim(),
      ...about!,
      startedAt,
      endedAt: new Date().toISOString(),
      folders,
      files: files.sort((a, b) => (a.path < b.path ? -1 : 1)),
    }
  } finally {
    sql.release()
    await pool.end({ timeout: 5 }) // ends the session, and with it a backup that was not stopped
  }
}

/** What of a cluster is copied, by paths with `/` between. */
async function listCluster(clusterDir: string): Promise<{ folders: string[]; paths: string[] }> {
  const folders: string[] = ['pg_wal/archive_status']
  const paths: string[] = []
  for (const entry of await readdir(clusterDir, { recursive: true, withFileTypes: true })) {
    const path = relative(clusterDir, join(entry.parentPath, entry.name)).split(sep).join('/')
    const isEmptied = path.includes('/') && EMPTIED.has(path.split('/')[0]!)
    if (isEmptied || LEFT_OUT.test(entry.name)) continue
    if (entry.isDirectory()) folders.push(path)
    else if (entry.isFile()) paths.push(path)
  }
  return { folders, paths }
}

/** The server rewrites this file at any time: what two looks have seen alike was not read while it did. */
async function readSteady(path: string): Promise<Buffer> {
  for (let before = await readFile(path); ;) {
    await delay(5)
    const now = await readFile(path)
    if (now.equals(before)) return now
    before = now
  }
}

/** Leaves the newest, and of the archived log what the oldest of them needs. */
async function rotate(to: string, keep: number, archive: string | null): Promise<MadeBackup['removed']> {
  const all = await listBackups(to)
  const old = all.slice(0, Math.max(0, all.length - keep))
  for (const { path } of old) await rm(path, { recursive: true, force: true })
  const first = all[old.length]?.manifest.firstPiece
  const pieces = archive === null || first === undefined ? 0 : await forgetPiecesBefore(archive, first)
  return { backups: old.length, pieces }
}

const isInside = (path: string, folder: string): boolean => path === folder || path.startsWith(folder + sep)

const logIsGone = () =>
  new EmbeddedPostgresError(
    'embedded.backup_failed',
    'The database forgot a part of its log before it was copied. Try again.',
  )
