import { execFile } from 'node:child_process'
import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { promisify } from 'node:util'

const run = promisify(execFile)

function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function askPs(pid: number, column: string): Promise<string | null> {
  const { stdout } = await run('ps', ['-ww', '-o', `${column}=`, '-p', String(pid)]).catch(() => ({ stdout: '' }))
  return stdout.trim() || null
}

/**
 * When a process began, as an opaque text, or null when no such process lives.
 *
 * A pid alone says little: after a crash or a reboot another process may have it. A zombie counts as dead: in a
 * container nobody may ever reap it, yet it answers to signal 0.
 */
export async function processStart(pid: number): Promise<string | null> {
  if (!Number.isSafeInteger(pid) || pid <= 0 || !answersSignals(pid)) return null
  if (process.platform === 'win32') return 'unknown'
  if (process.platform !== 'linux') return askPs(pid, 'lstart')
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ') // the name before it may hold blanks and brackets
  const [state, start] = [fields[0], fields[19]]
  return state === 'Z' || state === 'X' || start === undefined ? null : start
}

/** The command line of a living process, its words joined by blanks; null when it is dead or the system hides it. */
export async function processCommand(pid: number): Promise<string | null> {
  if ((await processStart(pid)) === null || process.platform === 'win32') return null
  if (process.platform !== 'linux') return askPs(pid, 'command')
  const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return words.split('\0').join(' ').trim() || null
}

/**
 * Names the space in which our pids mean something: the same machine since the same boot, and the same container.
 * A pid written down elsewhere must not be compared with ours.
 */
export async function pidSpace(): Promise<string> {
  if (process.platform !== 'linux') return hostname()
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(hostname)
  const namespace = await readlink('/proc/self/ns/pid').catch(() => 'pid')
  return `${boot.trim()} ${namespace}`
}
