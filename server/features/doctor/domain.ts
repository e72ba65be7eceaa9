/** What an examination finds, and what to do about it. No clock, no network. */

/** `good`; `bad`: somebody has something to do; `unknown`: it was not looked at, or only time can tell. */
export type Status = 'good' | 'bad' | 'unknown'

export interface Finding {
  /** Stable, for scripts and tests: `wecom.token`. */
  step: string
  status: Status
  /** What was found, in plain words. */
  found: string
  /** What to do next, where there is something. */
  next?: string
}

export const good = (step: string, found: string): Finding => ({ step, status: 'good', found })
export const bad = (step: string, found: string, next: string): Finding => ({ step, status: 'bad', found, next })
export const unknown = (step: string, found: string, next?: string): Finding => ({
  step,
  status: 'unknown',
  found,
  ...(next === undefined ? {} : { next }),
})

const MARKS: Record<Status, string> = { good: '✓', bad: '✗', unknown: '–' }

/** A finding as a line, and below it what to do. */
export function findingLines({ status, found, next }: Finding): string {
  return `${MARKS[status]} ${found}\n${next === undefined ? '' : `    → ${next}\n`}`
}

/** PostgreSQL as the service is held against it. */
export const isKnownPostgres = (versionNumber: number): boolean => versionNumber >= 150_000 && versionNumber < 190_000

/** Beyond this difference times of what happened would be in the wrong sequence. */
export const CLOCK_DIFFERENCE_MS = 2000

/** WeCom waits so long for the echo when a callback address is saved. */
export const ECHO_MS = 1000

/** A message that waits longer than this is not being dealt with. */
export const INBOX_LATE_SECONDS = 600

/** Whether a host is one that only this machine, or its own network, can reach. */
export function isLocalHost(host: string): boolean {
  return (
    host === 'localhost' ||
    host === '[::1]' ||
    /^(?:127|10)\.|^192\.168\.|^172\.(?:1[6-9]|2\d|3[01])\./.test(host) ||
    !host.includes('.')
  )
}
