import { createHash } from 'node:crypto'
import { mkdir, open, readFile, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { EmbeddedPostgresError, systemErrorCode } from './errors.ts'

const MANIFEST = 'manifest.json'
const AT_ONCE = 8
const CHUNK_BYTES = 1024 * 1024

export interface CopiedFile {
  /** Inside of the backup, with `/` between. */
  path: string
  bytes: number
  sha256: string
}

/** What a backup is and holds. Written last: a folder with it is whole. */
export interface Manifest {
  format: 1
  /** Of the service's folder; a restore needs the same major version of PostgreSQL. */
  postgresVersion: string
  systemId: string
  /** The first piece of the write-ahead log that a restore reads. */
  firstPiece: string
  /** When copying began and ended, by this machine's clock: no earlier point in time than the end can be restored. */
  startedAt: string
  endedAt: string
  folders: string[]
  files: CopiedFile[]
}

/**
 * Copies a file.
 *
 * @param isSynced makes sure that it is on the disk
 * @returns null where it is not there any more
 */
export async function copyHashed(
  from: string,
  to: string,
  { isSynced }: { isSynced: boolean },
): Promise<Omit<CopiedFile, 'path'> | null> {
  const source = await open(from, 'r').catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return null
    throw error
  })
  if (source === null) return null
  try {
    const target = await open(to, 'wx', 0o600)
    try {
      const hash = createHash('sha256')
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
      let bytes = 0
      for (;;) {
        const { bytesRead } = await source.read(chunk, 0, CHUNK_BYTES)
        if (bytesRead === 0) break
        const part = chunk.subarray(0, bytesRead)
        hash.update(part)
        await target.write(part)
        bytes += bytesRead
      }
      if (isSynced) await target.sync()
      return { bytes, sha256: hash.digest('hex') }
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

/** Writes a file of a few bytes, and makes sure that it is on the disk. */
export async function writeHashed(to: string, content: string | Buffer): Promise<Omit<CopiedFile, 'path'>> {
  const bytes = Buffer.from(content)
  const target = await open(to, 'wx', 0o600)
  try {
    await target.writeFile(bytes)
    await target.sync()
  } finally {
    await target.close()
  }
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}

/** Does so with a few at a time. */
export async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values()
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const item of left) await work(item)
    }),
  )
}

export async function writeManifest(backup: string, manifest: Manifest): Promise<void> {
  await writeHashed(join(backup, MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`)
  const folder = await open(backup, 'r')
  await folder.sync().catch(() => {}) // folders cannot be synced on Windows
  await folder.close()
}

/** @returns null where the folder is no backup, or one that was not finished */
export async function readManifest(backup: string): Promise<Manifest | null> {
  const text = await readFile(join(backup, MANIFEST), 'utf8').catch(() => null)
  if (text === null) return null
  const manifest = JSON.parse(text) as Manifest
  if (manifest.format === 1) return manifest
  throw new EmbeddedPostgresError('embedded.backup_damaged', `${backup} was made by a newer version of the service.`)
}

/** Finished backups of a folder, oldest first. */
export async function listBackups(folder: string): Promise<{ path: string; manifest: Manifest }[]> {
  const names = await readdir(folder).catch(() => [])
  const found = await Promise.all(
    names.map(async name => {
      const path = join(folder, name)
      const manifest = /^\d{8}T\d{9}Z$/.test(name) ? await readManifest(path) : null
      return manifest === null ? [] : [{ path, manifest }]
    }),
  )
  return found.flat().sort((a, b) => (a.manifest.endedAt < b.manifest.endedAt ? -1 : 1))
}

/**
 * Reads a backup as a whole and holds it against its manifest.
 *
 * @throws EmbeddedPostgresError `embedded.backup_damaged` that names what is missing or other than it was
 */
export async function verifyBackup(backup: string, manifest: Manifest): Promise<void> {
  const wrong: string[] = []
  await forEach(manifest.files, async ({ path, bytes, sha256 }) => {
    const found = await hashOf(join(backup, path))
    if (found?.bytes !== bytes || found.sha256 !== sha256) wrong.push(path)
  })
  if (wrong.length > 0) throw damaged(backup, wrong)
}

export function damaged(backup: string, paths: readonly string[]): EmbeddedPostgresError {
  const shown = [...paths].sort().slice(0, 10).join(', ')
  return new EmbeddedPostgresError(
    'embedded.backup_damaged',
    `The backup ${backup} is damaged: ${paths.length} files are missing or not what they were (${shown}). Use another one.`,
  )
}

async function hashOf(path: string): Promise<Omit<CopiedFile, 'path'> | null> {
  const file = await open(path, 'r').catch(() => null)
  if (file === null) return null
  try {
    const hash = createHash('sha256')
    let bytes = 0
    for await (const chunk of file.createReadStream({ autoClose: false, highWaterMark: CHUNK_BYTES })) {
      hash.update(chunk as Buffer)
      bytes += (chunk as Buffer).length
    }
    return { bytes, sha256: hash.digest('hex') }
  } finally {
    await file.close()
  }
}

/**
 * Copies files of a backup to another place, each held against the manifest on the way. A server that recovers makes
 * sure by itself that they are on the disk.
 */
export async function copyVerified(
  backup: string,
  files: readonly CopiedFile[],
  placeOf: (path: string) => string,
): Promise<void> {
  const wrong: string[] = []
  for (const folder of new Set(files.map(({ path }) => dirname(placeOf(path))))) {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  }
  await forEach(files, async ({ path, bytes, sha256 }) => {
    const copied = await copyHashed(join(backup, path), placeOf(path), { isSynced: false })
    if (copied?.bytes !== bytes || copied.sha256 !== sha256) wrong.push(path)
  })
  if (wrong.length > 0) throw damaged(backup, wrong)
}

/** Whether there is nothing in a folder, or no folder. */
export async function isVacant(folder: string): Promise<boolean> {
  const found = await stat(folder).catch(() => null)
  return found === null || (found.isDirectory() && (await readdir(folder)).length === 0)
}
