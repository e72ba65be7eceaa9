import { execFile } from 'node:child_process'
import { access, chown, constants, lstat, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { EmbeddedPostgresError } from './errors.ts'

const run = promisify(execFile)

/** The system user that the server runs as when we are root; null means that it runs as ourselves. */
export type Account = { uid: number; gid: number } | null

export const weAreRoot = (): boolean => process.getuid?.() === 0

/**
 * PostgreSQL refuses to run as root, so root lends it to `postgres`, or to `nobody` where there is no such user.
 *
 * @throws EmbeddedPostgresError `embedded.no_account` when root finds neither
 */
export async function chooseAccount(): Promise<Account> {
  if (!weAreRoot()) return null
  const account = (await lookUp('postgres')) ?? (await lookUp('nobody'))
  if (account) return account
  throw new EmbeddedPostgresError(
    'embedded.no_account',
    'PostgreSQL does not run as root, and this system has neither a user "postgres" nor "nobody". ' +
      'Start the service as an ordinary user, or add one of the two.',
  )
}

/** A cluster that exists stays with its owner: the ordinary user who made it can then start it again without root. */
export async function accountOfCluster(clusterDir: string): Promise<Account> {
  if (!weAreRoot()) return null
  const { uid, gid } = await lstat(clusterDir)
  if (uid !== 0) return { uid, gid }
  const account = await chooseAccount()
  await giveTo(account, clusterDir) // copied by root, from a backup say
  return account
}

/** Hands over a folder with all that is in it. */
export async function giveTo(account: Account, path: string): Promise<void> {
  if (account) await run('chown', ['-R', '-h', `${account.uid}:${account.gid}`, path])
}

/** A file that root writes goes to its folder's owner: one start with sudo must not lock an ordinary user out for good. */
export async function alignOwner(file: string): Promise<void> {
  if (!weAreRoot()) return
  const { uid, gid } = await stat(dirname(file))
  await chown(file, uid, gid)
}

/** Whether the account gets into a folder: any closed folder above it, like /root, keeps it out. */
export async function canEnter(account: Account, folder: string): Promise<boolean> {
  const attempt = account
    ? run('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], { cwd: '/', ...account })
    : access(folder, constants.R_OK | constants.X_OK)
  return attempt.then(
    () => true,
    () => false,
  )
}

/**
 * Whether a folder is ours alone to write in. In a shared place like /tmp somebody else may have made a folder of the
 * name that we are about to trust.
 */
export async function isOursAlone(folder: string): Promise<boolean> {
  if (process.platform === 'win32') return true
  const found = await lstat(folder).catch(() => null)
  return found !== null && found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0
}

async function lookUp(name: string): Promise<Account> {
  const ask = (flag: string): Promise<number> => run('id', [flag, name]).then(({ stdout }) => Number(stdout.trim()))
  return Promise.all([ask('-u'), ask('-g')]).then(
    ([uid, gid]) => ({ uid, gid }),
    () => null,
  )
}
