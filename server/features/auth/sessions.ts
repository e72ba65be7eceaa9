import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { transact, type Db, type Pool } from '../../database.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { DAY_MS, parseInstant, type Instant } from '../../lib/time.ts'
import type { Caller, PersonRole, Scope } from './domain.ts'
import {
  insertHeadquartersPerson,
  insertSession,
  lockSession,
  revokeSession,
  selectPerson,
  selectSessionPerson,
  selectStoresOfFranchisee,
  updateRefreshHash,
  type PersonRow,
} from './queries.ts'

/** How long somebody stays signed in without coming back. */
export const SESSION_MS = 30 * DAY_MS
/** Access tokens live minutes: what a stolen one is worth. */
export const ACCESS_SECONDS = 600

const sha256 = (text: string) => createHash('sha256').update(text).digest()

export interface SessionTokens {
  sessionId: string
  associateId: string
  /** `<brandId>.<sessionId>.<secret>` */
  refreshToken: string
}

export type SignInResult = { status: 'signed_in'; tokens: SessionTokens } | { status: 'unknown' | 'inactive' }

const isActiveAt = (person: PersonRow, at: Instant) =>
  person.employments.some(({ activeFrom, activeTo }) => {
    const to = activeTo === null ? null : parseInstant(activeTo)
    return parseInstant(activeFrom)! <= at && (to === null || at < to)
  })

/**
 * Begins a session for a userid that WeCom vouches for, where we know the person and he works here now.
 *
 * @param bootstrapHeadquarters userids that are headquarters before anybody was told of
 */
export async function signIn(
  pool: Pool,
  options: {
    brandId: number
    userid: string
    bootstrapHeadquarters: readonly string[]
    /** `User-Agent`: of it only the sort of device is kept. */
    userAgent?: string | undefined
    now: Instant
  },
): Promise<SignInResult> {
  const { brandId, userid, now } = options
  if (options.bootstrapHeadquarters.includes(userid)) {
    await insertHeadquartersPerson(pool, { brandId, associateId: userid, now })
  }
  const person = await selectPerson(pool, { brandId, associateId: userid })
  if (!person) return { status: 'unknown' }
  if (!isActiveAt(person, now)) return { status: 'inactive' }
  const sessionId = uuidv7(now)
  const secret = randomBytes(32).toString('base64url')
  await insertSession(pool, {
    brandId,
    sessionId,
    associateId: userid,
    refreshHash: sha256(secret),
    device: deviceOf(options.userAgent ?? ''),
    now,
    expiresAt: now + SESSION_MS,
  })
  return {
    status: 'signed_in',
    tokens: { sessionId, associateId: userid, refreshToken: `${brandId}.${sessionId}.${secret}` },
  }
}

const SYSTEMS = [
  ['android', /Android/],
  ['ios', /iPhone|iPad/],
  ['windows', /Windows/],
  ['mac', /Macintosh/],
] as const

/** `wecom android`, `browser windows`: enough for somebody to know his own again. */
export function deviceOf(userAgent: string): string {
  const system = SYSTEMS.find(([, pattern]) => pattern.test(userAgent))?.[0] ?? 'other'
  return `${/wxwork/i.test(userAgent) ? 'wecom' : 'browser'} ${system}`
}

const REFRESH_TOKEN = /^(\d{1,9})\.([0-9a-f-]{36})\.([A-Za-z0-9_-]{43})$/

/**
 * Changes a refresh token for the next one. One that was changed before ends the whole session: somebody else has it.
 *
 * @returns null where the token is good for nothing
 */
export async function refreshSession(
  pool: Pool,
  options: { refreshToken: string; now: Instant },
): Promise<(SessionTokens & { brandId: number }) | null> {
  const match = REFRESH_TOKEN.exec(options.refreshToken)
  if (!match) return null
  const brandId = Number(match[1])
  const sessionId = match[2]!
  const { now } = options
  return await transact(pool, async tx => {
    const session = await lockSession(tx, { brandId, sessionId })
    if (!session || session.revokedAt !== null || session.expiresAt <= now) return null
    if (!timingSafeEqual(session.refreshHash, sha256(match[3]!))) {
      await revokeSession(tx, { brandId, sessionId, now, because: 'reused' })
      return null
    }
    const person = await selectPerson(tx, { brandId, associateId: session.associateId })
    if (!person || !isActiveAt(person, now)) {
      await revokeSession(tx, { brandId, sessionId, now, because: 'inactive' })
      return null
    }
    const secret = randomBytes(32).toString('base64url')
    await updateRefreshHash(tx, { brandId, sessionId, refreshHash: sha256(secret), now })
    return {
      brandId,
      sessionId,
      associateId: session.associateId,
      refreshToken: `${brandId}.${sessionId}.${secret}`,
    }
  })
}

/** Ends the session that a refresh token belongs to. */
export async function endSession(pool: Pool, options: { refreshToken: string; now: Instant }): Promise<void> {
  const match = REFRESH_TOKEN.exec(options.refreshToken)
  if (!match) return
  const brandId = Number(match[1])
  await transact(pool, async tx => {
    const session = await lockSession(tx, { brandId, sessionId: match[2]! })
    if (!session || !timingSafeEqual(session.refreshHash, sha256(match[3]!))) return
    await revokeSession(tx, { brandId, sessionId: match[2]!, now: options.now, because: 'signed_out' })
  })
}

/**
 * Who is behind a session, as of now: somebody who left, or whose role changed a minute ago, is what he is now and not
 * what his token says.
 *
 * @param brandSlug the brand that the page is of; a session of another one is none there
 * @returns null where there is no such session; `inactive` where the person may not come in any more
 */
export async function callerOfSession(
  db: Db,
  options: {
    brandId: number
    sessionId: string
    bootstrapHeadquarters: readonly string[]
    brandSlug?: string | null
    now: Instant
  },
): Promise<Caller | 'inactive' | null> {
  const { brandId, sessionId, now } = options
  const row = await selectSessionPerson(db, { brandId, sessionId, now })
  if (!row || (options.brandSlug != null && options.brandSlug !== row.slug)) return null
  if (!isActiveAt(row, now)) return 'inactive'
  const role = options.bootstrapHeadquarters.includes(row.associateId) ? 'headquarters' : (row.role as PersonRole)
  return {
    brandId,
    zone: row.timezone,
    actor: row.associateId,
    id: `person:${row.associateId}`,
    scopes: new Set(),
    scope: await scopeOf(db, brandId, role, row),
    person: { associateId: row.associateId, name: row.name, role, storeCode: row.storeCode },
  }
}

async function scopeOf(db: Db, brandId: number, role: PersonRole, person: PersonRow): Promise<Scope> {
  switch (role) {
    case 'headquarters':
    case 'auditor':
      return { brandId, reach: 'brand' }
    case 'manager':
      return person.storeCode === null
        ? { brandId, reach: 'self', associateId: person.associateId }
        : { brandId, reach: 'stores', storeCodes: [person.storeCode] }
    case 'franchisee':
      return {
        brandId,
        reach: 'stores',
        storeCodes:
          person.franchiseeId === null
            ? []
            : await selectStoresOfFranchisee(db, { brandId, franchiseeId: person.franchiseeId }),
      }
    case 'associate':
      return { brandId, reach: 'self', associateId: person.associateId }
  }
}

/** What a page sends back with every write: another site can make the browser send cookies, not this. */
export function csrfTokenOf(sessionSecret: string, sessionId: string): string {
  return createHmac('sha256', sessionSecret).update(`csrf ${sessionId}`).digest('base64url')
}

export function isCsrfToken(sessionSecret: string, sessionId: string, given: unknown): boolean {
  if (typeof given !== 'string') return false
  return timingSafeEqual(sha256(given), sha256(csrfTokenOf(sessionSecret, sessionId)))
}
