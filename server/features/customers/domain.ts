import type { Instant } from '../../lib/time.ts'
import type { Scope } from '../auth/domain.ts'

/** Who may see how much of a customer, over plain values. */

/** `full`: all; `reduced`: who he is and whose he is; `hidden`: he looks like somebody whom nobody knows. */
export type Sight = 'full' | 'reduced' | 'hidden'

/** A store, as far as it says whose house it belongs to. */
export interface HouseStore {
  storeCode: string
  type: 'direct' | 'franchise' | null
  franchiseeId: string | null
}

/** Who asks. */
export interface Asker {
  scope: Scope
  associateId: string
  /** The stores that he works in or answers for. */
  stores: readonly HouseStore[]
}

/** Who holds what about a customer now, whether they still work here or not. */
export interface Holders {
  attributedAssociate: string | null
  openingAssociate: string | null
  /** His friend in WeCom, or somebody to whom he has sent something. */
  isContactOfAsker: boolean
  /** The attributed associate's store. */
  attributedStore: HouseStore | null
  homeStore: HouseStore | null
  openingStore: HouseStore | null
}

/** The brand's own stores are one house; each franchisee's stores are one each. */
function houseOf(store: HouseStore): string {
  return store.type === 'franchise' ? `franchisee ${store.franchiseeId ?? `of ${store.storeCode}`}` : 'headquarters'
}

/**
 * How much of a customer somebody sees.
 *
 * Full where he is the asker's own customer (attributed to him, opened by him, or written to by him), where the asker's
 * stores have him (home store, opening store, or attributed to one of their associates), and for whoever sees the brand.
 *
 * Anybody else asks because he is in a chat with the customer, since WeCom tells an external userid nowhere else. So
 * that colleagues do not take each other's customers without knowing, he is told who it is and whose he is, within one
 * house: the brand's own stores, or one franchisee's. Another house's customer is not told at all: a franchisee is
 * another company. A customer whom no store has is everybody's.
 */
export function sightOf(asker: Asker, holders: Holders): Sight {
  const { scope, associateId } = asker
  if (scope.reach === 'brand') return 'full'
  if (holders.isContactOfAsker) return 'full'
  if (holders.attributedAssociate === associateId || holders.openingAssociate === associateId) return 'full'
  const stores = [holders.attributedStore, holders.homeStore, holders.openingStore].filter(store => store !== null)
  if (scope.reach === 'stores' && stores.some(store => scope.storeCodes.includes(store.storeCode))) return 'full'
  if (stores.length === 0) return 'reduced'
  const ownHouses = asker.stores.length === 0 ? ['headquarters'] : asker.stores.map(houseOf)
  return stores.some(store => ownHouses.includes(houseOf(store))) ? 'reduced' : 'hidden'
}

/** Something that a customer did: looked at a page, opened a link. */
export interface View {
  at: Instant
  /** What sort of thing: `product`, `live`, a page's own kind. */
  kind: string
  ref: string
  title: string | null
  /** Through whose share; null: none that is known. */
  associateId: string | null
  channel: string | null
}
