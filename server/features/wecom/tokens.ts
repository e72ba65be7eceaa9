import type { Db, Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import type { Fetched } from './client.ts'
import { lockToken, selectToken, upsertToken, type TokenKind } from './queries.ts'

/** @param refused a value that was not taken, or null */
export type Tokens = (kind: TokenKind, refused?: string | null) => Promise<Fetched>

/**
 * Tokens and tickets are kept, encrypted, in the database: fetched once for all processes, since WeCom and WeChat count.
 *
 * @param options.app whose they are, its secret too: one that was fetched for another, before a setting was put right, is none
 * @param options.prepare done before the lock is taken
 */
export function buildTokens(options: {
  pool: Pool
  vault: Vault
  brandId: number
  app: object
  now: () => Instant
  fetchAnew: (kind: TokenKind) => Promise<Fetched>
  prepare?: (kind: TokenKind) => Promise<void>
}): Tokens {
  const { pool, vault, brandId, now, fetchAnew, prepare } = options
  const underWay = new Map<string, Promise<Fetched>>()
  const mark = `${vault.hash(JSON.stringify(options.app))} `

  const kept = async (db: Db, kind: TokenKind, refused: string | null): Promise<Fetched | null> => {
    const row = await selectToken(db, { brandId, kind })
    if (!row || row.expiresAt <= now()) return null
    const text = vault.decrypt(row.valueEncrypted)
    if (!text.startsWith(mark)) return null
    const value = text.slice(mark.length)
    return value === refused ? null : { value, expiresAt: row.expiresAt }
  }

  const obtain = async (kind: TokenKind, refused: string | null): Promise<Fetched> => {
    const before = await kept(pool, kind, refused)
    if (before !== null) return before
    await prepare?.(kind)
    const obtained = await pool.begin(async tx => {
      await lockToken(tx, { brandId, kind })
      const meanwhile = await kept(tx, kind, refused)
      if (meanwhile !== null) return meanwhile
      const fetched = await fetchAnew(kind)
      await upsertToken(tx, {
        brandId,
        kind,
        valueEncrypted: vault.encrypt(mark + fetched.value),
        expiresAt: fetched.expiresAt,
        now: now(),
      })
      return fetched
    })
    return obtained as Fetched
  }

  return (kind, refused = null) => {
    const key = `${kind} ${refused ?? ''}`
    const running = underWay.get(key)
    if (running) return running
    const asked = obtain(kind, refused).finally(() => underWay.delete(key))
    underWay.set(key, asked)
    return asked
  }
}
