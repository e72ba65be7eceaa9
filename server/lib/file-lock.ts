import { createHash, randomUUID } from 'node:crypto'
import { link, readFile, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { pidSpace, processStart } from './processes.ts'

/** Who holds a lock. `token` makes each holder's file unlike any other, so that it can be recognised. */
interface Holder {
  pid: number
  startedAt: string
  pidSpace: string
  token: string
}

export interface FileLock {
  release(): Promise<void>
}

const heartbeatMs = 3_000
const silenceMs = 10_000
const longSilenceMs = 60_000

/**
 * Makes this process the one that holds a lock, which is a file; one whose holder is dead is taken over.
 *
 * A pid alone says little: another container on the same volume has others, and after a crash it belongs to somebody else.
 * So the file says when the process began, and is touched as long as it lives.
 *
 * @returns null where a live process holds it, also this one
 */
export async function acquireFileLock(path: string): Promise<FileLock | null> {
  const text = await describeOurselves()
  if (!(await acquire(path, text))) return null
  const heartbeat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), heartbeatMs)
  heartbeat.unref()
  return {
    async release() {
      clearInterval(heartbeat)
      if ((await readOrNull(path)) === text) await unlink(path)
    },
  }
}

/** Whether a live process, this one or another, holds the lock now. */
export async function isLocked(path: string): Promise<boolean> {
  const text = await readOrNull(path)
  return text !== null && (await isHeld(path, text))
}

/** The process id that the lock's file names. */
export async function holderPid(path: string): Promise<number | null> {
  const text = await readOrNull(path)
  return text === null ? null : (parseHolder(text)?.pid ?? null)
}

async function describeOurselves(): Promise<string> {
  const startedAt = (await processStart(process.pid)) ?? 'unknown'
  const holder: Holder = { pid: process.pid, startedAt, pidSpace: await pidSpace(), token: randomUUID() }
  return JSON.stringify(holder)
}

/**
 * Creates the lock file, or replaces that of a dead holder.
 *
 * To replace it one needs a second lock, named after the very text that is replaced: of several who find the same dead
 * holder one gets it, and whoever comes late sees that the text has changed. A claimant that dies in between leaves a
 * stale second lock, which the same rule takes over in turn.
 */
async function acquire(path: string, ours: string): Promise<boolean> {
  for (;;) {
    if (await createWhole(path, ours)) return true
    const theirs = await readOrNull(path)
    if (theirs === null) continue
    if (await isHeld(path, theirs)) return false
    const claim = `${path}.${createHash('sha256').update(theirs).digest('hex').slice(0, 12)}`
    if (!(await acquire(claim, ours))) return false
    try {
      if ((await readOrNull(path)) === theirs) {
        await replaceWhole(path, ours)
        return true
      }
    } finally {
      await unlink(claim)
    }
  }
}

/** A hard link appears with its whole content or not at all: nobody can read a half-written holder. */
async function createWhole(path: string, text: string): Promise<boolean> {
  const draft = await writeDraft(path, text)
  try {
    await link(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await unlink(draft)
  }
}

async function replaceWhole(path: string, text: string): Promise<void> {
  await rename(await writeDraft(path, text), path)
}

async function writeDraft(path: string, text: string): Promise<string> {
  const draft = `${path}.${randomUUID()}`
  await writeFile(draft, text, { mode: 0o644, flag: 'wx' })
  return draft
}

async function isHeld(path: string, text: string): Promise<boolean> {
  const holder = parseHolder(text)
  if (holder === null) return false
  if (holder.pidSpace === (await pidSpace())) return (await processStart(holder.pid)) === holder.startedAt
  return showsHeartbeat(path)
}

/** A holder in another container cannot be looked up by pid, but it touches the file; one that crashed does not. */
async function showsHeartbeat(path: string): Promise<boolean> {
  const seen = await touchedAt(path)
  if (seen === null || Date.now() - seen > longSilenceMs) return false
  const deadline = performance.now() + silenceMs
  while (performance.now() < deadline) {
    await delay(250)
    if ((await touchedAt(path)) !== seen) return true
  }
  return false
}

async function touchedAt(path: string): Promise<number | null> {
  return stat(path).then(
    found => found.mtimeMs,
    () => null,
  )
}

function parseHolder(text: string): Holder | null {
  try {
    const holder = JSON.parse(text) as Partial<Holder> | null
    return typeof holder?.pid === 'number' && typeof holder.startedAt === 'string' ? (holder as Holder) : null
  } catch {
    return null
  }
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
