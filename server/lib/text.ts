/**
 * Orders strings by their UTF-8 bytes, which is the order of their code points. JavaScript's `<` compares UTF-16
 * units and puts an emoji before `～`; a database's collation may even ignore hyphens.
 */
export function compareBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1
  }
  return a.length - b.length
}

const isSurrogate = (unit: number) => unit >= 0xd800 && unit <= 0xdfff

/**
 * The longest that a key may be in UTF-8: 128 Chinese characters. Six of them are in the key of an entitlement, and what
 * PostgreSQL can index is 2704 bytes.
 */
const KEY_BYTES_MAX = 384

/** Whether a text can be kept, and be a part of any index. */
export const isStorableKey = (text: string) =>
  isStorableText(text) && (text.length * 3 <= KEY_BYTES_MAX || Buffer.byteLength(text) <= KEY_BYTES_MAX)

/** Whether PostgreSQL can keep the text as it is: no NUL, no half of a surrogate pair. */
export function isStorableText(text: string): boolean {
  return !text.includes('\u0000') && text.isWellFormed()
}

const encoder = new TextEncoder()

/** A text cut to so many UTF-8 bytes, never inside a character; what was cut is marked. */
export function cutToBytes(text: string, bytesMax: number): string {
  if (encoder.encode(text).length <= bytesMax) return text
  const mark = '…'
  let cut = ''
  let left = bytesMax - encoder.encode(mark).length
  for (const character of text) {
    left -= encoder.encode(character).length
    if (left < 0) break
    cut += character
  }
  return cut + mark
}

/** A text whose long numbers cannot be read: names that people give themselves may hold a phone. */
export const maskDigits = (text: string): string => text.replace(/\d(?:[ -]?\d){6,}/g, '***')
