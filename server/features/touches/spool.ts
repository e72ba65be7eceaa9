import { randomUUID } from 'node:crypto'
import { appendFile, mkdir, open, readdir, stat, unlink, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { acquireFileLock, type FileLock } from '../../lib/file-lock.ts'
import type { Click } from './service.ts'

/** A click as it lies on the disk until the database takes it: a line of JSON each. */
export type SpooledClick = Click & { brandId: number }

/**
 * Clicks that the database could not take, on the disk. Each process writes a file of its own, and holds a lock beside it
 * as long as it lives; a file whose process is dead is adopted by whoever finds it. Delivering twice is harmless, since
 * each click has its touchId: files are only ever taken away whole, after everything in them was delivered.
 */
export interface Spool {
  /** Returns when the clicks would outlive a power failure. @throws where they cannot be written */
  keep(clicks: readonly SpooledClick[]): Promise<void>
  /** Hands over what is kept, piece by piece; what `take` fails at stays. */
  deliver(take: (clicks: SpooledClick[]) => Promise<void>): Promise<void>
  /** Looks for files of processes that died, and does the same with them. */
  adopt(take: (clicks: SpooledClick[]) => Promise<void>): Promise<void>
  /** Puts aside, beside the files, what no database will ever take. */
  putAside(click: SpooledClick): Promise<void>
  /** How many clicks wait in this process's file. */
  waiting(): number
  /** Leaves what is still kept to the next process. */
  close(): Promise<void>
}

/** What is read and delivered at once: about a thousand clicks. */
const PIECE_BYTES = 256 * 1024
const NAME = /^clicks-[0-9a-f-]{36}\.jsonl$/

interface OwnFile {
  path: string
  file: FileHandle
  lock: FileLock
  /** So much is durable, and so much of it delivered. */
  bytes: number
  deliveredBytes: number
  waiting: number
}

/** @param folder made when the first click has to be kept */
export function openSpool(folder: string): Spool {
  let own: OwnFile | null = null
  /** Writing to the file and taking it away pass one at a time. */
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = turn.then(work)
    turn = done.catch(() => {})
    return done
  }

  /** Whoever comes next may adopt it. */
  const letGo = async ({ file, lock }: OwnFile) => {
    own = null
    await file.close().catch(() => {})
    await lock.release().catch(() => {})
  }

  return {
    keep: clicks =>
      inTurn(async () => {
        const mine = (own ??= await createFile(folder))
        const lines = Buffer.from(clicks.map(click => `${JSON.stringify(click)}\n`).join(''))
        try {
          await mine.file.appendFile(lines)
          await mine.file.datasync()
        } catch (error) {
          // Nobody was answered for these: none of them may stay, and after a torn line nothing may follow.
          await mine.file.truncate(mine.bytes).catch(() => {})
          await letGo(mine)
          throw error
        }
        mine.bytes += lines.length
        mine.waiting += clicks.length
      }),
    async deliver(take) {
      const mine = own
      if (!mine) return
      await readPieces(mine.file, { from: mine.deliveredBytes, to: () => mine.bytes }, async (clicks, end) => {
        await take(clicks)
        mine.deliveredBytes = end
        mine.waiting -= clicks.length
      })
      await inTurn(async () => {
        if (own !== mine || mine.deliveredBytes < mine.bytes) return
        await unlink(mine.path)
        await letGo(mine)
      })
    },
    async adopt(take) {
      const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return []
        throw error
      })
      for (const name of names.filter(name => NAME.test(name))) {
        const path = join(folder, name)
        if (path === own?.path) continue
        const lock = await acquireFileLock(lockOf(path))
        if (!lock) continue
        try {
          await deliverFile(path, take)
        } finally {
          await lock.release()
        }
      }
    },
    putAside: click =>
      appendFile(join(folder, 'refused.jsonl'), `${JSON.stringify(click)}\n`, { mode: 0o600, flush: true }),
    waiting: () => own?.waiting ?? 0,
    close: () =>
      inTurn(async () => {
        if (own) await letGo(own)
      }),
  }
}

const lockOf = (path: string) => path.replace(/\.jsonl$/, '.lock')

async function createFile(folder: string): Promise<OwnFile> {
  await mkdir(dirname(folder), { recursive: true })
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  const path = join(folder, `clicks-${randomUUID()}.jsonl`)
  const lock = (await acquireFileLock(lockOf(path)))!
  try {
    const file = await open(path, 'ax+', 0o600)
    await syncFolder(folder)
    return { path, file, lock, bytes: 0, deliveredBytes: 0, waiting: 0 }
  } catch (error) {
    await lock.release().catch(() => {})
    throw error
  }
}

/** The name of a new file outlives a power failure only so. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return // which opens no folders
  const handle = await open(folder, 'r')
  await handle.sync().finally(() => handle.close())
}

async function deliverFile(path: string, take: (clicks: SpooledClick[]) => Promise<void>): Promise<void> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null // its process delivered it meanwhile
    throw error
  })
  if (!file) return
  try {
    const { size } = await stat(path)
    await readPieces(file, { from: 0, to: () => size }, take)
    await unlink(path)
  } finally {
    await file.close()
  }
}

/** Reads whole lines, some at a time. A last line without an end was never answered for. */
async function readPieces(
  file: FileHandle,
  span: { from: number; to: () => number },
  take: (clicks: SpooledClick[], end: number) => Promise<void>,
): Promise<void> {
  let at = span.from
  while (at < span.to()) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(PIECE_BYTES, span.to() - at)), { position: at })
    if (bytesRead === 0) return
    const read = buffer.subarray(0, bytesRead)
    const length = read.lastIndexOf('\n') + 1
    if (length === 0 && bytesRead < PIECE_BYTES) return
    const clicks = read.subarray(0, length).toString('utf8').split('\n').flatMap(readClick)
    at += length === 0 ? bytesRead : length // a piece without any line in it holds no click of ours
    if (clicks.length > 0) await take(clicks, at)
  }
}

/** A line that was torn, by a disk that was full or a machine that lost its power, is none. */
function readClick(line: string): SpooledClick[] {
  try {
    const click = JSON.parse(line) as Partial<SpooledClick> | null
    const isWhole =
      Number.isInteger(click?.brandId) &&
      Number.isInteger(click?.at) &&
      typeof click?.touchId === 'string' &&
      typeof click.linkCode === 'string' &&
      typeof click.visitorId === 'string' &&
      typeof click.byAssociate === 'boolean'
    return isWhole ? [click as SpooledClick] : []
  } catch {
    return []
  }
}
