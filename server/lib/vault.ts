import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'

/** Encrypts what only few may read, and makes keyed hashes by which it can be found without being read. */
export interface Vault {
  encrypt(text: string): Buffer
  /** With whichever key it was sealed, as long as that is known. */
  decrypt(sealed: Buffer): string
  /** The same text gives the same hash; without the key nobody can try all phone numbers. */
  hash(text: string): string
  /** How everything begins that is sealed with the newest key. */
  head: Buffer
}

export interface VaultKeys {
  /** Seals from now on; 32 bytes. */
  dataKey: Buffer
  /** Others that open what was sealed with them. */
  formerKeys?: readonly Buffer[]
  /** Of the hashes; made of the data key where none was kept. It stays when the data key is changed. */
  lookupKey?: Buffer
}

/** A key's id is a hash of it: 1, format; 4, key; 12, nonce; 16, tag; then what is sealed. The first five are sealed with it. */
const FORMAT = 2
/** Of what was sealed before keys had ids: 1, format; 1, a one; the rest as above. */
const FIRST_FORMAT = 1
const FIRST_HEAD_BYTES = 2
const ID_BYTES = 4
const HEAD_BYTES = 1 + ID_BYTES
const IV_BYTES = 12
const TAG_BYTES = 16

const derive = (key: Buffer, purpose: string, bytes = 32) =>
  Buffer.from(hkdfSync('sha256', key, '', `daogou ${purpose}`, bytes))

/** What hashes are made with where no key was kept for them: as it was when there was one data key for ever. */
export const lookupKeyOf = (dataKey: Buffer): Buffer => derive(dataKey, 'lookup')

export const hashWith = (lookupKey: Buffer, text: string): string =>
  createHmac('sha256', lookupKey).update(text).digest('base64url')

/** AES-256-GCM with a fresh nonce; what is sealed says with which key. */
export function createVault(given: Buffer | VaultKeys): Vault {
  const {
    dataKey,
    formerKeys = [],
    lookupKey = lookupKeyOf(dataKey),
  } = Buffer.isBuffer(given) ? { dataKey: given } : given
  const keys = [dataKey, ...formerKeys].map(key => ({
    cipherKey: derive(key, 'encryption'),
    head: Buffer.concat([Buffer.from([FORMAT]), derive(key, 'key id', ID_BYTES)]),
  }))
  const newest = keys[0]!
  return {
    head: newest.head,
    encrypt(text) {
      const iv = randomBytes(IV_BYTES)
      const cipher = createCipheriv('aes-256-gcm', newest.cipherKey, iv).setAAD(newest.head)
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([newest.head, iv, cipher.getAuthTag(), sealed])
    },
    decrypt(sealed) {
      if (sealed[0] === FIRST_FORMAT && sealed[1] === 1) {
        for (const { cipherKey } of keys) {
          const opened = open(cipherKey, sealed, FIRST_HEAD_BYTES)
          if (opened !== null) return opened
        }
      } else {
        const key = keys.find(({ head }) => head.equals(sealed.subarray(0, HEAD_BYTES)))
        const opened = key && open(key.cipherKey, sealed, HEAD_BYTES, key.head)
        if (opened != null) return opened
      }
      throw new Error('sealed with a key that is not known')
    },
    hash: text => hashWith(lookupKey, text),
  }
}

/** null where the key is another, or what is sealed was changed. */
function open(cipherKey: Buffer, sealed: Buffer, headBytes: number, head?: Buffer): string | null {
  const ivEnd = headBytes + IV_BYTES
  const iv = sealed.subarray(headBytes, ivEnd)
  const tag = sealed.subarray(ivEnd, ivEnd + TAG_BYTES)
  if (tag.length < TAG_BYTES) return null
  const decipher = createDecipheriv('aes-256-gcm', cipherKey, iv, { authTagLength: TAG_BYTES })
  if (head) decipher.setAAD(head)
  decipher.setAuthTag(tag)
  try {
    return Buffer.concat([decipher.update(sealed.subarray(ivEnd + TAG_BYTES)), decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}
