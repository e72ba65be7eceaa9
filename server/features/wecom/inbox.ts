import type { Db, Pool, Tx } from '../../database.ts'
import { isDatabaseAway, transact } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { DAY_MS, formatInstant, MINUTE_MS, type Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import type { CallbackEvent, CallbackFields } from './callbacks.ts'
import { isPassing } from './domain.ts'
import { WecomError } from './errors.ts'
import {
  claimMessages,
  deleteOldMessages,
  finishMessage,
  insertMessages,
  lockLane,
  planForNow,
  postponeMessage,
  selectBrandIds,
  selectInboxState,
  selectMessages,
  setAsideMessage,
  updateReplayed,
  type ClaimedMessage,
  type MessageStatus,
} from './queries.ts'

/** An event that waits to be dealt with. */
export interface CallbackMessage {
  brandId: number
  /** As `change_external_contact/add_external_contact`. */
  event: string
  at: Instant
  receivedAt: Instant
  fields: CallbackFields
}

/** What follows from an event, written in the transaction that marks it as done. */
export type Effect = (tx: Tx) => Promise<void>

/**
 * Deals with one kind of event: asks WeCom what has to be asked, and gives what is to be written. It may run more than
 * once for one event, its effect is committed once.
 */
export type CallbackHandler = (message: CallbackMessage) => Promise<Effect>

/** By event. */
export type CallbackHandlers = Readonly<Record<string, CallbackHandler>>

/** Thrown by a handler: not a fault, only too early. */
export class TooEarly extends Error {
  readonly afterMs: number
  constructor(afterMs: number) {
    super('too early')
    this.afterMs = afterMs
  }
}

/** Between one try and the next; after the last the message is set aside. */
const SPACES_MS = [1000, 10_000, MINUTE_MS, 5 * MINUTE_MS]
/** Within which a process must have dealt with what it took; then another takes it. */
export const LEASE_MS = 20_000
/** How often to ask WeCom again at least, while it is away. */
const POSTPONED_MS = { least: 2000, most: 5 * MINUTE_MS }
export const KEPT_DAYS = 30

export interface Inbox {
  /** Returns when the event is durable. @returns whether it was not there before */
  keep(event: CallbackEvent): Promise<boolean>
}

interface Waiting {
  event: CallbackEvent
  resolve: (isNew: boolean) => void
  reject: (error: unknown) => void
}

/** The most that one insert takes. */
const EVENTS_PER_INSERT = 200

/**
 * Group commit: while one insert is under way the next events gather, and go together in the next one. Each waits for
 * its own to be committed, so that WeCom is never told of having been heard when we could forget.
 */
export function buildInbox(options: { pool: Pool; vault: Vault; brandId: number; now: () => Instant }): Inbox {
  const { pool, vault, brandId, now } = options
  let waiting: Waiting[] = []
  let isFlushing = false
  const flush = async () => {
    if (isFlushing) return
    isFlushing = true
    while (waiting.length > 0) {
      const batch = waiting.slice(0, EVENTS_PER_INSERT)
      waiting = waiting.slice(EVENTS_PER_INSERT)
      try {
        const rows = batch.map(({ event: { fields, at, ...rest } }) => ({
          ...rest,
          at: formatInstant(at),
          messageId: uuidv7(now()),
          contentHex: vault.encrypt(JSON.stringify(fields)).toString('hex'),
        }))
        const inserted = await insertMessages(pool, { brandId, rows, now: now() })
        const isNew = new Set(inserted)
        for (const [i, { resolve }] of batch.entries()) resolve(isNew.has(rows[i]!.messageId))
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    isFlushing = false
  }
  return {
    keep: event =>
      new Promise((resolve, reject) => {
        waiting.push({ event, resolve, reject })
        void flush()
      }),
  }
}

export interface InboxWork {
  pool: Pool
  vault: Vault
  brandId: number
  now: () => Instant
  handlers: CallbackHandlers
}

/** A message that was taken, and the work on it. */
export interface Taken {
  messageId: string
  done: Promise<void>
}

/**
 * Takes up to `limit` messages, the first of their lanes, and begins to deal with them. Several processes may do so at
 * once: a lane is worked on by one at a time, lanes beside each other.
 */
export async function takeMessages(work: InboxWork, limit: number): Promise<Taken[]> {
  const { pool, brandId } = work
  const now = work.now()
  const leaseId = uuidv7(now)
  const claimed = await transact(pool, async tx => {
    await planForNow(tx)
    return await claimMessages(tx, { brandId, now, leaseId, leasedUntil: now + LEASE_MS, limit })
  })
  return claimed.map(message => ({ messageId: message.messageId, done: deal(work, leaseId, message) }))
}

async function deal(work: InboxWork, leaseId: string, claimed: ClaimedMessage): Promise<void> {
  const { pool, vault, brandId, now, handlers } = work
  const { messageId, event, at, receivedAt, lane } = claimed
  const mine = { brandId, messageId, leaseId }
  const handler = Object.hasOwn(handlers, event) ? handlers[event] : undefined
  try {
    const fields = JSON.parse(vault.decrypt(claimed.contentEncrypted)) as CallbackFields
    const effect = handler ? await handler({ brandId, event, at, receivedAt, fields }) : null
    await transact(pool, async tx => {
      await lockLane(tx, { brandId, lane })
      const status = effect ? 'done' : event === 'unreadable' ? 'set_aside' : 'unhandled'
      const reason = effect ? null : event === 'unreadable' ? 'This is no XML.' : 'There is no rule for this event.'
      const isMine = await finishMessage(tx, { ...mine, status, reason, now: now() })
      if (isMine && effect) await effect(tx)
    })
  } catch (error) {
    if (isDatabaseAway(error)) throw error
    const at = now()
    if (error instanceof TooEarly) {
      await postponeMessage(pool, { ...mine, dueAt: at + error.afterMs, isFailure: false, reason: null })
    } else if (error instanceof WecomError && isPassing(error)) {
      // WeCom is away: no fault of the message, which waits as long as it takes, a little longer each time.
      const waitedMs = at - claimed.receivedAt
      const waitMs = Math.min(Math.max(waitedMs / 4, POSTPONED_MS.least), POSTPONED_MS.most)
      await postponeMessage(pool, { ...mine, dueAt: Math.round(at + waitMs), isFailure: false, reason: error.message })
    } else {
      const reason = reasonOf(error)
      const spaceMs = SPACES_MS[claimed.tries]
      if (spaceMs === undefined) await setAsideMessage(pool, { ...mine, reason, now: at })
      else await postponeMessage(pool, { ...mine, dueAt: at + spaceMs, isFailure: true, reason })
    }
  }
}

/** Why something failed, for an administrator; long numbers may be telephones. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return text
    .replace(/\d{7,}/g, '…')
    .replaceAll('\u0000', '')
    .toWellFormed()
    .slice(0, 500)
}

export const MESSAGE_STATUSES = ['waiting', 'done', 'unhandled', 'set_aside'] as const

/** The events kept, newest first. @throws AppError malformed_cursor */
export async function listMessages(
  db: Db,
  options: { brandId: number; status?: MessageStatus; limit?: number; cursor?: string },
) {
  const limit = options.limit ?? PAGE_DEFAULT
  const after = options.cursor === undefined ? null : decodeCursor(options.cursor, ['uuid'])
  if (options.cursor !== undefined && !after) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  const rows = await selectMessages(db, {
    brandId: options.brandId,
    status: options.status ?? null,
    after: after && String(after[0]),
    limit: limit + 1,
  })
  return pageOf(
    rows,
    limit,
    row => [row.messageId],
    ({ messageId, event, status, at, receivedAt, tries, reason, finishedAt }) => ({
      id: messageId,
      event,
      status,
      at: formatInstant(at),
      receivedAt: formatInstant(receivedAt),
      tries,
      reason,
      finishedAt: finishedAt === null ? null : formatInstant(finishedAt),
    }),
  )
}

/**
 * Lets a message that was set aside, or that nobody knew what to do with, be dealt with once more. One that waits or
 * is done stays as it is.
 *
 * @param record writes down who asked for it, where something is done
 * @throws AppError not_found
 */
export async function replayMessage(
  pool: Pool,
  options: { brandId: number; messageId: string; now: Instant },
  record: (tx: Tx) => Promise<void>,
): Promise<{ id: string; status: MessageStatus }> {
  const { brandId, messageId, now } = options
  return await transact(pool, async tx => {
    const found = await updateReplayed(tx, { brandId, messageId, now })
    if (!found) throw new AppError('not_found', 'There is nothing here.')
    if (found.isReplayed) await record(tx)
    return { id: messageId, status: found.status }
  })
}

/** How the inbox stands: what waits, since when, and what was set aside. */
export async function inboxState(db: Db, options: { brandId: number; now: Instant }) {
  const { waiting, oldestAt, setAside, unhandled, lastReceivedAt } = await selectInboxState(db, options)
  return {
    waiting,
    oldestSeconds: oldestAt === null ? 0 : Math.max(0, Math.round((options.now - oldestAt) / 1000)),
    setAside,
    unhandled,
    lastReceivedAt: lastReceivedAt === null ? null : formatInstant(lastReceivedAt),
  }
}

/** Forgets what was dealt with 30 days ago. What was set aside stays until somebody looks at it. */
export async function forgetOldMessages(db: Db, now: Instant): Promise<void> {
  for (const brandId of await selectBrandIds(db)) {
    await deleteOldMessages(db, { brandId, before: now - KEPT_DAYS * DAY_MS })
  }
}
