import { dirname, join } from 'node:path'
import { acquireFileLock, holderPid, isLocked, type FileLock } from '../lib/file-lock.ts'
import { EmbeddedPostgresError } from './errors.ts'

export type OwnerLock = FileLock

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
  const lock = await acquireFileLock(path)
  if (!lock) throw inUse(path, await holderPid(path))
  return lock
}

/** Whether a live service, this one or another, owns the folder now. */
export const isOwned = (dataDir: string): Promise<boolean> => isLocked(lockPath(dataDir))

function inUse(path: string, pid: number | null): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'embedded.in_use',
    `The data folder ${dirname(path)} is in use by the service with process id ${pid ?? 'unknown'}. ` +
      'Stop that one first, or give this one a folder of its own with DATA_DIR.',
  )
}
