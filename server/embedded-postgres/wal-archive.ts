import { mkdir, readdir, rm, stat, chown, chmod } from 'node:fs/promises'
import { join } from 'node:path'
import type { Account } from './account.ts'
import { canEnter } from './account.ts'
import { EmbeddedPostgresError } from './errors.ts'

/**
 * After so long a piece of the log that anything was written to is closed and archived, full or not. What was written
 * since is on this machine alone: a minute at most is promised, and archiving a piece takes time too.
 */
const CLOSED_AFTER_SECONDS = 30

/** The folder goes into commands of a shell, inside of double quotes. */
export const isArchivable = (folder: string): boolean => process.platform !== 'win32' && !/["'\\$`%\n]/.test(folder)

/**
 * Server settings that copy each piece of the write-ahead log into a folder: whole or not at all, on the disk before the
 * server may forget its own, and never over another piece of the same name.
 */
export function archiveSettings(folder: string): Record<string, string> {
  const piece = `${folder}/%f.gz`
  const isThere = `gzip -cdq "${piece}" 2>/dev/null | cmp -s - "%p"`
  const copy = `gzip -1c "%p" > "${piece}.new" && sync "${piece}.new" && mv "${piece}.new" "${piece}" && sync "${folder}"`
  return {
    archive_mode: 'on',
    archive_timeout: String(CLOSED_AFTER_SECONDS),
    archive_command: `if ${isThere}; then exit 0; fi; test ! -e "${piece}" && ${copy}`,
  }
}

/** Fetches a piece for a server that recovers: 1 where there is none, and recovery ends; 200 where it cannot be read, and it fails. */
export function fetchCommand(folder: string | null): string {
  if (folder === null) return 'exit 1'
  const piece = `${folder}/%f.gz`
  return `test -e "${piece}" || exit 1; gzip -cdq "${piece}" > "%p" || exit 200`
}

/** Makes the folder, for the server's account alone. @throws EmbeddedPostgresError `embedded.unreachable` */
export async function prepareArchive(folder: string, account: Account): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  if (account && (await stat(folder)).uid !== account.uid) {
    await chown(folder, account.uid, account.gid)
    await chmod(folder, 0o700)
  }
  if (!account || (await canEnter(account, folder))) return
  throw new EmbeddedPostgresError(
    'embedded.unreachable',
    `The user that the database runs as cannot enter ${folder}, where its log is to be archived: some folder above it ` +
      'is closed. Let others pass through it (chmod o+x), or set WAL_ARCHIVE_DIR to a folder that they can reach.',
  )
}

/** `000000010000000000000003`: timeline, then number, eight and sixteen hexadecimal digits. */
const PIECE = /^([0-9A-F]{8})([0-9A-F]{16})(\.partial)?\.gz$/

/** Removes pieces older than the one given, which a restore from the oldest backup begins with. @returns how many */
export async function forgetPiecesBefore(folder: string, first: string): Promise<number> {
  const number = first.slice(8)
  const old = (await readdir(folder)).filter(name => {
    const match = PIECE.exec(name)
    return match !== null && match[2]! < number
  })
  for (const name of old) await rm(join(folder, name), { force: true })
  return old.length
}
