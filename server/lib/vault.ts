import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'

/** Encrypts what only few may read, and makes keyed hashes by which it can be found without being read. */
export interface Vault {
  encrypt(text: string): Buffer
  decrypt(sealed: Buffer): string
  /** The same text gives the same hash; without the key nobody can try all phone numbers. */
  hash(text: string): string
}

const FORMAT = 1
const KEY_ID = 1
const HEAD_BYTES = 2
const IV_BYTES = 12
const TAG_BYTES = 16

/**
 * AES-256-GCM with a fresh nonce; the first two bytes say format and key, so that keys can be changed later.
 *
 * @param dataKey 32 bytes; encryption and hash use keys derived from it
 */
export function createVault(dataKey: Buffer): Vault {
  const derive = (purpose: string) => Buffer.from(hkdfSync('sha256', dataKey, '', `daogou ${purpose}`, 32))
  const cipherKey = derive('encryption')
  const hashKey = derive('lookup')
  return {
    encrypt(text) {
      const iv = randomBytes(IV_BYTES)
      const cipher = createCipheriv('aes-256-gcm', cipherKey, iv)
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([Buffer.from([FORMAT, KEY_ID]), iv, cipher.getAuthTag(), sealed])
    },
    decrypt(sealed) {
      if (sealed[0] !== FORMAT || sealed[1] !== KEY_ID) throw new Error('sealed with a key that is not known')
      const ivEnd = HEAD_BYTES + IV_BYTES
      const decipher = createDecipheriv('aes-256-gcm', cipherKey, sealed.subarray(HEAD_BYTES, ivEnd))
      decipher.setAuthTag(sealed.subarray(ivEnd, ivEnd + TAG_BYTES))
      return Buffer.concat([decipher.update(sealed.subarray(ivEnd + TAG_BYTES)), decipher.final()]).toString('utf8')
    },
    hash: text => createHmac('sha256', hashKey).update(text).digest('base64url'),
  }
}
