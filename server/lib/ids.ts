import { randomBytes } from 'node:crypto'

const UUID_BYTES = 16
const CODE_ALPHABET = '23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz'
/** Randomness for many at once: asking for each costs more than all else about it. */
let pool = Buffer.alloc(0)
let used = 0

function take(): Buffer {
  if (used === pool.length) {
    pool = randomBytes(1024 * UUID_BYTES)
    used = 0
  }
  return pool.subarray(used, (used += UUID_BYTES))
}

/** 22 characters that nobody can guess; they carry 128 bits. */
export const randomToken = (): string => take().toString('base64url')

/** The last instant, and how far its ids have counted. */
let lastAt = -1
let count = 0

/**
 * A UUID of version 7: made by the service, ordered by time, so inserts go to the end of an index. Those that one process
 * makes in the same millisecond are in sequence too: they count up by 26 bits from somewhere in the lower half of them.
 */
export function uuidv7(now: number): string {
  const bytes = take()
  count = now === lastAt ? count + 1 : bytes.readUInt32BE(6) >>> 7
  lastAt = now
  bytes.writeUIntBE(now, 0, 6)
  bytes[6] = 0x70 | (count >>> 22)
  bytes[7] = count >>> 14
  bytes[8] = 0x80 | ((count >>> 8) & 0x3f)
  bytes[9] = count
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

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
