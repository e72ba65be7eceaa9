import { execFile } from 'node:child_process'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { chmod, lstat, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Account } from './account.ts'
import { accountOfCluster, alignOwner, canEnter, chooseAccount, giveTo, isOursAlone } from './account.ts'
import type { Binaries } from './binaries.ts'
import { serverEnvironment, shelters } from './binaries.ts'
import { EmbeddedPostgresError, systemErrorCode } from './errors.ts'

const run = promisify(execFile)

/** The database role that owns everything; it exists in this cluster only. */
export const ownerRole = 'daogou'

/** What a data folder remembers of its cluster, readable by nobody else, since the password is in it. */
export interface ClusterState {
  /** Relative to the data folder while inside it, so that the whole folder can be moved. */
  clusterDir: string
  password: string
  /** The port of the last start: tools and people get used to it. */
  port: number | null
  /** Set once there may be data: from then on a missing cluster is an accident and not a first start. */
  mayHoldData: boolean
}

export interface Cluster {
  dir: string
  account: Account
  state: ClusterState
}

const statePath = (dataDir: string): string => join(dataDir, 'embedded-postgres.json')

export async function readState(dataDir: string): Promise<ClusterState | null> {
  try {
    return JSON.parse(await readFile(statePath(dataDir), 'utf8')) as ClusterState
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null
    throw error
  }
}

/** Written beside and renamed: a crash must not cost the password. */
export async function writeState(dataDir: string, state: ClusterState): Promise<void> {
  const draft = `${statePath(dataDir)}.${randomUUID()}`
  await writeFile(draft, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 })
  await alignOwner(draft)
  await rename(draft, statePath(dataDir))
}

export const clusterDirOf = (dataDir: string, state: ClusterState): string => resolve(dataDir, state.clusterDir)

/**
 * The cluster that the data folder already has, or null before the first start.
 *
 * @throws EmbeddedPostgresError `embedded.cluster_missing`, `embedded.state_missing` or `embedded.unreachable`: beginning
 * anew with an empty database in any of these cases would look like a loss of all data
 */
export async function findCluster(dataDir: string): Promise<Cluster | null> {
  const state = await readState(dataDir)
  if (state === null) return refuseForgottenCluster(dataDir)
  const dir = clusterDirOf(dataDir, state)
  if (!(await holdsCluster(dir))) {
    if (state.mayHoldData) throw clusterMissing(dataDir, dir)
    return null
  }
  const account = await accountOfCluster(dir)
  if (account && !(await canEnter(account, dir))) throw unreachable(dir)
  return { dir, account, state }
}

/**
 * Makes the place for a first cluster, not yet its content.
 *
 * It belongs into the data folder. Where root's data folder is closed to the server's account (under /root, say) it
 * goes to a shelter, and the state file points there.
 */
export async function placeCluster(dataDir: string, log: (message: string) => void): Promise<Cluster> {
  const account = await chooseAccount()
  const password = (await readState(dataDir))?.password ?? randomBytes(24).toString('hex')
  for (const dir of candidateDirs(dataDir, account)) {
    if (!(await canHold(dir, dataDir, account))) continue
    if (dirname(dir) !== dataDir) log(`${dataDir} is closed to the database's user, so the database is kept in ${dir}`)
    const clusterDir = dirname(dir) === dataDir ? relative(dataDir, dir) : dir
    const state = { clusterDir, password, port: null, mayHoldData: false }
    await writeState(dataDir, state)
    return { dir, account, state }
  }
  throw unreachable(join(dataDir, 'postgres'))
}

/** Runs initdb beside the final folder and renames, so that a folder with the final name is a whole cluster. */
export async function initialiseCluster(cluster: Cluster, binaries: Binaries, durable: boolean): Promise<void> {
  const draft = `${cluster.dir}.new`
  const passwordFile = `${cluster.dir}.password`
  await writeFile(passwordFile, cluster.state.password, { mode: 0o600 })
  try {
    await giveTo(cluster.account, passwordFile)
    await runInitdb(draft, passwordFile, cluster.account, binaries, durable)
    await rename(draft, cluster.dir)
  } finally {
    await rm(passwordFile, { force: true })
    await rm(draft, { recursive: true, force: true })
  }
}

/** @throws EmbeddedPostgresError `embedded.version_mismatch`: PostgreSQL reads the files of its own major version only */
export async function requireSameMajorVersion(cluster: Cluster, binaries: Binaries): Promise<void> {
  const found = (await readFile(join(cluster.dir, 'PG_VERSION'), 'utf8')).trim()
  if (found === binaries.majorVersion) return
  throw new EmbeddedPostgresError(
    'embedded.version_mismatch',
    `The database in ${cluster.dir} was made by PostgreSQL ${found}, but the installed server is ${binaries.majorVersion}. ` +
      `Install the release that brought ${found}, write a dump with pg_dump and load it into a new DATA_DIR.`,
  )
}

/** Not every system has the locale C.UTF-8; PostgreSQL has had its own since version 17. */
async function runInitdb(
  dir: string,
  passwordFile: string,
  account: Account,
  binaries: Binaries,
  durable: boolean,
): Promise<void> {
  const locales = [['--locale=C.UTF-8'], ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']]
  const common = ['-D', dir, '-U', ownerRole, '--encoding=UTF8', '--auth=scram-sha-256', `--pwfile=${passwordFile}`]
  if (!durable) common.push('--no-sync')
  const failures: unknown[] = []
  for (const locale of locales) {
    await makeEmpty(dir, account)
    try {
      await run(binaries.initdb, [...common, ...locale], { cwd: dir, env: serverEnvironment(), ...account })
      return
    } catch (error) {
      failures.push(error)
    }
  }
  const [first] = failures
  throw new EmbeddedPostgresError(
    'embedded.init_failed',
    `The embedded database could not be made in ${dir}: ${first instanceof Error ? first.message : String(first)}`,
    first,
  )
}

function candidateDirs(dataDir: string, account: Account): string[] {
  return [join(dataDir, 'postgres'), ...(account ? shelterDirs(dataDir) : [])]
}

function shelterDirs(dataDir: string): string[] {
  const digest = createHash('sha256').update(dataDir).digest('hex').slice(0, 12)
  return shelters().map(shelter => join(shelter, `daogou-${digest}`, 'postgres'))
}

/** Tries the place with an empty folder, as the account that will use it; leaves nothing behind where it does not fit. */
async function canHold(dir: string, dataDir: string, account: Account): Promise<boolean> {
  const parent = dirname(dir)
  const probe = `${dir}.new`
  const made = parent === dataDir ? false : await makeShelter(parent)
  const fits = await (async () => {
    if (parent !== dataDir && !(await isOursAlone(parent))) return false
    await makeEmpty(probe, account)
    return canEnter(account, probe)
  })().catch((error: unknown) => {
    if (account === null) throw error // there is no other place to try, so the reason is worth telling
    return false
  })
  if (!fits) await rm(made ? parent : probe, { recursive: true, force: true })
  return fits
}

/** Whether the folder was made just now. */
async function makeShelter(folder: string): Promise<boolean> {
  try {
    await mkdir(folder)
    await chmod(folder, 0o755) // whatever the umask
    return true
  } catch {
    return false
  }
}

async function makeEmpty(dir: string, account: Account): Promise<void> {
  await rm(dir, { recursive: true, force: true })
  await mkdir(dir, { mode: 0o700 })
  await giveTo(account, dir)
}

async function holdsCluster(dir: string): Promise<boolean> {
  return lstat(join(dir, 'PG_VERSION')).then(
    () => true,
    error => {
      if (systemErrorCode(error) === 'ENOENT') return false
      throw error
    },
  )
}

async function refuseForgottenCluster(dataDir: string): Promise<null> {
  for (const dir of [join(dataDir, 'postgres'), ...shelterDirs(dataDir)]) {
    if (!(await holdsCluster(dir).catch(() => false))) continue
    throw new EmbeddedPostgresError(
      'embedded.state_missing',
      `There is a database in ${dir}, but ${statePath(dataDir)}, which holds its password, is gone. Restore that file; ` +
        `or, if the data is of no more use, remove ${dir}.`,
    )
  }
  return null
}

function clusterMissing(dataDir: string, dir: string): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'embedded.cluster_missing',
    `The database of ${dataDir} was kept in ${dir}, and is not there any more. Restore that folder from a backup; ` +
      `or, to begin with an empty database, remove ${statePath(dataDir)}.`,
  )
}

function unreachable(dir: string): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'embedded.unreachable',
    `The user that the database runs as cannot enter ${dir}: some folder above it is closed. ` +
      'Let others pass through it (chmod o+x), or set DATA_DIR to a folder that they can reach.',
  )
}
