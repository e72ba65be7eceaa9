import { createHash, randomUUID } from 'node:crypto'
import { link, readFile, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { EmbeddedPostgresError, systemErrorCode } from './errors.ts'
import { pidSpace, processStart } from './processes.ts'

/** Who owns a data folder. `token` makes each owner's file unlike any other, so that it can be recognised. */
interface Owner {
  pid: number
  startedAt: string
  pidSpace: string
  token: string
}

export interface OwnerLock {
  release(): Promise<void>
}

const heartbeatMs = 3_000
const silenceMs = 10_000
const longSilenceMs = 60_000

const lockPath = (dataDir: string): string => join(dataDir, 'embedded-postgres.lock')

/**
 * Makes this process the one service on a data folder.
 *
 * Two servers on one cluster would destroy it. PostgreSQL guards against that by pid, which neither sees another
 * container on the same volume nor stands a recycled pid; hence a lock of our own, with a heartbeat.
 *
 * @throws EmbeddedPostgresError `embedded.in_use`, naming the owner's pid
 */
export async function acquireOwnerLock(dataDir: string): Promise<OwnerLock> {
  const path = lockPath(dataDir)
  const text = await describeOurselves()
  await acquire(path, text)
  const heartbeat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), heartbeatMs)
  heartbeat.unref()
  return {
    async release() {
      clearInterval(heartbeat)
      if ((await readOrNull(path)) === text) await unlink(path)
    },
  }
}

/** Whether a live service, this one or another, owns the folder now. */
export async function isOwned(dataDir: string): Promise<boolean> {
  const path = lockPath(dataDir)
  const text = await readOrNull(path)
  return text !== null && (await isHeld(path, text))
}

async function describeOurselves(): Promise<string> {
  const startedAt = (await processStart(process.pid)) ?? 'unknown'
  const owner: Owner = { pid: process.pid, startedAt, pidSpace: await pidSpace(), token: randomUUID() }
  return JSON.stringify(owner)
}

/**
 * Creates the lock file, or replaces that of a dead owner.
 *
 * To replace it one needs a second lock, named after the very text that is replaced: of several who find the same dead
 * owner one gets it, and whoever comes late sees that the text has changed. A claimant that dies in between leaves a
 * stale second lock, which the same rule takes over in turn.
 */
async function acquire(path: string, ours: string): Promise<void> {
  for (;;) {
    if (await createWhole(path, ours)) return
    const theirs = await readOrNull(path)
    if (theirs === null) continue
    if (await isHeld(path, theirs)) throw inUse(path, theirs)
    const claim = `${path}.${createHash('sha256').update(theirs).digest('hex').slice(0, 12)}`
    await acquire(claim, ours)
    try {
      if ((await readOrNull(path)) === theirs) return await replaceWhole(path, ours)
    } finally {
      await unlink(claim)
    }
  }
}

/** A hard link appears with its whole content or not at all: nobody can read a half-written owner. */
async function createWhole(path: string, text: string): Promise<boolean> {
  const draft = await writeDraft(path, text)
  try {
    await link(draft, path)
    return true
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false
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
  const owner = parseOwner(text)
  if (owner === null) return false
  if (owner.pidSpace === (await pidSpace())) return (await processStart(owner.pid)) === owner.startedAt
  return showsHeartbeat(path)
}

/** An owner in another container cannot be looked up by pid, but it touches the file; one that crashed does not. */
async function showsHeartbeat(path: string): Promise<boolean> {
  const seen = await touchedAt(path)
  if (seen === null || Date.now() - seen > longSilenceMs) return false
  const deadline = Date.now() + silenceMs
  while (Date.now() < deadline) {
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

function parseOwner(text: string): Owner | null {
  try {
    const owner = JSON.parse(text) as Partial<Owner> | null
    return typeof owner?.pid === 'number' && typeof owner.startedAt === 'string' ? (owner as Owner) : null
  } catch {
    return null
  }
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null
    throw error
  }
}

function inUse(path: string, text: string): EmbeddedPostgresError {
  const pid = parseOwner(text)?.pid
  return new EmbeddedPostgresError(
    'embedded.in_use',
    `The data folder ${dirname(path)} is in use by the service with process id ${pid}. ` +
      'Stop that one first, or give this one a folder of its own with DATA_DIR.',
  )
}
