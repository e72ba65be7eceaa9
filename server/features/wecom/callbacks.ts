import { createHash, timingSafeEqual } from 'node:crypto'
import { decrypt, getSignature } from '@wecom/crypto'
import { XMLParser } from 'fast-xml-parser'
import { canonicalJson } from '../../lib/items.ts'
import type { Instant } from '../../lib/time.ts'

/** What a callback address is set up with in WeCom's console. */
export interface CallbackKeys {
  /** Whom WeCom must have encrypted for. */
  corpId: string
  token: string
  aesKey: string
}

/** What WeCom puts in the address of a callback. */
export interface CallbackQuery {
  msg_signature?: string
  timestamp?: string
  nonce?: string
}

/** A field's text, or the texts of a list's items. */
export type CallbackFields = Readonly<Record<string, string | readonly string[]>>

/** An event as it is kept. */
export interface CallbackEvent {
  /** As `change_external_contact/add_external_contact`; `unreadable` where it is no XML. */
  event: string
  lane: string
  at: Instant
  dedupeKey: string
  fields: CallbackFields
}

/** Larger than the list of a full group's members. */
export const CALLBACK_BYTES_MAX = 512 * 1024

/**
 * What WeCom sealed for us.
 *
 * @returns null where it is not signed with our token, cannot be opened with our key, or is for somebody else
 */
export function openSealed(keys: CallbackKeys, query: CallbackQuery, sealed: string | undefined): string | null {
  const { msg_signature: signature, timestamp, nonce } = query
  if (sealed === undefined || signature === undefined || timestamp === undefined || nonce === undefined) return null
  if (!isSame(getSignature(keys.token, timestamp, nonce, sealed), signature)) return null
  try {
    // The library checks neither for whom it is nor the length inside; a wrong length leaves a wrong id.
    const { message, id } = decrypt(keys.aesKey, sealed)
    return isSame(id, keys.corpId) ? message : null
  } catch {
    return null
  }
}

const sha256 = (text: string) => createHash('sha256').update(text).digest()

/** In constant time, whatever the lengths. */
const isSame = (one: string, other: string) => timingSafeEqual(sha256(one), sha256(other))

const parser = new XMLParser({
  ignoreAttributes: true,
  ignoreDeclaration: true,
  parseTagValue: false,
  processEntities: false,
  cdataPropName: '#cdata',
  trimValues: true,
})

/** @returns null where it is no XML that WeCom could have written */
function parse(xml: string): Record<string, unknown> | null {
  if (/<!(?:DOCTYPE|ENTITY)/i.test(xml)) return null
  try {
    const root = (parser.parse(xml, true) as Record<string, unknown>)['xml']
    return typeof root === 'object' && root !== null && !Array.isArray(root) ? (root as Record<string, unknown>) : null
  } catch {
    return null
  }
}

/** What PostgreSQL cannot keep, replaced. */
const storable = (text: string) => text.toWellFormed().replaceAll('\u0000', '\ufffd')

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/** The text of an element, written plainly or as CDATA; null where it is none. */
function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value.replace(/&(lt|gt|amp|quot|apos);/g, (_, name: string) => ENTITIES[name]!)
  if (typeof value !== 'object' || value === null) return null
  const cdata = (value as Record<string, unknown>)['#cdata']
  if (typeof cdata === 'string') return cdata.trim()
  return Array.isArray(cdata) ? cdata.join('').trim() : null
}

function fieldOf(value: unknown): string | string[] | null {
  const text = textOf(value)
  if (text !== null) return storable(text)
  if (typeof value !== 'object' || value === null || !('Item' in value)) return null
  return [(value as { Item: unknown }).Item].flat().flatMap(item => {
    const own = textOf(item)
    return own === null ? [] : [storable(own)]
  })
}

/** The outer body's `<Encrypt>`. */
export const sealedIn = (body: string): string | undefined => {
  const root = parse(body)
  return (root && textOf(root['Encrypt'])) ?? undefined
}

/** What differs from one sending of an event to the next, or is the same for all. */
const NOT_TELLING = new Set(['ToUserName', 'AgentID', 'WelcomeCode'])

/** Reads an opened message. One that cannot be read is kept too: it came from WeCom. */
export function readEvent(xml: string, now: Instant): CallbackEvent {
  const root = parse(xml)
  if (!root) {
    return {
      event: 'unreadable',
      lane: 'unreadable',
      at: now,
      dedupeKey: sha256(xml).toString('base64url'),
      fields: { text: storable(xml) },
    }
  }
  const fields: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(root)) {
    const field = fieldOf(value)
    if (field !== null) fields[name] = field
  }
  const text = (name: string) => {
    const value = fields[name]
    return typeof value === 'string' && value !== '' ? value : null
  }
  const kind = text('Event') ?? `message:${text('MsgType') ?? 'unknown'}`
  const event = [kind, text('ChangeType')]
    .filter(part => part !== null)
    .join('/')
    .slice(0, 200)
  const seconds = Number(text('CreateTime'))
  return {
    event,
    lane: (text('ExternalUserID') ?? text('ChatId') ?? kind).slice(0, 200),
    at: Number.isSafeInteger(seconds) && seconds > 0 && seconds < 100_000_000_000 ? seconds * 1000 : now,
    dedupeKey: dedupeKeyOf(fields),
    fields,
  }
}

/**
 * Tells one event from another. WeCom names messages (`MsgId`), but not events: FromUserName is always `sys`, and two
 * events of one second differ in their fields alone. A list's items count whatever their order.
 */
function dedupeKeyOf(fields: CallbackFields): string {
  const messageId = fields['MsgId']
  if (typeof messageId === 'string' && messageId !== '') {
    return sha256(canonicalJson(['message', fields['FromUserName'] ?? null, messageId])).toString('base64url')
  }
  const telling = Object.entries(fields)
    .filter(([name]) => !NOT_TELLING.has(name))
    .map(([name, value]): [string, unknown] => [name, typeof value === 'string' ? value : [...value].sort()])
  return sha256(canonicalJson(Object.fromEntries(telling))).toString('base64url')
}
