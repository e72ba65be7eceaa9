import { randomBytes } from 'node:crypto'

const UUID_BYTES = 16
/** Randomness for many at once: asking for each costs more than all else about it. */
let pool = Buffer.alloc(0)
let used = 0

/** A UUID of version 7: made by the service, ordered by time, so inserts go to the end of an index. */
export function uuidv7(now: number): string {
  if (used === pool.length) {
    pool = randomBytes(1024 * UUID_BYTES)
    used = 0
  }
  const bytes = pool.subarray(used, (used += UUID_BYTES))
  bytes.writeUIntBE(now, 0, 6)
  bytes[6] = (bytes[6]! & 0x0f) | 0x70
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

const CODE_ALPHABET = '23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz'

/** An unguessable code without look-alike characters; 12 of them carry 69 bits. */
export function randomCode(length: number): string {
  let code = ''
  while (code.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < 4 * CODE_ALPHABET.length && code.length < length) code += CODE_ALPHABET[byte % CODE_ALPHABET.length]
    }
  }
  return code
}
