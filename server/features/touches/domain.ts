const CRAWLERS =
  /bot\b|crawl|spider|slurp|preview|facebookexternalhit|embedly|whatsapp|skypeuripreview|vkshare|iframely|pinterest|validator|headless-link|mediapartners|bytespider|baiduspider|sogou|360spider|yisouspider|petalbot/i

/** Whether a request is somebody's look, and not a machine that shows a preview or fetches ahead. */
export function isVisit(headers: {
  userAgent: string | undefined
  purpose: string | undefined
  secPurpose: string | undefined
}): boolean {
  if (CRAWLERS.test(headers.userAgent ?? '')) return false
  return !/prefetch|preview|prerender/i.test(`${headers.purpose ?? ''} ${headers.secPurpose ?? ''}`)
}
