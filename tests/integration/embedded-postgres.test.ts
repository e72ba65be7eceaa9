import type { ChildProcess } from 'node:child_process'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import {
  access,
  chmod,
  chown,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import postgres from 'postgres'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { installedNativeDir } from '../../server/embedded-postgres/binaries.ts'
import { acquireOwnerLock } from '../../server/embedded-postgres/owner-lock.ts'
import { processStart } from '../../server/lib/processes.ts'
import type { EmbeddedPostgres, EmbeddedPostgresOptions } from '../../server/embedded-postgres.ts'
import { findRunningEmbeddedPostgres, startEmbeddedPostgres } from '../../server/embedded-postgres.ts'

const modulePath = join(import.meta.dirname, '../../server/embedded-postgres.ts')
const quick = { fsync: 'off' }
const weAreRoot = process.getuid?.() === 0
const undo: (() => Promise<unknown>)[] = []

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

/** A folder of its own, gone after the test. */
async function makeFolder(mode = 0o755): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'daogou-embedded-'))
  await chmod(folder, mode)
  undo.push(() => rm(folder, { recursive: true, force: true }))
  return folder
}

let shared: Promise<string> | null = null

afterAll(async () => {
  if (shared) await rm(await shared, { recursive: true, force: true })
})

/** The folder of all tests that leave its database whole: a new one each time would cost seconds of initdb. */
async function sharedDataDir(): Promise<string> {
  shared ??= mkdtemp(join(tmpdir(), 'daogou-embedded-'))
  await chmod(await shared, 0o755)
  return shared
}

async function start(dataDir: string, more: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, settings: quick, ...more })
  undo.push(server.stop)
  return server
}

async function query<T = unknown>(url: string, statement: string): Promise<T[]> {
  const sql = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => undefined })
  try {
    return (await sql.unsafe(statement)).map(row => Object.values(row)[0] as T)
  } finally {
    await sql.end()
  }
}

/** Puts a row into the database that no other test has put there. */
async function keepNote(url: string): Promise<string> {
  const note = `导购 ${randomUUID()}`
  await query(url, `DROP TABLE IF EXISTS notes; CREATE TABLE notes AS SELECT '${note}' AS note`)
  return note
}

const readNotes = (url: string): Promise<unknown> => query(url, 'SELECT note FROM notes')

async function postmasterPid(server: Pick<EmbeddedPostgres, 'clusterDir'>): Promise<number> {
  return Number.parseInt(await readFile(join(server.clusterDir, 'postmaster.pid'), 'utf8'), 10)
}

async function isGone(path: string): Promise<boolean> {
  return access(path).then(
    () => false,
    () => true,
  )
}

interface Service {
  child: ChildProcess
  answer: { url: string; clusterDir: string; code?: string; message?: string }
}

/** Starts the database in another process, which stops it when its standard input closes, and exits without that when told anything. */
async function startService(dataDir: string, spawnOptions: object = {}, more: object = {}): Promise<Service> {
  const code = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(pathToFileURL(modulePath).href)})
    process.on('SIGINT', () => {})
    try {
      const server = await startEmbeddedPostgres(${JSON.stringify({ dataDir, settings: quick, ...more })})
      console.log(JSON.stringify(server))
      process.stdin.on('data', () => process.exit()).on('end', () => server.stop())
    } catch (error) {
      console.log(JSON.stringify({ code: error.code, message: error.message }))
      process.exit()
    }`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: ['pipe', 'pipe', 'inherit'],
    ...spawnOptions,
  })
  undo.push(() => closeService(child))
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string]
  return { child, answer: JSON.parse(line) as Service['answer'] }
}

async function closeService(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.stdin!.end()
  await exit
}

async function killService({ child }: Service): Promise<void> {
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

function deadPid(): number {
  return spawnSync('true').pid
}

describe('an ordinary life', () => {
  it('starts on 127.0.0.1 with UTF-8, UTC, durable settings and a password that others cannot read', async () => {
    const dataDir = await makeFolder()
    const server = await start(join(dataDir, 'made', 'for you'), { settings: {} })
    const settings = ['server_encoding', 'timezone', 'listen_addresses', 'fsync', 'synchronous_commit']
    const values = await query(
      server.url,
      settings.map(name => `SELECT current_setting('${name}')`).join(' UNION ALL '),
    )
    expect(values).toEqual(['UTF8', 'UTC', '127.0.0.1', 'on', 'on'])
    expect(await query(server.url, 'SELECT current_database()')).toEqual(['daogou'])
    expect(await query(server.url, 'SELECT datcollate FROM pg_database')).toContain('C.UTF-8')
    expect((await stat(join(dataDir, 'made', 'for you', 'embedded-postgres.json'))).mode & 0o777).toBe(0o600)
    const withoutPassword = server.url.replace(/:[0-9a-f]{48}@/, ':wrong@')
    await expect(query(withoutPassword, 'SELECT 1')).rejects.toThrow('password authentication failed')
  })

  it('keeps data and port over a stop, starts again soon, and rotates a large log', async () => {
    const dataDir = await sharedDataDir()
    const first = await start(dataDir)
    const note = await keepNote(first.url)
    await first.stop()
    await first.stop()
    await truncate(join(dataDir, 'postgres.log'), 11 * 1024 * 1024)
    const begin = Date.now()
    const second = await start(dataDir)
    expect(Date.now() - begin).toBeLessThan(4_000)
    expect(await readNotes(second.url)).toEqual([note])
    expect(second.url).toBe(first.url)
    expect((await stat(join(dataDir, 'postgres.log'))).size).toBeLessThan(100_000)
  })

  it('shows tools the running server, and nothing once it has stopped', async () => {
    const dataDir = await sharedDataDir()
    expect(await findRunningEmbeddedPostgres(dataDir)).toBeNull()
    const server = await start(dataDir)
    expect(await findRunningEmbeddedPostgres(dataDir)).toEqual({ url: server.url })
    expect(await findRunningEmbeddedPostgres(dataDir, 'postgres')).toEqual({ url: server.adminUrl })
    await server.stop()
    expect(await findRunningEmbeddedPostgres(dataDir)).toBeNull()
  })

  it('survives Ctrl-C, which the terminal sends to the whole process group', async () => {
    const service = await startService(await sharedDataDir(), { detached: true })
    process.kill(-service.child.pid!, 'SIGINT')
    const note = await keepNote(service.answer.url)
    expect(await readNotes(service.answer.url)).toEqual([note])
  })
})

describe('one service per data folder', () => {
  it('refuses a second service and names the first', async () => {
    const dataDir = await sharedDataDir()
    const server = await start(dataDir)
    const { answer } = await startService(dataDir)
    expect(answer).toMatchObject({
      code: 'embedded.in_use',
      message: expect.stringContaining(` ${process.pid}.`) as string,
    })
    await expect(startEmbeddedPostgres({ dataDir })).rejects.toMatchObject({ code: 'embedded.in_use' })
    expect(await query(server.url, 'SELECT 1')).toEqual([1])
  })

  it.each([
    ['whose process is dead', () => ({ pid: deadPid(), startedAt: '1' })],
    ['whose pid now belongs to another process', () => ({ pid: process.pid, startedAt: '1' })],
  ])('lets exactly one of many take over a lock %s', async (_, owner) => {
    const dataDir = await makeFolder()
    const path = join(dataDir, 'embedded-postgres.lock')
    await (await acquireOwnerLock(dataDir)).release()
    const probe = await acquireOwnerLock(dataDir)
    const ours = JSON.parse(await readFile(path, 'utf8')) as object
    await probe.release()
    await writeFile(path, JSON.stringify({ ...ours, ...owner() }))
    const attempts = await Promise.allSettled(Array.from({ length: 8 }, () => acquireOwnerLock(dataDir)))
    const winners = attempts.flatMap(attempt => (attempt.status === 'fulfilled' ? [attempt.value] : []))
    expect(winners).toHaveLength(1)
    await winners[0]!.release()
    expect(await isGone(path)).toBe(true)
  })

  it.runIf(process.platform === 'linux')('counts a dead process that nobody has reaped as dead', async () => {
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 20'], { stdio: ['ignore', 'pipe', 'inherit'] })
    undo.push(() => Promise.resolve(parent.kill()))
    const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string]
    const zombie = Number(line)
    await vi.waitFor(async () => expect(await readFile(`/proc/${zombie}/stat`, 'utf8')).toContain(') Z '))
    expect(await processStart(zombie)).toBeNull()
  })

  it('believes an owner in another container as long as it touches the lock', async () => {
    const dataDir = await makeFolder()
    const path = join(dataDir, 'embedded-postgres.lock')
    await writeFile(path, JSON.stringify({ pid: 7, startedAt: '1', pidSpace: 'another container', token: 'x' }))
    const touch = setInterval(() => void utimes(path, new Date(), new Date()), 100)
    await expect(acquireOwnerLock(dataDir)).rejects.toMatchObject({ code: 'embedded.in_use' })
    clearInterval(touch)
    await utimes(path, new Date(0), new Date(0))
    await (await acquireOwnerLock(dataDir)).release()
  })
})

describe('after a crash', () => {
  it('adopts the server of a killed service, with its data, and can stop it', async () => {
    const dataDir = await sharedDataDir()
    const service = await startService(dataDir)
    const note = await keepNote(service.answer.url)
    const orphan = await postmasterPid(service.answer)
    await killService(service)
    expect(await findRunningEmbeddedPostgres(dataDir)).toBeNull()

    const server = await start(dataDir)
    expect(await postmasterPid(server)).toBe(orphan)
    expect(await readNotes(server.url)).toEqual([note])
    await server.stop()
    expect(await isGone(join(server.clusterDir, 'postmaster.pid'))).toBe(true)
    expect(await processStart(orphan)).toBeNull()
  })

  it('replaces an orphan that runs with other settings', async () => {
    const dataDir = await sharedDataDir()
    const service = await startService(dataDir, {}, { settings: { ...quick, work_mem: '8MB' } })
    const orphan = await postmasterPid(service.answer)
    await killService(service)
    const server = await start(dataDir)
    expect(await postmasterPid(server)).not.toBe(orphan)
    expect(await query(server.url, 'SHOW work_mem')).toEqual(['4MB'])
  })

  it('recovers when service and server are killed together', async () => {
    const dataDir = await sharedDataDir()
    const service = await startService(dataDir)
    const note = await keepNote(service.answer.url)
    process.kill(await postmasterPid(service.answer), 'SIGKILL')
    await killService(service)
    const server = await start(dataDir)
    expect(await readNotes(server.url)).toEqual([note])
  })

  it.runIf(process.platform === 'linux')(
    'is not misled by a server lock whose pid belongs to another process',
    async () => {
      const dataDir = await sharedDataDir()
      const first = await start(dataDir)
      const text = await readFile(join(first.clusterDir, 'postmaster.pid'), 'utf8')
      await first.stop()
      const { uid, gid } = await stat(first.clusterDir)
      const stranger = spawn('sleep', ['30'], weAreRoot ? { uid, gid } : {})
      undo.push(() => Promise.resolve(stranger.kill()))
      await writeFile(join(first.clusterDir, 'postmaster.pid'), text.replace(/^\d+/, String(stranger.pid)))
      await chown(join(first.clusterDir, 'postmaster.pid'), uid, gid)
      const second = await start(dataDir)
      expect(await query(second.url, 'SELECT 1')).toEqual([1])
      expect(stranger.exitCode).toBeNull()
    },
  )

  it('restarts a server that dies, so that the pool of the service works again', async () => {
    const messages: string[] = []
    const server = await start(await sharedDataDir(), { log: message => messages.push(message) })
    const note = await keepNote(server.url)
    const killed = await postmasterPid(server)
    process.kill(killed, 'SIGKILL')
    await vi.waitFor(async () => expect(await readNotes(server.url)).toEqual([note]), {
      timeout: 10_000,
      interval: 100,
    })
    await vi.waitFor(() => expect(messages.join()).toContain('is back'))
    expect(await postmasterPid(server)).not.toBe(killed)
    await server.stop()
    expect(await isGone(join(server.clusterDir, 'postmaster.pid'))).toBe(true)
  })

  it('leaves no server behind when the process exits without a stop', async () => {
    const { child, answer } = await startService(await sharedDataDir())
    const pid = await postmasterPid(answer)
    const exit = once(child, 'exit')
    child.stdin!.write('exit')
    await exit
    await vi.waitFor(async () => expect(await processStart(pid)).toBeNull(), { timeout: 5_000 })
  })
})

describe('what it refuses rather than lose data', () => {
  it('does not open a cluster of another major version', async () => {
    const dataDir = await sharedDataDir()
    const server = await start(dataDir)
    await server.stop()
    const versionFile = join(server.clusterDir, 'PG_VERSION')
    const version = await readFile(versionFile)
    undo.push(() => writeFile(versionFile, version))
    await writeFile(versionFile, '15\n')
    const message = expect.stringMatching(/PostgreSQL 15.*is 18/) as string
    await expect(start(dataDir)).rejects.toMatchObject({ code: 'embedded.version_mismatch', message })
  })

  it.each([
    ['its password', 'embedded-postgres.json', 'embedded.state_missing'],
    ['the cluster', 'postgres', 'embedded.cluster_missing'],
  ])('does not begin anew when %s has gone', async (_, name, code) => {
    const dataDir = await sharedDataDir()
    await (await start(dataDir)).stop()
    const [path, away] = [join(dataDir, name), join(dataDir, 'away')]
    await rename(path, away)
    undo.push(() => rename(away, path))
    await expect(start(dataDir)).rejects.toMatchObject({ code })
    expect(await isGone(path)).toBe(true)
  })
})

/** The server's files as an installer leaves them that runs no scripts and drops the execute bits. */
async function makeBareInstallation(): Promise<string> {
  const folder = await makeFolder()
  const nativeDir = join(folder, 'native')
  await cp(installedNativeDir(), nativeDir, { recursive: true, verbatimSymlinks: true })
  const links = JSON.parse(await readFile(join(nativeDir, 'pg-symlinks.json'), 'utf8')) as { target: string }[]
  for (const { target } of links) await rm(join(folder, target), { force: true })
  for (const name of ['initdb', 'pg_ctl', 'postgres']) await chmod(join(nativeDir, 'bin', name), 0o644)
  return nativeDir
}

describe('difficult installations', () => {
  it('mends missing library links and execute bits', async () => {
    const nativeDir = await makeBareInstallation()
    const server = await start(await sharedDataDir(), { nativeDir })
    expect(await query(server.url, 'SELECT 1')).toEqual([1])
    expect((await lstat(join(nativeDir, 'lib', 'libpq.so.5'))).isSymbolicLink()).toBe(true)
    expect((await stat(join(nativeDir, 'bin', 'postgres'))).mode & 0o111).toBe(0o111)
  })

  it.runIf(weAreRoot)(
    'as root below a closed folder: keeps data and programs where the server reaches them',
    async () => {
      const closed = await makeFolder(0o700)
      const nativeDir = join(closed, 'native')
      await cp(installedNativeDir(), nativeDir, { recursive: true, verbatimSymlinks: true })
      const dataDir = join(closed, 'data')
      const messages: string[] = []
      const first = await start(dataDir, { nativeDir, log: message => messages.push(message) })
      const home = dirname(first.clusterDir)
      undo.splice(-1, 0, () => rm(home, { recursive: true, force: true }))
      const program = (await readFile(`/proc/${await postmasterPid(first)}/cmdline`, 'utf8')).split('\0')[0]!
      const copy = dirname(dirname(program))
      if (basename(copy).startsWith('daogou-postgres-')) undo.splice(-1, 0, () => rm(copy, { recursive: true }))

      expect(first.clusterDir.startsWith(closed)).toBe(false)
      expect(copy.startsWith(closed)).toBe(false)
      expect(messages.join()).toContain(first.clusterDir)
      const note = await keepNote(first.url)
      await first.stop()
      const second = await start(dataDir, { nativeDir })
      expect(second.clusterDir).toBe(first.clusterDir)
      expect(await readNotes(second.url)).toEqual([note])

      const copiedDataDir = join(closed, 'copied')
      await cp(dataDir, copiedDataDir, { recursive: true, filter: path => !path.endsWith('.lock') })
      await expect(start(copiedDataDir, { nativeDir })).rejects.toMatchObject({ code: 'embedded.in_use' })
      await second.stop()
    },
  )

  it.runIf(weAreRoot && othersReach(modulePath))(
    'as an ordinary user: copies an installation that it cannot mend',
    async () => {
      const [uid, gid] = ['-u', '-g'].map(flag => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' })))
      const nativeDir = await makeBareInstallation()
      const dataDir = join(await makeFolder(), 'data')
      await mkdir(dataDir)
      await chown(dataDir, uid!, gid!)
      const service = await startService(dataDir, { uid, gid }, { nativeDir })
      expect(service.answer).not.toHaveProperty('code')
      const note = await keepNote(service.answer.url)
      await closeService(service.child)
      expect((await stat(service.answer.clusterDir)).uid).toBe(uid)

      await rm(join(dataDir, 'postgres.log')) // root must not make one that keeps the user out
      const byRoot = await start(dataDir, { nativeDir })
      expect(await readNotes(byRoot.url)).toEqual([note])
      await byRoot.stop()
      const again = await startService(dataDir, { uid, gid }, { nativeDir })
      expect(await readNotes(again.answer.url)).toEqual([note])
    },
  )
})

function othersReach(path: string): boolean {
  const attempt = spawnSync('test', ['-r', path], { cwd: '/', uid: 65534, gid: 65534 })
  return attempt.status === 0
}
