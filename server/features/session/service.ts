import type { Db } from '../../database.ts'
import { AppError } from '../../errors.ts'
import type { Caller } from '../auth/domain.ts'
import { DEFAULT_BRAND_SLUG, selectBrand } from '../auth/service.ts'
import { selectStores } from '../stores/service.ts'
import { WecomError, type Wecom, type WecomApp } from '../wecom/service.ts'
import type { PageSignatures, Session } from './schema.ts'

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

/** The page signed with both tickets; null where WeCom does not give them at once. */
export async function signPage(wecom: Pick<Wecom, 'sign'>, page: string): Promise<PageSignatures | null> {
  const url = page.split('#')[0]!
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>(resolve => (timer = setTimeout(resolve, TICKETS_MS, null)))
  const signed = Promise.all([wecom.sign(url, 'config'), wecom.sign(url, 'agent_config')]).then(
    ([config, agent]) => ({ url, config, agent_config: agent }),
    (error: unknown) => {
      if (error instanceof WecomError) return null
      throw error
    },
  )
  // Whichever comes later is nobody's any more, also where it fails.
  signed.catch(() => {})
  return await Promise.race([signed, late]).finally(() => clearTimeout(timer))
}
