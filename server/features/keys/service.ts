import { transact, type Db, type Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { DAY_MS, formatInstant, type Instant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import { KEY_SCOPES, type Caller } from '../auth/domain.ts'
import { listKeys as listAllKeys, makeKey, revokeKey as endKey } from '../auth/service.ts'
import type { ApiKey, KeyBody, KeyMade } from './schema.ts'

interface Asked {
  caller: Caller
  now: Instant
}

/** A brand's keys, oldest first, revoked ones too. */
export async function listKeys(db: Db, caller: Caller): Promise<ApiKey[]> {
  const shown = (instant: Instant | null) => (instant === null ? null : formatInstant(instant))
  const keys = await listAllKeys(db, { brandId: caller.brandId })
  return keys.map(({ createdAt, lastUsedAt, revokedAt, ...key }) => ({
    ...key,
    createdAt: formatInstant(createdAt),
    lastUsedAt: shown(lastUsedAt),
    revokedAt: shown(revokedAt),
    own: key.keyId === caller.keyId,
  }))
}

/**
 * Makes a key. A key gives no scope that it does not have itself.
 *
 * @returns the key, which nobody can read again
 * @throws AppError forbidden
 */
export async function createKey(pool: Pool, { caller, now, body }: Asked & { body: KeyBody }): Promise<KeyMade> {
  const { brandId, actor } = caller
  const name = body.name.trim()
  if (name === '') {
    throw new AppError('invalid_body', 'A key needs a name.', [
      { path: 'name', code: 'missing_field', message: 'Say whose it is.' },
    ])
  }
  const scopes = KEY_SCOPES.filter(scope => body.scopes.includes(scope))
  const lacking = caller.person ? [] : scopes.filter(scope => !caller.scopes.has(scope))
  if (lacking.length > 0) throw new AppError('forbidden', `This key does not have the scope ${lacking.join(', ')}.`)
  return await transact(pool, async tx => {
    const { keyId, key } = await makeKey(tx, { brandId, name, scopes, maker: caller, now })
    const details = { name, scopes }
    await insertActivity(tx, { brandId, now, actor, action: 'key.created', subject: `keys/${keyId}`, details })
    const made = (await listKeys(tx, caller)).find(one => one.keyId === keyId)!
    return { ...made, key }
  })
}

/** What was used so lately may be in use. */
const IN_USE_MS = DAY_MS

/**
 * From now on nobody can ask with this key. Revoked before, nothing changes.
 *
 * @param options.inUse also one that somebody asks with
 * @throws AppError not_found, key.in_use
 */
export async function revokeKey(
  pool: Pool,
  { caller, now, keyId, inUse }: Asked & { keyId: string; inUse: boolean },
): Promise<void> {
  const { brandId, actor } = caller
  await transact(pool, async tx => {
    const key = (await listAllKeys(tx, { brandId })).find(one => one.keyId === keyId)
    if (!key) throw new AppError('not_found', 'There is no such key.')
    if (key.revokedAt !== null) return
    const isUsed = keyId === caller.keyId || (key.lastUsedAt !== null && now - key.lastUsedAt < IN_USE_MS)
    if (isUsed && !inUse) {
      throw new AppError('key.in_use', 'Somebody asks with this key; say inUse=true to revoke it all the same.')
    }
    if (!(await endKey(tx, { brandId, keyId, now }))) return
    const details = { name: key.name, inUse: isUsed }
    await insertActivity(tx, { brandId, now, actor, action: 'key.revoked', subject: `keys/${keyId}`, details })
  })
}
