export const KEY_SCOPES = ['ingest', 'read', 'admin'] as const
export type KeyScope = (typeof KEY_SCOPES)[number]

/**
 * What somebody may see. Part of every statement that reads: an integrator's key, headquarters and auditors see the
 * brand; managers and franchisees their stores; an associate himself and his customers.
 */
export type Scope =
  | { brandId: number; reach: 'brand' }
  | { brandId: number; reach: 'stores'; storeCodes: readonly string[] }
  | { brandId: number; reach: 'self'; associateId: string }

export const PERSON_ROLES = ['associate', 'manager', 'franchisee', 'headquarters', 'auditor'] as const
export type PersonRole = (typeof PERSON_ROLES)[number]

/** Somebody signed in through WeCom. */
export interface Person {
  associateId: string
  name: string
  role: PersonRole
  storeCode: string | null
}

/** Who asks, whatever he asks with. */
export interface Caller {
  brandId: number
  /** The brand's time zone. */
  zone: string
  /** For the record: `key:<name>` or the associateId. */
  actor: string
  /** Tells two callers apart where their names do not: two people must agree on what moves money by hand. */
  id: string
  /** The key that he asks with; absent for a person. */
  keyId?: string
  /** What a key may do; empty for a person. */
  scopes: ReadonlySet<KeyScope>
  scope: Scope
  /** null: an integrator's key. */
  person: Person | null
}

/** `dg_<brandId>_<secret>`: the brand is in it, so that a look-up needs no index across brands. */
export function brandOfKey(key: string): number | null {
  const match = /^dg_(\d{1,9})_[A-Za-z0-9_-]{20,}$/.exec(key)
  return match ? Number(match[1]) : null
}
