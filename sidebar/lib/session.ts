import type { Session } from '../../server/features/session/schema.ts'
import { createApi } from './api.ts'
import { forgetCards } from './last-cards.ts'

let csrfToken: string | null = null
/** Without a name it is the page of the default brand. WeCom signs the address with it, so it stays there. */
export const brand = new URLSearchParams(location.search).get('brand') || 'default'
const timeoutMs = 12_000
const loginMarkKey = 'daogou.login'
/** This page is where a sign-in led: somebody else may sit here now. */
export const isAfterLogin = readLoginMark() > 0
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
  const lastMs = readLoginMark()
  try {
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

/** When somebody was sent to sign in from here, and no session came of it yet; 0 where nobody was. */
function readLoginMark(): number {
  try {
    return Number(sessionStorage.getItem(loginMarkKey) ?? 0)
  } catch {
    return 0
  }
}

/** Who is signed in; with it comes what writes are believed by, and the page signed for WeCom's SDK where that is wanted. */
export async function readSession(isSigned = false): Promise<Session> {
  const here = location.pathname + location.search
  const session = await api.getQuietly<Session>(isSigned ? `/session?page=${encodeURIComponent(here)}` : '/session')
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
