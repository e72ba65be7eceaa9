import type { Session } from '../../server/features/session/schema.ts'
import { createApi } from './api.ts'
import { forgetCards, noteMark, readMark } from './last-cards.ts'

let csrfToken: string | null = null
/** Without a name it is the page of the default brand. WeCom signs the address with it, so it stays there. */
export const brand = new URLSearchParams(location.search).get('brand') || 'default'
const timeoutMs = 12_000
const loginMarkKey = 'daogou.login'
/** Sent to sign in twice within this time without a session in between: cookies are blocked, stop going round. */
const loginAgainMs = 30_000

let tellReached: ((isReached: boolean) => void) | null = null
let wasReached: boolean | null = null

/** Tells of each request whether the service answered; at once how the last one went, if there was any. */
export function onReached(tell: (isReached: boolean) => void): void {
  tellReached = tell
  if (wasReached !== null) tell(wasReached)
}

/** The one way to the service, for every screen. */
export const api = createApi({
  baseUrl: '/api/v1',
  timeoutMs,
  csrfToken: () => csrfToken,
  brand,
  onSignedOut: () => void goToLogin(),
  onReached: isReached => {
    wasReached = isReached
    tellReached?.(isReached)
  },
})

/**
 * Leaves for WeCom's sign-in, which comes back to where we are. Outside of WeCom a code is shown to scan with it.
 *
 * @returns false where we came from there a moment ago: a session that never sticks must end on a page that says so,
 *   not in a circle of redirects
 */
export function goToLogin(): boolean {
  void forgetCards()
  let lastMs = 0
  try {
    lastMs = Number(sessionStorage.getItem(loginMarkKey) ?? 0)
    sessionStorage.setItem(loginMarkKey, String(Date.now()))
  } catch {
    // Storage is off: without a mark we cannot tell a circle, so go.
  }
  if (Date.now() - lastMs < loginAgainMs) return false
  const here = location.pathname + location.search + location.hash
  const scan = /wxwork/i.test(navigator.userAgent) ? '' : '&scan=1'
  location.assign(`/auth/wecom/login?redirect=${encodeURIComponent(here)}${scan}`)
  return true
}

/** Who is signed in; with it comes what writes are believed by, and the page signed for WeCom's SDK where that is wanted. */
export async function readSession(isSigned = false): Promise<Session> {
  const here = location.pathname + location.search
  const mark = readMark()
  const session = await api.getQuietly<Session>(isSigned ? `/session?page=${encodeURIComponent(here)}` : '/session')
  noteMark(mark)
  takeSession(session)
  try {
    sessionStorage.removeItem(loginMarkKey)
  } catch {
    // Storage is off: then nothing was kept.
  }
  return session
}

/** Writes are believed by what this session was told. */
export function takeSession(session: Session): void {
  csrfToken = session.csrfToken
}
