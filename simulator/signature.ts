import { createHash, timingSafeEqual } from 'node:crypto'

export interface SignedPage {
  ticket: string
  nonceStr: string
  /** Seconds, as the text that was signed. */
  timestamp: string
  /** As the browser has it; what follows `#` is not signed. */
  url: string
}

/** WeCom's JS-SDK signature: raw values in a fixed order. */
export function signPage({ ticket, nonceStr, timestamp, url }: SignedPage): string {
  const text = `jsapi_ticket=${ticket}&noncestr=${nonceStr}&timestamp=${timestamp}&url=${url.split('#')[0]!}`
  return createHash('sha1').update(text).digest('hex')
}

export function isSignedBy(page: SignedPage, signature: string): boolean {
  const expected = Buffer.from(signPage(page))
  const given = Buffer.from(signature)
  return expected.length === given.length && timingSafeEqual(expected, given)
}
