import { maskPhone, normalisePhone, withoutPhones } from '../members/domain.ts'

/** Fields of items that say who somebody is. */
const PERSONAL = new Set(['phone', 'name', 'birthday'])
const MASKED_BYTES_MAX = 8_000
const DEPTH_MAX = 6

/** A rejected item as it may be kept: what says who somebody is is masked, and what is huge is cut. */
export function maskItem(item: unknown): unknown {
  const masked = mask(item, 0)
  const text = JSON.stringify(masked) ?? 'null'
  return text.length <= MASKED_BYTES_MAX ? masked : { cut: text.slice(0, 1000) }
}

const MASKED_FIELDS_MAX = 50

/**
 * Where an item that is kept is not what was sent, as `lines[0].phone`: there it has to be given anew.
 *
 * @returns the empty path alone where it is the item as a whole
 */
export function maskedFieldsOf(item: unknown, kept: unknown): string[] {
  const paths: string[] = []
  const compare = (sent: unknown, left: unknown, path: string): void => {
    if (paths.length > MASKED_FIELDS_MAX) return
    if (isTree(sent) && isTree(left) && Array.isArray(sent) === Array.isArray(left)) {
      const names = Object.keys(sent)
      if (names.length !== Object.keys(left).length || !names.every(name => Object.hasOwn(left, name))) paths.push(path)
      else for (const name of names) compare(sent[name], left[name], pathTo(path, name, Array.isArray(sent)))
    } else if (sent !== left) paths.push(path)
  }
  compare(item, kept, '')
  return paths.length > MASKED_FIELDS_MAX ? [''] : paths
}

const isTree = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === 'object'
const pathTo = (path: string, name: string, isList: boolean) =>
  isList ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`

/** Of the masked fields those that somebody left as they are kept: a masked phone is none. */
export function stillMasked(item: unknown, kept: unknown, maskedFields: readonly string[]): string[] {
  return maskedFields.filter(path => {
    const value = valueAt(item, path)
    return value !== undefined && JSON.stringify(value) === JSON.stringify(valueAt(kept, path))
  })
}

function valueAt(value: unknown, path: string): unknown {
  const names = path.split(/[.[\]]+/).filter(name => name !== '')
  return names.reduce<unknown>((at, name) => (isTree(at) ? at[name] : undefined), value)
}

function mask(value: unknown, depth: number): unknown {
  if (depth > DEPTH_MAX) return '…'
  if (typeof value === 'string') return maskPhones(value.slice(0, 2048))
  if (Array.isArray(value)) return value.slice(0, 100).map(entry => mask(entry, depth + 1))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, 100)
      .map(([key, field]) => [
        maskPhones(key.slice(0, 256)),
        PERSONAL.has(key) ? maskText(field) : mask(field, depth + 1),
      ]),
  )
}

function maskText(value: unknown): unknown {
  if (typeof value !== 'string') return value === null ? null : '***'
  const phone = normalisePhone(value)
  return phone === null ? `${storableText(value.slice(0, 1))}***` : maskPhone(phone)
}

/** What PostgreSQL cannot keep, replaced: the name of an unknown field may be anything. */
export const storableText = (text: string) => text.toWellFormed().replaceAll('\u0000', '\ufffd')

/** A telephone number that slipped into another field is still one. */
export const maskPhones = (text: string) => withoutPhones(storableText(text))
