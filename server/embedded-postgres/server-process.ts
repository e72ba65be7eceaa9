import { spawn } from 'node:child_process'
import { open, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Account } from './account.ts'
import { alignOwner } from './account.ts'
import type { Binaries } from './binaries.ts'
import { serverEnvironment } from './binaries.ts'
import { EmbeddedPostgresError } from './errors.ts'
import { processCommand, processStart } from '../lib/processes.ts'

const pollMs = 25
const watchMs = 200
const fastShutdownMs = 8_000
const immediateShutdownMs = 8_000
const passingTroubleMs = 10_000
const logBytesMax = 10 * 1024 * 1024

/** Everything that a start needs to know, the same at every restart. */
export interface ServerPlan {
  binaries: Binaries
  account: Account
  clusterDir: string
  logFile: string
  settings: Record<string, string>
  startTimeoutMs: number
  log: (message: string) => void
  /** Aborted when the service stops: a start that is under way gives up. */
  signal: AbortSignal
}

export interface RunningServer {
  pid: number
  port: number
  /** Settles when the process has ended, with what is known of the reason. */
  ended: Promise<string>
  hasEnded(): boolean
}

/** Durable, and modest enough for a small machine; a socket folder is done without, as its path has a length limit. */
export const smallMachineSettings: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '150',
  shared_buffers: '128MB',
  max_wal_size: '2GB',
  wal_compression: 'on',
  fsync: 'on',
  synchronous_commit: 'on',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'warning',
}

/**
 * Starts the server and waits until it takes connections. What passes by itself within seconds is tried again: after a
 * crash the old server's memory or port may still be held by its last processes.
 *
 * @throws EmbeddedPostgresError `embedded.start_failed` with the end of the server's log
 */
export async function launchServer(plan: ServerPlan, choosePort: () => Promise<number>): Promise<RunningServer> {
  const tryUntil = Date.now() + passingTroubleMs
  for (;;) {
    const logStart = await sizeOf(plan.logFile)
    await disownPidFile(plan.clusterDir)
    const server = await spawnServer(plan, await choosePort())
    if (await becomesReady(server, plan)) return server
    if (!server.hasEnded()) await shutDown(server, plan)
    const words = await readFrom(plan.logFile, logStart)
    if (plan.signal.aborted || Date.now() > tryUntil || !isPassingTrouble(words)) throw startFailed(plan, words)
    await delay(300)
  }
}

/**
 * Takes over a server that outlived a service which was killed, as long as it is just what we would start; any other
 * server of this cluster, of an older installation for instance, is stopped.
 */
export async function adoptServer(plan: ServerPlan): Promise<RunningServer | null> {
  const found = await readPidFile(plan.clusterDir)
  if (found === null || !(await isServerOf(plan.clusterDir, found.pid))) return null
  const server = await watchServer(found.pid, found.port)
  const command = await processCommand(found.pid)
  const ours = [plan.binaries.postgres, ...serverArguments(plan, found.port)].join(' ').trim()
  const alike = command === null || command === ours
  if (alike && found.status !== 'stopping' && (await becomesReady(server, plan))) {
    plan.log(`adopted the database server that an earlier service left running (process ${found.pid})`)
    return server
  }
  plan.log(`stopping the database server that an earlier service left (process ${found.pid})`)
  await shutDown(server, plan)
  return null
}

/** The port of a server that takes connections in this cluster now, or null. */
export async function readyPort(clusterDir: string): Promise<number | null> {
  const found = await readPidFile(clusterDir)
  if (found?.status !== 'ready' || !(await isServerOf(clusterDir, found.pid))) return null
  return found.port
}

/**
 * Fast shutdown: open transactions are rolled back and everything is on disk at the end. If that takes too long, an
 * immediate one: nothing committed is lost, but the next start replays the log.
 */
export async function shutDown(server: RunningServer, plan: ServerPlan): Promise<void> {
  await signalServer(server, 'fast', plan)
  if (await endsWithin(server, fastShutdownMs)) return
  plan.log('the database server is slow to stop; stopping it at once')
  await signalServer(server, 'immediate', plan)
  if (await endsWithin(server, immediateShutdownMs)) return
  throw new EmbeddedPostgresError(
    'embedded.stop_failed',
    `The database server (process ${server.pid}) does not stop; see ${plan.logFile}, and end it with kill -QUIT.`,
  )
}

/** Keeps the last log beside the new one, so that the two together stay near twice the limit. */
export async function rotateLog(logFile: string): Promise<void> {
  if ((await sizeOf(logFile)) > logBytesMax) await rename(logFile, `${logFile}.1`)
}

function serverArguments(plan: ServerPlan, port: number): string[] {
  const settings = { ...smallMachineSettings, ...plan.settings, port: String(port) }
  return ['-D', plan.clusterDir, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
}

/**
 * In a process group of its own, as Ctrl-C goes to the whole group of a terminal: the service must still be able to
 * finish its transactions. It writes into a log that we open, which its account need not be able to reach.
 */
async function spawnServer(plan: ServerPlan, port: number): Promise<RunningServer> {
  if (process.platform === 'win32') return startOnWindows(plan, port)
  const logHandle = await open(plan.logFile, 'a', 0o600)
  try {
    await alignOwner(plan.logFile)
    const child = spawn(plan.binaries.postgres, serverArguments(plan, port), {
      cwd: plan.clusterDir,
      env: serverEnvironment(),
      detached: true,
      stdio: ['ignore', logHandle.fd, logHandle.fd],
      ...plan.account,
    })
    let over = false
    const ended = new Promise<string>(resolve => {
      const end = (reason: string): void => {
        over = true
        resolve(reason)
      }
      child.once('error', error => end(error.message))
      child.once('exit', (code, signal) => end(signal === null ? `exit code ${code}` : `signal ${signal}`))
    })
    child.unref()
    return { pid: child.pid ?? 0, port, ended, hasEnded: () => over }
  } finally {
    await logHandle.close()
  }
}

/** There pg_ctl drops an administrator's rights, with which the server itself refuses to run. */
async function startOnWindows(plan: ServerPlan, port: number): Promise<RunningServer> {
  const [, , ...settings] = serverArguments(plan, port)
  const options = settings.map(word => `"${word}"`).join(' ')
  const args = ['start', '-w', '-D', plan.clusterDir, '-l', plan.logFile, '-o', options]
  await runQuietly(plan.binaries.pgCtl, args)
  return watchServer((await readPidFile(plan.clusterDir))?.pid ?? 0, port)
}

/** Without pipes: the server would inherit them, and the wait for their end would last as long as the server lives. */
async function runQuietly(program: string, args: string[]): Promise<void> {
  const child = spawn(program, args, { env: serverEnvironment(), stdio: 'ignore', windowsHide: true })
  await new Promise<void>(done => child.once('exit', () => done()).once('error', () => done()))
}

/** A server that is not our child tells nothing when it ends, so it is looked at now and then. */
async function watchServer(pid: number, port: number): Promise<RunningServer> {
  const startedAt = await processStart(pid)
  let over = false
  const watch = async (): Promise<string> => {
    const lives = async (): Promise<boolean> => startedAt !== null && (await processStart(pid)) === startedAt
    while (await lives()) await delay(watchMs, undefined, { ref: false })
    over = true
    return 'reason unknown'
  }
  return { pid, port, ended: watch(), hasEnded: () => over }
}

async function becomesReady(server: RunningServer, plan: ServerPlan): Promise<boolean> {
  const deadline = Date.now() + plan.startTimeoutMs
  while (!server.hasEnded() && !plan.signal.aborted && Date.now() < deadline) {
    const found = await readPidFile(plan.clusterDir)
    if (found?.pid === server.pid && found.status === 'ready') return true
    await delay(pollMs)
  }
  return false
}

async function endsWithin(server: RunningServer, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs
  while (!server.hasEnded() && Date.now() < deadline) await delay(pollMs)
  return server.hasEnded()
}

async function signalServer(server: RunningServer, mode: 'fast' | 'immediate', plan: ServerPlan): Promise<void> {
  if (server.hasEnded() || server.pid === 0) return
  if (process.platform === 'win32') {
    const args = ['stop', '-W', '-m', mode, '-D', plan.clusterDir]
    return runQuietly(plan.binaries.pgCtl, args)
  }
  interruptServer(server, mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
}

/** Sends a signal to the server; that it may have ended in this very moment is no error. */
export function interruptServer(server: RunningServer, signal: 'SIGINT' | 'SIGQUIT'): void {
  if (server.hasEnded() || server.pid === 0) return
  try {
    process.kill(server.pid, signal)
  } catch {
    // it has ended
  }
}

interface PidFile {
  pid: number
  port: number
  status: string
}

const pidFilePath = (clusterDir: string): string => join(clusterDir, 'postmaster.pid')

/** The server's own lock file: pid, folder, start, port, socket folder, address, shared memory, status; a line each. */
async function readPidFile(clusterDir: string): Promise<PidFile | null> {
  const text = await readFile(pidFilePath(clusterDir), 'utf8').catch(() => '')
  const lines = text.split('\n')
  const [pid, port] = [Number(lines[0]), Number(lines[3])]
  return pid > 0 ? { pid, port, status: lines[7]?.trim() ?? '' } : null
}

/** Whether that pid is a live server of this cluster and not some process that got the number later. */
async function isServerOf(clusterDir: string, pid: number): Promise<boolean> {
  if ((await processStart(pid)) === null) return false
  if (process.platform === 'win32') return true // cannot be asked there
  const command = (await processCommand(pid)) ?? ''
  const [program = ''] = command.split(' -D ')
  return basename(program) === 'postgres' && `${command} `.includes(` -D ${clusterDir} `)
}

/**
 * PostgreSQL will not start while any process of its user has the pid in the lock file, which after a restarted
 * container is likely. It makes an exception for the pid of its parent, so we put our own there. The other lines stay:
 * it still refuses while the old server's shared memory is in use, and that must not be bypassed.
 */
async function disownPidFile(clusterDir: string): Promise<void> {
  if (process.platform === 'win32') return
  const found = await readPidFile(clusterDir)
  if (found === null || (await isServerOf(clusterDir, found.pid))) return
  const text = await readFile(pidFilePath(clusterDir), 'utf8')
  await writeFile(pidFilePath(clusterDir), text.replace(/^\d+/, String(process.pid)))
}

function isPassingTrouble(logWords: string): boolean {
  return /lock file "[^"]*" already exists|shared memory block|could not bind|could not create any TCP/.test(logWords)
}

function startFailed(plan: ServerPlan, logWords: string): EmbeddedPostgresError {
  const end = logWords.trim().split('\n').slice(-8).join('\n')
  return new EmbeddedPostgresError(
    'embedded.start_failed',
    plan.signal.aborted
      ? 'The database server was stopped while it started.'
      : `The embedded database did not start in ${plan.clusterDir}. The end of ${plan.logFile} says why:\n${end}`,
  )
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    found => found.size,
    () => 0,
  )
}

async function readFrom(path: string, start: number): Promise<string> {
  const bytes = await readFile(path).catch(() => Buffer.alloc(0))
  return bytes.subarray(start).toString('utf8')
}
