import { transact, type Db, type Pool, type Tx } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { DAY_MS, formatInstant, parseInstant, type Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller } from '../auth/domain.ts'
import { nextTry, TEST_EVENT, type WebhookEvent } from './domain.ts'
import { UrlRefused, type Gate } from './gate.ts'
import {
  claimDeliveries,
  deleteOldDeliveries,
  deleteWebhook,
  insertEvent,
  insertWebhook,
  lockWebhooks,
  selectBrandsWithDeliveries,
  selectDeliveries,
  selectDelivery,
  selectDueWebhooks,
  selectWebhooks,
  updateFailing,
  updateReplayed,
  updateTried,
  updateWebhook,
  type ClaimedDelivery,
  type DeliveryRow,
  type DueWebhook,
  type WebhookRow,
} from './queries.ts'
import type {
  Delivery,
  DeliveryDetail,
  DeliveryQuery,
  ReplayBody,
  Webhook,
  WebhookBody,
  WebhookChange,
  WebhookMade,
} from './schema.ts'
import { newSecret, post } from './sending.ts'

export { buildGate, type Gate, type Resolve } from './gate.ts'
export { post, signatureOf } from './sending.ts'

/**
 * What other systems are told of. It is written down in the transaction of what happened; a worker sends it, as often as
 * it takes, for three days.
 */

/** Who asks, and when. */
interface Asked {
  caller: Caller
  now: Instant
}

const WEBHOOKS_MAX = 20
export const KEPT_DAYS = 30

// ----------------------------------------------------------------------------------------- writing down

/** Writes down an event for whoever is told of it, in the transaction of what happened. */
export async function noteEvent(
  tx: Tx,
  options: { brandId: number; event: WebhookEvent; data: object; now: Instant },
): Promise<void> {
  await insertEvent(tx, { ...options, eventId: uuidv7(options.now) })
}

// ----------------------------------------------------------------------------------------- subscriptions

const noWebhook = () => new AppError('not_found', 'There is no such webhook.')

const shown = ({ isActive, createdAt, failingSince, events, ...rest }: WebhookRow): Webhook => ({
  ...rest,
  events: events as WebhookEvent[],
  active: isActive,
  createdAt: formatInstant(createdAt),
  failingSince: failingSince === null ? null : formatInstant(failingSince),
})

/** A brand's subscriptions, oldest first. */
export async function listWebhooks(db: Db, brandId: number): Promise<{ items: Webhook[] }> {
  return { items: (await selectWebhooks(db, { brandId })).map(shown) }
}

const URL_FAULTS: Record<UrlRefused['fault'], string> = {
  malformed: 'It must be an address of at most 2000 characters, without a fragment.',
  credentials: 'It must hold no user name or password.',
  not_https: 'It must begin with https://.',
  unresolved: 'Its name is not known to the network.',
  private: 'It must lead to the public network alone.',
}

/** @throws AppError webhook.url_refused */
async function checkUrl(gate: Gate, url: string): Promise<string> {
  try {
    return (await gate.open(url)).url.href
  } catch (error) {
    if (!(error instanceof UrlRefused)) throw error
    const message = URL_FAULTS[error.fault]
    throw new AppError('webhook.url_refused', 'Nothing can be sent to this address.', [
      { path: 'url', code: error.fault, message },
    ])
  }
}

/**
 * Makes a subscription.
 *
 * @returns it with its secret, which nobody can read again
 * @throws AppError webhook.url_refused, webhook.too_many; conflict where the address is told already
 */
export async function createWebhook(
  dependencies: { pool: Pool; vault: Vault; gate: Gate },
  { caller, now, body }: Asked & { body: WebhookBody },
): Promise<WebhookMade> {
  const { brandId, actor } = caller
  const url = await checkUrl(dependencies.gate, body.url)
  const webhookId = uuidv7(now)
  const secret = newSecret()
  return await transact(dependencies.pool, async tx => {
    await lockWebhooks(tx, { brandId })
    const others = await selectWebhooks(tx, { brandId })
    if (others.some(other => other.url === url)) throw taken()
    if (others.length >= WEBHOOKS_MAX) {
      throw new AppError('webhook.too_many', `There are ${WEBHOOKS_MAX} already; remove one first.`)
    }
    const secretEncrypted = dependencies.vault.encrypt(secret)
    await insertWebhook(tx, { brandId, webhookId, url, events: body.events, secretEncrypted, actor, now })
    await record(tx, { caller, now, what: 'created', webhookId, details: { host: hostOf(url), events: body.events } })
    return { ...(await getWebhook(tx, { brandId, webhookId })), secret }
  })
}

const taken = () => new AppError('conflict', 'This address is told already; change what it is told of.')
/** The rest of an address may hold secrets. */
const hostOf = (url: string) => new URL(url).host

async function getWebhook(db: Db, key: { brandId: number; webhookId: string }): Promise<Webhook> {
  const [row] = await selectWebhooks(db, key)
  if (!row) throw noWebhook()
  return shown(row)
}

const record = (
  tx: Tx,
  options: Asked & { what: string; webhookId: string; details?: Record<string, unknown> },
): Promise<void> => {
  const { caller, now, what, webhookId, details } = options
  return insertActivity(tx, {
    brandId: caller.brandId,
    now,
    actor: caller.actor,
    action: `webhook.${what}`,
    subject: `webhooks/${webhookId}`,
    ...(details ? { details } : {}),
  })
}

/** Changes a subscription; its secret stays. @throws AppError not_found, webhook.url_refused, conflict */
export async function changeWebhook(
  dependencies: { pool: Pool; gate: Gate },
  { caller, now, webhookId, body }: Asked & { webhookId: string; body: WebhookChange },
): Promise<Webhook> {
  const { brandId } = caller
  await getWebhook(dependencies.pool, { brandId, webhookId })
  const url = await checkUrl(dependencies.gate, body.url)
  const { events, active } = body
  return await transact(dependencies.pool, async tx => {
    await lockWebhooks(tx, { brandId })
    const all = await selectWebhooks(tx, { brandId })
    if (!all.some(other => other.webhookId === webhookId)) throw noWebhook()
    if (all.some(other => other.url === url && other.webhookId !== webhookId)) throw taken()
    await updateWebhook(tx, { brandId, webhookId, url, events, isActive: active, now })
    await record(tx, { caller, now, what: 'changed', webhookId, details: { host: hostOf(url), events, active } })
    return await getWebhook(tx, { brandId, webhookId })
  })
}

/** Nothing is sent there any more; what waited is dropped. @throws AppError not_found */
export async function removeWebhook(pool: Pool, { caller, now, webhookId }: Asked & { webhookId: string }) {
  const { brandId } = caller
  await transact(pool, async tx => {
    const { url } = await getWebhook(tx, { brandId, webhookId })
    await deleteWebhook(tx, { brandId, webhookId })
    await record(tx, { caller, now, what: 'removed', webhookId, details: { host: hostOf(url) } })
  })
}

/** Sends an event that says nothing, so that a receiver can be tried out. @throws AppError not_found, webhook.paused */
export async function testWebhook(
  pool: Pool,
  { caller, now, webhookId }: Asked & { webhookId: string },
): Promise<{ eventId: string }> {
  const { brandId } = caller
  const eventId = uuidv7(now)
  return await transact(pool, async tx => {
    const { active } = await getWebhook(tx, { brandId, webhookId })
    if (!active) throw new AppError('webhook.paused', 'It is paused; resume it first.')
    await insertEvent(tx, { brandId, webhookId, eventId, event: TEST_EVENT, data: {}, now })
    await record(tx, { caller, now, what: 'tested', webhookId })
    return { eventId }
  })
}

// ------------------------------------------------------------------------------------------- deliveries

function shownDelivery(row: DeliveryRow): Delivery {
  const { isUnderWay, dueAt, giveUpAt, triedAt, endedAt, at, ...rest } = row
  const shownInstant = (instant: Instant | null) => (instant === null ? null : formatInstant(instant))
  return {
    ...rest,
    at: formatInstant(at),
    triedAt: shownInstant(triedAt),
    nextTryAt: row.status === 'waiting' ? formatInstant(isUnderWay ? triedAt! : Math.min(dueAt, giveUpAt)) : null,
    endedAt: shownInstant(endedAt),
  }
}

/** What was sent, is being sent and could not be, newest first. @throws AppError malformed_cursor */
export async function listDeliveries(db: Db, brandId: number, query: DeliveryQuery) {
  const limit = query.limit ?? PAGE_DEFAULT
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor, ['instant', 'uuid', 'uuid'])
  if (query.cursor !== undefined && !after) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  const rows = await selectDeliveries(db, {
    brandId,
    webhookId: query.webhookId ?? null,
    event: query.event ?? null,
    status: query.status ?? null,
    from: query.from === undefined ? null : parseInstant(query.from),
    to: query.to === undefined ? null : parseInstant(query.to),
    after: after && { at: String(after[0]), eventId: String(after[1]), webhookId: String(after[2]) },
    limit: limit + 1,
  })
  return pageOf(rows, limit, row => [formatInstant(row.at), row.eventId, row.webhookId], shownDelivery)
}

interface DeliveryId {
  webhookId: string
  eventId: string
}

/** One delivery with what is sent. @throws AppError not_found */
export async function getDelivery(db: Db, brandId: number, key: DeliveryId): Promise<DeliveryDetail> {
  const row = await selectDelivery(db, { brandId, ...key })
  if (!row) throw new AppError('not_found', 'There is no such delivery.')
  const { data, ...rest } = row
  return { ...shownDelivery(rest), body: bodyOf(row) }
}

/** What is sent: the same bytes however often. */
const bodyOf = ({ eventId, event, at, data }: Pick<ClaimedDelivery, 'eventId' | 'event' | 'at' | 'data'>) =>
  JSON.stringify({ eventId, event, at: formatInstant(at), data })

/** Has one delivery made once more, by the same event id. @throws AppError not_found */
export async function replayDelivery(
  pool: Pool,
  { caller, now, webhookId, eventId }: Asked & DeliveryId,
): Promise<Delivery> {
  const { brandId } = caller
  return await transact(pool, async tx => {
    const replayed = await updateReplayed(tx, { brandId, webhookId, eventId, now })
    const { body, ...delivery } = await getDelivery(tx, brandId, { webhookId, eventId })
    if (replayed > 0) await record(tx, { caller, now, what: 'replayed', webhookId, details: { eventId } })
    return delivery
  })
}

/** The same for all that happened in a span. @throws AppError not_found, invalid_body */
export async function replaySpan(
  pool: Pool,
  { caller, now, webhookId, body }: Asked & { webhookId: string; body: ReplayBody },
): Promise<{ replayed: number }> {
  const { brandId } = caller
  const [from, to] = [parseInstant(body.from)!, parseInstant(body.to)!]
  if (to <= from) {
    throw new AppError('invalid_body', 'The span is empty.', [
      { path: 'to', code: 'empty_span', message: 'It must be after from.' },
    ])
  }
  return await transact(pool, async tx => {
    await getWebhook(tx, { brandId, webhookId })
    const replayed = await updateReplayed(tx, { brandId, webhookId, now, from, to, status: body.status ?? null })
    if (replayed > 0) await record(tx, { caller, now, what: 'replayed', webhookId, details: { ...body, replayed } })
    return { replayed }
  })
}

// ---------------------------------------------------------------------------------------------- sending

export interface WebhookWork {
  pool: Pool
  vault: Vault
  gate: Gate
  now: () => Instant
}

/** More than a try can take, and its outcome be written down. */
export const LEASE_MS = 60_000
/** What a process sends to one address beside each other; one that fails gets one at a time, and holds up no other. */
const LANES = 4
/** What a process sends in all. */
const SENDING_MAX = 200

/** A delivery that is under way. */
export interface Sending {
  /** Whom it goes to. */
  lane: string
  /** Ends when its outcome is written down. */
  done: Promise<void>
}

/**
 * Takes what is due, no more than its address can bear, and begins to send it. Several processes may do so at once. What
 * a process that died had taken is sent again when its loan is over: at least once.
 *
 * @param underWay how much of each lane is being sent
 */
export async function takeDeliveries(work: WebhookWork, underWay: ReadonlyMap<string, number>): Promise<Sending[]> {
  const { pool, now } = work
  const at = now()
  let free = SENDING_MAX - [...underWay.values()].reduce((sum, count) => sum + count, 0)
  const sendings: Sending[] = []
  for (const webhook of await selectDueWebhooks(pool, { now: at })) {
    const { brandId, webhookId, isFailing } = webhook
    const lane = `${brandId} ${webhookId}`
    const limit = Math.min((isFailing ? 1 : LANES) - (underWay.get(lane) ?? 0), free)
    if (limit <= 0) continue
    const leaseId = uuidv7(at)
    const claimed = await transact(pool, tx =>
      claimDeliveries(tx, { brandId, webhookId, now: at, leaseId, leasedUntil: at + LEASE_MS, limit }),
    )
    free -= claimed.length
    sendings.push(...claimed.map(delivery => ({ lane, done: deliver(work, webhook, delivery, leaseId) })))
  }
  return sendings
}

async function deliver(
  { pool, vault, gate, now }: WebhookWork,
  webhook: DueWebhook,
  delivery: ClaimedDelivery,
  leaseId: string,
): Promise<void> {
  const { brandId, webhookId, url } = webhook
  const { eventId, attempts, giveUpAt } = delivery
  const { answerCode, fault } = await post(gate, {
    url,
    secret: vault.decrypt(webhook.secretEncrypted),
    eventId,
    timestamp: Math.floor(now() / 1000),
    body: bodyOf(delivery),
  })
  const at = now()
  const dueAt = fault === null ? null : nextTry(attempts, at, giveUpAt)
  const status = fault === null ? 'delivered' : dueAt === null ? 'given_up' : 'waiting'
  const key = { brandId, webhookId }
  const isOurs = await updateTried(pool, {
    ...key,
    eventId,
    leaseId,
    status,
    answerCode,
    fault,
    dueAt: dueAt ?? at,
    endedAt: status === 'waiting' ? null : at,
  })
  if (isOurs) await updateFailing(pool, { ...key, failingSince: fault === null ? null : at })
}

/** Forgets what happened 30 days ago, and what is of removed subscriptions. */
export async function forgetOldDeliveries(db: Db, now: Instant): Promise<void> {
  for (const brandId of await selectBrandsWithDeliveries(db)) {
    await deleteOldDeliveries(db, { brandId, before: now - KEPT_DAYS * DAY_MS })
  }
}
