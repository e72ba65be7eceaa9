import type { Tx } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'

/**
 * People whose personal data was erased. What is told of the time before the erasure is kept under tombstones of its ids,
 * so that it books as it did; so is whatever names an erased member. What happened afterwards is a stranger's.
 */

export type ErasedKind = 'unionid' | 'openid' | 'external_userid' | 'visitor' | 'phone'

/** An id as it was told, with what it came with. */
export interface ToldId {
  kind: ErasedKind
  /** Of a phone its hash. */
  value: string
  /** When what is told of happened. */
  at: Instant
  memberNo: string | null
}

export interface Veil {
  /** Since when a member is erased; null: he is not. */
  erasedSince(memberNo: string | null): Instant | null
  /** The tombstone under which an id is to be kept; null: as it is. */
  tombOf(id: ToldId): string | null
}

const OPEN: Veil = { erasedSince: () => null, tombOf: () => null }

/** By what an erased id is found. A phone is a hash already. */
export const erasedHash = (vault: Vault, kind: ErasedKind, value: string): string =>
  kind === 'phone' ? value : vault.hash(`${kind} ${value}`)

/** What an erased id becomes. The same wherever it stands. */
export const tombstone = (vault: Vault, kind: ErasedKind, value: string): string =>
  `erased:${erasedHash(vault, kind, value)}`

/**
 * What has to be veiled of what is told now. Brands that never erased anybody pay one look-up a batch. Whoever asks is a
 * transaction that an erasure from now on waits for, so that what it keeps by this answer is erased with the rest.
 */
export async function veilOf(
  tx: Tx,
  { brandId, vault, ids, memberNos }: { brandId: number; vault: Vault; ids: readonly ToldId[]; memberNos: Iterable<string> }, // prettier-ignore
): Promise<Veil> {
  const numbers = [...new Set([...memberNos, ...ids.flatMap(id => id.memberNo ?? [])])]
  if (numbers.length === 0 && ids.length === 0) return OPEN
  const [, [any]] = await Promise.all([
    tx`SELECT pg_current_xact_id()`,
    tx<{ any: boolean }[]>`SELECT EXISTS (SELECT FROM erasures WHERE brand_id = ${brandId}) AS any`,
  ])
  if (!any!.any) return OPEN
  const hashes = new Map(ids.map(({ kind, value }) => [`${kind} ${value}`, erasedHash(vault, kind, value)]))
  const rows = await tx<{ kind: string; key: string; at: Instant }[]>`
    SELECT 'member' AS kind, member_no AS key, erased_at AS at FROM members
    WHERE brand_id = ${brandId} AND member_no = ANY (${numbers}::text[]) AND erased_at IS NOT NULL
    UNION ALL
    SELECT e.kind, e.id_hash, e.erased_at
    FROM unnest(${ids.map(id => id.kind)}::text[], ${ids.map(id => hashes.get(`${id.kind} ${id.value}`)!)}::text[])
      AS told (kind, hash)
    JOIN erased_ids AS e ON e.brand_id = ${brandId} AND e.kind = told.kind AND e.id_hash = told.hash`
  const since = new Map(rows.map(row => [`${row.kind} ${row.key}`, row.at]))
  const erasedSince = (memberNo: string | null) =>
    memberNo === null ? null : (since.get(`member ${memberNo}`) ?? null)
  return {
    erasedSince,
    tombOf({ kind, value, at, memberNo }) {
      const hash = hashes.get(`${kind} ${value}`) ?? erasedHash(vault, kind, value)
      const erasedAt = since.get(`${kind} ${hash}`)
      const isHis = (erasedAt !== undefined && at <= erasedAt) || erasedSince(memberNo) !== null
      return isHis ? `erased:${hash}` : null
    },
  }
}

/** The ids of a touch or an order. */
export interface CarriesIds {
  memberNo: string | null
  unionid: string | null
  openid: string | null
  externalUserid: string | null
  visitorId: string | null
}

const CARRIED = [
  ['unionid', 'unionid'],
  ['openid', 'openid'],
  ['externalUserid', 'external_userid'],
  ['visitorId', 'visitor'],
] as const

/** The ids that a touch or an order carries. */
export const idsOf = (row: CarriesIds, at: Instant): ToldId[] =>
  CARRIED.flatMap(([field, kind]) => {
    const value = row[field]
    return value === null ? [] : [{ kind, value, at, memberNo: row.memberNo }]
  })

/** The row as it is to be kept; itself where nothing is to be veiled. */
export function veiled<Row extends CarriesIds>(veil: Veil, row: Row, at: Instant): Row {
  const tombs = CARRIED.flatMap(([field, kind]) => {
    const value = row[field]
    const tomb = value === null ? null : veil.tombOf({ kind, value, at, memberNo: row.memberNo })
    return tomb === null ? [] : [[field, tomb] as const]
  })
  return tombs.length === 0 ? row : { ...row, ...Object.fromEntries(tombs) }
}
