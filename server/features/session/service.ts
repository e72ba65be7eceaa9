import { transact, type Db, type Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller } from '../auth/domain.ts'
import { DEFAULT_BRAND_SLUG, revokeSessions, selectBrand, selectPerson, selectSessionsOf } from '../auth/service.ts'
import { selectStores } from '../stores/service.ts'
import type { Brands } from '../brands/service.ts'
import { WecomError, type Wecom, type WecomApp } from '../wecom/service.ts'
import type { OwnSession, PageSignatures, Session } from './schema.ts'

/** Where a sign-in may lead: a page of ours, said as a path alone. */
export function localRedirect(asked: string | undefined): string {
  const fallback = '/sidebar/'
  // Backslashes and control characters are read as slashes or skipped by some browsers.
  if (asked === undefined || !/^\/(?![/\\])[\x21-\x7e]*$/.test(asked) || asked.includes('\\')) return fallback
  const path = new URL(asked, 'http://local.invalid').pathname
  return path.startsWith('/sidebar/') || path.startsWith('/console/') ? asked : fallback
}

/** The brand that a page's address names. */
export const brandIn = (page: string): string | null => new URL(page, 'http://local.invalid').searchParams.get('brand')

/** The page's address, naming the brand; that of the default brand need not. */
export function withBrand(page: string, slug: string): string {
  const named = brandIn(page)
  if (named === slug || (named === null && slug === DEFAULT_BRAND_SLUG)) return page
  const url = new URL(page, 'http://local.invalid')
  url.searchParams.set('brand', slug)
  return url.pathname + url.search + url.hash
}

/** The address where WeCom asks who somebody is. */
export function authorizeUrl(options: {
  app: WecomApp
  authorizeUrl: string
  scanLoginUrl: string
  publicUrl: string
  state: string
  scan: boolean
}): string {
  const { app, state, scan } = options
  const redirectUri = `${options.publicUrl}/auth/wecom/callback`
  const url = new URL(scan ? options.scanLoginUrl : options.authorizeUrl)
  const parameters: Record<string, string> = scan
    ? { login_type: 'CorpApp', appid: app.corpId, agentid: app.agentId, redirect_uri: redirectUri, state }
    : {
        appid: app.corpId,
        redirect_uri: redirectUri,
        response_type: 'code',
        scope: 'snsapi_base',
        state,
        agentid: app.agentId,
      }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return scan ? url.href : `${url.href}#wechat_redirect`
}

/** What the screens need to know about who is signed in. */
export async function describeSession(
  db: Db,
  options: { caller: Caller; app: WecomApp | null; csrfToken: string },
): Promise<Session> {
  const { caller, app, csrfToken } = options
  const person = caller.person!
  const brand = await selectBrand(db, { brandId: caller.brandId })
  const [store] = person.storeCode
    ? await selectStores(db, { brandId: caller.brandId, storeCodes: [person.storeCode] })
    : []
  if (!brand) throw new AppError('session.missing', 'Sign in first.')
  return {
    associateId: person.associateId,
    name: person.name,
    role: person.role,
    storeCode: person.storeCode,
    storeName: store?.name ?? null,
    brand: brand.slug,
    brandName: brand.name,
    timeZone: brand.timezone,
    corpId: app?.corpId ?? '',
    agentId: app?.agentId ?? '',
    csrfToken,
  }
}

/** Who is signed in is told without waiting longer than this for a ticket that WeCom has yet to give. */
const TICKETS_MS = 800

/** The page itself waits less long: its script may ask for signatures when it is there. */
const PAGE_TICKETS_MS = 300

/**
 * Who signs the sidebar's page before anybody is signed in: as the brand that its address names. Of its addresses those
 * that WeCom opens are signed, nothing else that somebody may put into a query.
 */
export const pageSigner =
  (options: { brands: Pick<Brands, 'bySlug'>; publicUrl: string; now: () => Instant }) =>
  async (page: string): Promise<{ app: object; sign: () => Promise<PageSignatures | null> } | null> => {
    const slug = brandIn(page) ?? DEFAULT_BRAND_SLUG
    if (page !== '/sidebar/' && page !== `/sidebar/?brand=${slug}`) return null
    const wecom = (await options.brands.bySlug(slug))?.wecom
    if (!wecom) return null
    const url = options.publicUrl + page
    return { app: wecom, sign: () => signPage(wecom, { page: url, now: options.now(), waitMs: PAGE_TICKETS_MS }) }
  }

/** The page signed with both tickets; null where WeCom does not give them at once. */
export async function signPage(
  wecom: Pick<Wecom, 'sign'>,
  { page, now, waitMs = TICKETS_MS }: { page: string; now: Instant; waitMs?: number },
): Promise<PageSignatures | null> {
  const url = page.split('#')[0]!
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>(resolve => (timer = setTimeout(resolve, waitMs, null)))
  const signed = Promise.all([wecom.sign(url, 'config'), wecom.sign(url, 'agent_config')]).then(
    ([{ expiresAt, ...config }, { expiresAt: agentExpiresAt, ...agent }]) => ({
      url,
      config,
      agent_config: agent,
      validSeconds: Math.max(0, Math.floor((Math.min(expiresAt, agentExpiresAt) - now) / 1000)),
    }),
    (error: unknown) => {
      if (error instanceof WecomError) return null
      throw error
    },
  )
  // Whichever comes later is nobody's any more, also where it fails.
  signed.catch(() => {})
  return await Promise.race([signed, late]).finally(() => clearTimeout(timer))
}

interface Asked {
  caller: Caller
  now: Instant
}

/** Where whoever asks is signed in, the one used last first. */
export async function listSessions(
  db: Db,
  { caller, sessionId, now }: Asked & { sessionId: string },
): Promise<OwnSession[]> {
  const rows = await selectSessionsOf(db, { brandId: caller.brandId, associateId: caller.person!.associateId, now })
  return rows.map(row => {
    const [app = null, system = null] = (row.device?.split(' ') ?? []) as [OwnSession['app'], OwnSession['system']]
    return {
      sessionId: row.sessionId,
      app,
      system,
      since: formatInstant(row.createdAt),
      seenAt: formatInstant(row.seenAt ?? row.createdAt),
      isThis: row.sessionId === sessionId,
    }
  })
}

/**
 * Ends a session of whoever asks, or all but the one that he asks by.
 *
 * @returns how many stood
 * @throws AppError not_found where he has no such session
 */
export async function endOwnSessions(
  pool: Pool,
  { caller, sessionId, only, now }: Asked & { sessionId: string; only: string | null },
): Promise<number> {
  const own = { brandId: caller.brandId, associateId: caller.person!.associateId, now }
  const ended = await revokeSessions(pool, { ...own, only, butFor: only === null ? sessionId : null, because: 'ended' })
  if (only !== null && ended === 0) throw new AppError('not_found', 'There is no such session.')
  return ended
}

/**
 * Headquarters ends all sessions of somebody, or of everybody else: after a phone was lost, after a leak. It is on record.
 *
 * @returns how many stood
 * @throws AppError not_found where there is no such person
 */
export async function endSessionsOf(
  pool: Pool,
  options: Asked & { associateId: string | null; sessionId: string | null },
): Promise<number> {
  const { caller, associateId, sessionId, now } = options
  const { brandId, actor } = caller
  return await transact(pool, async tx => {
    if (associateId !== null && !(await selectPerson(tx, { brandId, associateId }))) {
      throw new AppError('not_found', 'There is no such person.')
    }
    const butFor = associateId === null ? sessionId : null
    const ended = await revokeSessions(tx, { brandId, associateId, only: null, butFor, now, because: 'ended_by_headquarters' }) // prettier-ignore
    const subject = associateId === null ? 'sessions' : `associates/${associateId}`
    await insertActivity(tx, { brandId, now, actor, action: 'sessions.ended', subject, details: { ended } })
    return ended
  })
}
