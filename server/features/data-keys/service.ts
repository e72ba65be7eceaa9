import { transact, type Db, type Pool } from '../../database.ts'
import { ExitError } from '../../errors.ts'
import { createVault, hashWith, lookupKeyOf, type Vault } from '../../lib/vault.ts'
import { DEFAULT_BRAND_ID } from '../auth/service.ts'
import {
  countOthers,
  insertLookupKey,
  SEALED,
  selectHashedPhone,
  selectHeads,
  selectLookupKey,
  selectOthers,
  updateSealed,
} from './queries.ts'

interface Keys {
  dataKey: Buffer
  formerDataKeys: readonly Buffer[]
}

const LOST = 'DATA_KEY does not open what is kept: set the one that the service had, or name that one in DATA_KEY_OLD.'

/**
 * The vault by the settings' keys. The key of its hashes is its own, sealed with the data key and kept in the database:
 * phones are found by it before, while and after the data key is changed.
 *
 * @throws ExitError 2 where none of the keys opens what is kept
 */
export async function openVault(pool: Pool, { dataKey, formerDataKeys }: Keys): Promise<Vault> {
  const keys = { dataKey, formerKeys: formerDataKeys }
  const plain = createVault(keys)
  const brandId = DEFAULT_BRAND_ID
  if (!(await selectLookupKey(pool, { brandId }))) {
    const lookupKey = await lookupKeyInUse(pool, [dataKey, ...formerDataKeys], plain)
    await insertLookupKey(pool, { brandId, sealed: plain.encrypt(lookupKey.toString('base64')), now: Date.now() })
  }
  const sealed = (await selectLookupKey(pool, { brandId }))!
  return createVault({ ...keys, lookupKey: Buffer.from(opened(plain, sealed), 'base64') })
}

/** Before the key of the hashes was kept it was made of the data key: of which one, a number that is kept tells. */
async function lookupKeyInUse(db: Db, keys: readonly Buffer[], vault: Vault): Promise<Buffer> {
  const sample = await selectHashedPhone(db)
  if (!sample) return lookupKeyOf(keys[0]!)
  const phone = opened(vault, sample.sealed)
  const found = keys.map(lookupKeyOf).find(key => hashWith(key, phone) === sample.hash)
  if (!found) throw new ExitError(2, LOST)
  return found
}

function opened(vault: Vault, sealed: Buffer): string {
  try {
    return vault.decrypt(sealed)
  } catch {
    throw new ExitError(2, LOST)
  }
}

/** How many rows of all brands are not sealed with the newest key. Reads every table that holds sealed things. */
export async function countOldSeals(db: Db, vault: Vault): Promise<number> {
  let count = 0
  for (const column of SEALED) count += await countOthers(db, column, vault.head)
  return count
}

export interface SealCount {
  /** `members.phone_encrypted` */
  where: string
  newest: number
  former: number
  /** With keys that the settings do not name: these cannot be read. */
  unknown: number
}

/** What is sealed with which key, table by table. */
export async function countSeals(db: Db, keys: Keys): Promise<SealCount[]> {
  const [newest, ...former] = [keys.dataKey, ...keys.formerDataKeys].map(key => createVault(key).head.toString('hex'))
  const counts: SealCount[] = []
  for (const column of SEALED) {
    const seals: SealCount = { where: column.join('.'), newest: 0, former: 0, unknown: 0 }
    for (const { head, count } of await selectHeads(db, column)) {
      const text = head.toString('hex')
      // What was sealed before keys had ids is read by trying them.
      if (text === newest) seals.newest += count
      else if (text === '01' || former.includes(text)) seals.former += count
      else seals.unknown += count
    }
    counts.push(seals)
  }
  return counts
}

const ROWS_PER_BATCH = 500
/** What is written while we walk may be moved behind us; what nobody can open stays. */
const WALKS_MAX = 3

/**
 * Seals with the newest key whatever is not, while the service runs. What is done stays done: interrupted, it goes on with
 * what is left.
 *
 * @returns how many rows were sealed anew, and how many could not be opened
 */
export async function rotateSeals(
  pool: Pool,
  options: { vault: Vault; isStopped: () => boolean; onProgress: (where: string, done: number, total: number) => void },
): Promise<{ done: number; left: number }> {
  const { vault, isStopped, onProgress } = options
  let all = 0
  let left = 0
  for (const column of SEALED) {
    const total = await countOthers(pool, column, vault.head)
    let done = 0
    for (let walk = 0; walk < WALKS_MAX && !isStopped(); walk++) {
      let after = '(0,0)'
      let walked = 0
      for (;;) {
        const rows = await selectOthers(pool, column, { head: vault.head, after, limit: ROWS_PER_BATCH })
        if (rows.length === 0 || isStopped()) break
        const changes = rows.flatMap(row => {
          const resealed = reseal(vault, row.sealed)
          return resealed ? [{ ...row, resealed }] : []
        })
        walked += changes.length === 0 ? 0 : await transact(pool, tx => updateSealed(tx, column, changes))
        after = rows.at(-1)!.place
        onProgress(column.join('.'), done + walked, total)
      }
      done += walked
      if (walked === 0) break
    }
    all += done
    left += await countOthers(pool, column, vault.head)
  }
  return { done: all, left }
}

function reseal(vault: Vault, sealed: Buffer): Buffer | null {
  try {
    return vault.encrypt(vault.decrypt(sealed))
  } catch {
    return null
  }
}
