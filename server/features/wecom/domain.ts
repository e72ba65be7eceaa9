/** How often WeCom may be asked, and what may be asked again. No clock, no network. */

/** How often one API may be called, by all processes together. */
export interface CallLimit {
  /** Calls at once after a quiet time. */
  burst: number
  perHour: number
  /** Calls that a process is lent by one statement. */
  block: number
}

/** Below WeCom's 10,000 a minute and 150,000 an hour: other apps of the corporation share them. */
const CALLS: CallLimit = { burst: 3000, perHour: 130_000, block: 20 }

/** What has limits of its own: tickets 400 an hour for the corporation and 100 for an app; tokens "not often". */
const LIMITS: Readonly<Record<string, CallLimit>> = {
  gettoken: { burst: 60, perHour: 300, block: 1 },
  get_jsapi_ticket: { burst: 60, perHour: 300, block: 1 },
  'ticket/get': { burst: 30, perHour: 60, block: 1 },
  // WeChat's, for mini programs: 500,000 tokens and as many URL links a day, 5000 codes a minute.
  'cgi-bin/stable_token': { burst: 60, perHour: 300, block: 1 },
  'wxa/getwxacodeunlimit': { burst: 2000, perHour: 200_000, block: 5 },
  'wxa/generate_urllink': { burst: 1000, perHour: 15_000, block: 5 },
}

export const limitOf = (api: string): CallLimit => LIMITS[api] ?? CALLS

/** The part of a burst that jobs leave to people who wait for an answer. */
export const KEPT_FOR_PEOPLE = 0.2

/** Codes that mean "this access token is no good" where an API, and not `gettoken` itself, answers with them. */
export const BAD_TOKEN_CODES: ReadonlySet<number> = new Set([40001, 40014, 42001])

/** WeCom was asked too often: nobody asks before the window is over. */
export const OUT_OF_LIMIT = 45009
/** WeCom was asked too much at the same time. */
export const TOO_MANY_AT_ONCE = 45033
/** WeCom is busy; it wants to be asked three times more at most. */
export const BUSY = -1

/** Codes of a refusal that passes by itself. */
const PASSING: ReadonlySet<number> = new Set([BUSY, OUT_OF_LIMIT, TOO_MANY_AT_ONCE])

/** What is known of a call that failed. */
export interface Failure {
  errcode: number | null
  outcome: 'refused' | 'not_sent' | 'unknown'
}

/** Whether a fault passes without anybody doing anything. */
export const isPassing = ({ errcode }: Failure): boolean => errcode === null || PASSING.has(errcode)

/** Whether somebody has to change a setting before any call of this kind can work. */
export const isForbidden = ({ errcode }: Failure): boolean =>
  errcode !== null && [40001, 40013, 40014, 40091, 42001, 48002, 50003, 60020, 84074, 301002, 301021].includes(errcode)

const TRIES: Readonly<Record<string, number>> = { [BUSY]: 4, [OUT_OF_LIMIT]: 12, [TOO_MANY_AT_ONCE]: 8 }
const TRIES_WITHOUT_ANSWER = 5

/**
 * Whether a call that failed for the n-th time may be made again. What may have been carried out is repeated only where
 * a repeat is harmless; what WeCom refused was not carried out.
 */
export function mayRepeat(failure: Failure, options: { tries: number; isHarmless: boolean }): boolean {
  if (failure.errcode === null) {
    if (failure.outcome === 'unknown' && !options.isHarmless) return false
    return options.tries < TRIES_WITHOUT_ANSWER
  }
  return options.tries < (TRIES[failure.errcode] ?? 1)
}

/**
 * How long to wait before the next try: doubled each time, and spread so that those who failed together do not come
 * again together.
 *
 * @param tries 1 after the first failure
 * @param random from 0 to below 1
 */
export function backOffMs(tries: number, random: number): number {
  const mostMs = Math.min(200 * 2 ** tries, 10_000)
  return Math.round(mostMs * (0.5 + random / 2))
}
