import type { Instant } from '../../lib/time.ts'
import { DAY_MS, MINUTE_MS } from '../../lib/time.ts'
import { linkAddresses } from '../share-links/domain.ts'

/** Where in the mini program a share link leads, and how long what WeChat gives is good. No clock, no network. */

/** Where a link leads in the mini program. */
export interface Place {
  /** Without a slash before it, as WeChat wants it. */
  page: string
  /** With the link's code as `dg`. */
  query: string
  /** The link's code as a mini-program code carries it; null where it does not fit. */
  scene: string | null
}

const QUERY_LENGTH_MAX = 1024
/** Everything but these is escaped in a URL link's query (WeChat: 40212). */
const OUTSIDE_QUERY = /[^0-9A-Za-z!#$&'()*+,/:;=?@\-._~%]/gu

/** @returns null where the link has no page in the mini program, or one that WeChat would not take */
export function placeOf(linkCode: string, path: string | undefined): Place | null {
  const { miniProgramPath, scene } = linkAddresses(linkCode, path, '')
  if (miniProgramPath === null) return null
  const at = miniProgramPath.indexOf('?')
  const page = miniProgramPath
    .slice(0, at)
    .replace(/^\/+/, '')
    .replace(/\.html$/, '')
  const query = miniProgramPath.slice(at + 1).replace(OUTSIDE_QUERY, encodeURIComponent)
  return page === '' || query.length > QUERY_LENGTH_MAX ? null : { page, query, scene }
}

/** WeChat's longest is 30 days; its clock may differ from ours. */
export const LINK_MS = 30 * DAY_MS - 10 * MINUTE_MS
/** Nobody is sent to a link that ends sooner. */
export const LINK_LEFT_MS = 60 * MINUTE_MS
/** One that ends so soon is renewed… */
export const RENEW_BEFORE_MS = 3 * DAY_MS
/** …where somebody used it in this time. */
export const RENEW_USED_MS = 14 * DAY_MS
/** One that ended so long ago is forgotten. */
export const FORGET_AFTER_MS = 30 * DAY_MS
/** How long one request for a link may take before another may be made. */
export const LEASE_MS = 2 * MINUTE_MS

/** What is wrong with this one link, and not with the mini program or the way to it. */
const OF_THE_LINK: ReadonlySet<number> = new Set([40097, 40165, 40169, 40212, 41030, 47001])

export const isOfTheLink = (errcode: number | null): boolean => errcode !== null && OF_THE_LINK.has(errcode)

/** How long WeChat is left alone about a link after it refused or did not answer. */
export const retryAfterMs = (errcode: number | null): number => (isOfTheLink(errcode) ? 60 : 1) * MINUTE_MS

/** Whether a link is still one that somebody can be sent to. */
export const isGood = (link: { url: string | null; expiresAt: Instant | null }, now: Instant): boolean =>
  link.url !== null && link.expiresAt !== null && link.expiresAt - LINK_LEFT_MS > now
