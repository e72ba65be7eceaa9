import { spawnSync } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { migrateDatabase } from '../../server/database.ts'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../server/embedded-postgres.ts'
import { runAsAdmin } from './postgres.ts'

export interface PrimaryAndStandby {
  /** Migrated, to be written to. */
  primaryUrl: string
  /** The same database on the streaming replica. */
  standbyUrl: string
  /** Holds back what the replica has received, or lets it go on. */
  hold(): Promise<void>
  letGo(): Promise<void>
  stopStandby(): Promise<void>
  startStandby(): Promise<void>
  stop(): Promise<void>
}

/**
 * A primary and a streaming replica of it, made of a copy of its folder.
 *
 * @param nativeDir another PostgreSQL's folder than that of the installed package
 */
export async function startPrimaryAndStandby(nativeDir?: string): Promise<PrimaryAndStandby> {
  const folder = await mkdtemp(join(tmpdir(), 'daogou-standby-'))
  await chmod(folder, 0o711) // as root, the server runs as another user
  const common = { ...(nativeDir === undefined ? {} : { nativeDir }) }
  const primaryDir = join(folder, 'primary')
  const standbyDir = join(folder, 'standby')
  const startPrimary = () =>
    startEmbeddedPostgres({ ...common, dataDir: primaryDir, settings: { fsync: 'off', full_page_writes: 'off' } })

  let primary = await startPrimary()
  await migrateDatabase(primary.url)
  await primary.stop()
  const copied = spawnSync('cp', ['-a', primaryDir, standbyDir])
  if (copied.status !== 0) throw new Error(copied.stderr.toString())
  await writeFile(join(standbyDir, 'postgres', 'standby.signal'), '')
  primary = await startPrimary()
  const { hostname, port, username, password } = new URL(primary.adminUrl)
  const startStandby = () =>
    startEmbeddedPostgres({
      ...common,
      dataDir: standbyDir,
      settings: {
        fsync: 'off',
        primary_conninfo: `host=${hostname} port=${port} user=${username} password=${password}`,
        max_standby_streaming_delay: '0',
      },
    })
  let standby: EmbeddedPostgres | null = await startStandby()
  const standbyUrl = standby.url
  const onStandby = (statement: string) => runAsAdmin(standby!.adminUrl, statement)
  return {
    primaryUrl: primary.url,
    standbyUrl,
    hold: () => onStandby('SELECT pg_wal_replay_pause()'),
    letGo: () => onStandby('SELECT pg_wal_replay_resume()'),
    async stopStandby() {
      await standby?.stop()
      standby = null
    },
    async startStandby() {
      standby = await startStandby()
    },
    async stop() {
      await standby?.stop()
      await primary.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
