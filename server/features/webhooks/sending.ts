import { createHmac, randomBytes } from 'node:crypto'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { UrlRefused, type Gate, type Target } from './gate.ts'
import type { DeliveryFault } from './domain.ts'

/** Within which a receiver has to answer, from the first packet to the last. */
export const ANSWER_MS = 10_000
/** What it answers is not looked at; more than this is not even read. */
const ANSWER_BYTES_MAX = 64 * 1024
const SECRET_PREFIX = 'whsec_'

/** 32 random bytes, as receivers' libraries take them. */
export const newSecret = (): string => SECRET_PREFIX + randomBytes(32).toString('base64')

/** HMAC-SHA256 over id, seconds and body, as https://www.standardwebhooks.com says. */
export function signatureOf(secret: string, message: { eventId: string; timestamp: number; body: string }): string {
  const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64')
  const text = `${message.eventId}.${message.timestamp}.${message.body}`
  return `v1,${createHmac('sha256', key).update(text).digest('base64')}`
}

/** What became of a try. */
export interface Outcome {
  answerCode: number | null
  /** null: it was taken. */
  fault: DeliveryFault | null
}

/** Sends a body once. Never throws: whatever happens is an outcome. */
export async function post(
  gate: Gate,
  message: { url: string; secret: string; eventId: string; timestamp: number; body: string; answerMs?: number },
): Promise<Outcome> {
  try {
    const target = await gate.open(message.url)
    const answerCode = await exchange(target, message.body, message.answerMs ?? ANSWER_MS, {
      'content-type': 'application/json; charset=utf-8',
      'user-agent': 'Daogou-Webhooks/1',
      'webhook-id': message.eventId,
      'webhook-timestamp': String(message.timestamp),
      'webhook-signature': signatureOf(message.secret, message),
    })
    // An answer that leads elsewhere is not followed: that address nobody has looked at.
    return { answerCode, fault: answerCode >= 200 && answerCode < 300 ? null : 'status' }
  } catch (error) {
    return { answerCode: null, fault: faultOf(error) }
  }
}

function exchange(
  { url, addresses }: Target,
  body: string,
  answerMs: number,
  headers: Record<string, string>,
): Promise<number> {
  const hostname = url.hostname.replace(/^\[|\]$/g, '')
  const send = url.protocol === 'https:' ? requestHttps : requestHttp
  return new Promise((resolve, reject) => {
    const request = send(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      agent: false,
      lookup: lookupOf(addresses),
      ...(isIP(hostname) ? {} : { servername: hostname }),
      signal: AbortSignal.timeout(answerMs),
    })
    request.on('error', reject)
    request.on('response', response => {
      let bytes = 0
      response.on('error', () => {}) // it has answered; how its answer ends is nobody's concern
      response.on('data', (chunk: Buffer) => {
        if ((bytes += chunk.length) > ANSWER_BYTES_MAX) response.destroy()
      })
      resolve(response.statusCode ?? 0)
    })
    request.end(body)
  })
}

/** Gives the addresses that were looked at, whatever the name stands for by now. */
function lookupOf(addresses: readonly string[]): LookupFunction {
  const found = addresses.map(address => ({ address, family: isIP(address) }))
  return (_hostname, options, done) => {
    if (options.all) done(null, found)
    else done(null, found[0]!.address, found[0]!.family)
  }
}

function faultOf(error: unknown): DeliveryFault {
  if (error instanceof UrlRefused) return error.fault === 'unresolved' ? 'unresolved' : 'address'
  const { name, code } = error as { name?: string; code?: string }
  if (name === 'AbortError' || name === 'TimeoutError') return 'timeout'
  return /CERT|TLS|SSL|SIGNATURE|ISSUER|EPROTO/.test(code ?? '') ? 'tls' : 'connection'
}
