import { hash } from 'node:crypto'

/** What became of one item of an ingest call. */
export interface ItemResult {
  key: string | null
  status: 'created' | 'updated' | 'unchanged' | 'rejected'
  error?: ItemError
}

export interface ItemError {
  code: string
  message: string
  field?: string
}

export const created = (key: string): ItemResult => ({ key, status: 'created' })
export const updated = (key: string): ItemResult => ({ key, status: 'updated' })
export const unchanged = (key: string): ItemResult => ({ key, status: 'unchanged' })

export function rejected(key: string | null, code: string, message: string, field?: string): ItemResult {
  return { key, status: 'rejected', error: { code, message, ...(field === undefined ? {} : { field }) } }
}

/** The same key was told before with other content. */
export const conflict = (key: string, message: string, field?: string) => rejected(key, 'conflict', message, field)
export const unknownStore = (key: string, storeCode: string, field: string) =>
  rejected(key, 'unknown_store', `There is no store ${JSON.stringify(storeCode)}.`, field)
export const unknownAssociate = (key: string, associateId: string, field: string) =>
  rejected(key, 'unknown_associate', `There is no associate ${JSON.stringify(associateId)}.`, field)

/** SHA-256 over the content in one spelling: keys sorted, absent fields left out. */
export function contentHash(content: unknown): Buffer {
  return hash('sha256', canonicalJson(content), 'buffer')
}

/** The names of fields as JSON writes them; there are few, and they come by the thousand. */
const writtenNames = new Map<string, string>()
const NAMES_KEPT = 1000

function writtenName(name: string): string {
  let written = writtenNames.get(name)
  if (written === undefined) {
    written = `${JSON.stringify(name)}:`
    if (writtenNames.size < NAMES_KEPT) writtenNames.set(name, written)
  }
  return written
}

/** JSON with sorted keys and without undefined. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (value !== null && typeof value === 'object') {
    let text = ''
    for (const key of Object.keys(value).sort()) {
      const field = (value as Record<string, unknown>)[key]
      if (field !== undefined) text += (text === '' ? '' : ',') + writtenName(key) + canonicalJson(field)
    }
    return `{${text}}`
  }
  return JSON.stringify(value)
}

/** No item is deeper; what is, is refused by its shape, and must not overflow the stack before. */
const DEPTH_MAX = 16

/** The value without fields that are null, at every level: where null equals absent. Itself where it has none. */
export function withoutNulls(value: unknown): unknown {
  return hasNulls(value, 0) ? dropNulls(value, 0) : value
}

function hasNulls(value: unknown, depth: number): boolean {
  if (value === null || typeof value !== 'object' || depth > DEPTH_MAX) return false
  if (Array.isArray(value)) return value.some(entry => hasNulls(entry, depth + 1))
  return Object.values(value).some(field => field === null || hasNulls(field, depth + 1))
}

function dropNulls(value: unknown, depth: number): unknown {
  if (value === null || typeof value !== 'object' || depth > DEPTH_MAX) return value
  if (Array.isArray(value)) return value.map(entry => dropNulls(entry, depth + 1))
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== null)
      .map(([key, field]) => [key, dropNulls(field, depth + 1)]),
  )
}
