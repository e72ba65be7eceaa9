import ipaddr from 'ipaddr.js'
import { DAY_MS, MINUTE_MS, type Instant } from '../../lib/time.ts'

/** Whom other systems' addresses may be, when something is tried again, and what is signed. No clock, no network. */

/** What an address can be told of. */
export const WEBHOOK_EVENTS = ['entitlement.changed', 'settlement.approved', 'dispute.decided'] as const
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number]

/** What is sent when somebody tries an address out. */
export const TEST_EVENT = 'webhook.tested'

export const DELIVERY_STATUSES = ['waiting', 'delivered', 'given_up'] as const
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number]

/** Why a try failed. `status`: the receiver answered other than 2xx. */
export const DELIVERY_FAULTS = ['address', 'unresolved', 'timeout', 'connection', 'tls', 'status'] as const
export type DeliveryFault = (typeof DELIVERY_FAULTS)[number]

// ------------------------------------------------------------------------------------------- trying again

/** How long something is tried. */
export const TRIED_FOR_MS = 3 * DAY_MS
const HOUR_MS = 60 * MINUTE_MS
/** After the first, second … failed try; the last for all that follow. */
const PAUSES_MS = [10_000, MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS]

/**
 * When to try again after a failure.
 *
 * @param attempts how often it was tried, 1 or more
 * @returns null: no more; the last try is made when its time is over, not long before
 */
export function nextTry(attempts: number, now: Instant, giveUpAt: Instant): Instant | null {
  if (now >= giveUpAt) return null
  return Math.min(now + PAUSES_MS[Math.min(attempts, PAUSES_MS.length) - 1]!, giveUpAt)
}

// -------------------------------------------------------------------------------------------- addresses

export const URL_LENGTH_MAX = 2000

export type UrlFault = 'malformed' | 'credentials' | 'not_https'

/**
 * Whether something may be sent to an address, as far as its text tells.
 *
 * @param privateHosts `host` or `host:port` of the operator's own network: plain http is allowed there
 */
export function faultOfUrl(text: string, privateHosts: readonly string[]): UrlFault | null {
  if (text.length > URL_LENGTH_MAX || !URL.canParse(text)) return 'malformed'
  const url = new URL(text)
  if (!['http:', 'https:'].includes(url.protocol) || url.port === '0' || url.hash !== '') return 'malformed'
  if (url.username !== '' || url.password !== '') return 'credentials'
  return url.protocol === 'https:' || isPrivateHost(url, privateHosts) ? null : 'not_https'
}

/** Whether the operator allows this host though it is none of the public network. */
export const isPrivateHost = ({ host, hostname }: URL, privateHosts: readonly string[]): boolean =>
  privateHosts.includes(host) || privateHosts.includes(hostname)

/** Answers to machines of a cloud though it looks public. */
const METADATA = new Set(['168.63.129.16'])

/**
 * Whether an address belongs to the public network: neither this machine nor its neighbours, no cloud's metadata, and no
 * way round to them (IPv4 within IPv6, NAT64, 6to4, Teredo).
 */
export function isPublicAddress(address: string): boolean {
  if (address.includes('%') || !ipaddr.isValid(address)) return false
  const parsed = ipaddr.process(address)
  if (parsed.range() !== 'unicast' || METADATA.has(parsed.toString())) return false
  // What is not within 2000::/3 was never given to anybody, ::127.0.0.1 among it.
  return parsed.kind() === 'ipv4' || (parsed.toByteArray()[0]! & 0xe0) === 0x20
}
