import type { Db } from '../../database.ts'
import { parseInstant } from '../../lib/time.ts'
import { readHistory, selectStores } from '../stores/service.ts'
import type { Associate, ShareLink, Store } from './domain.ts'
import { selectAssociates, selectMergedNumbers, selectShareLinks } from './queries.ts'

/** More than the links of most brands; what is beyond is looked up again. */
const LINKS_MAX = 100_000

/**
 * Links, associates and stores, as far as they were asked for. Whoever books uses it once; whoever only reads, batch after
 * batch, may keep it, and is content with everything as it was when it was first read.
 */
export class MasterBook {
  readonly links = new Map<string, ShareLink>()
  readonly associates = new Map<string, Associate>()
  readonly stores = new Map<string, Store>()
  /** Member numbers that associates buy under and that were merged, with what they became. */
  readonly mergedNumbers = new Map<string, string>()

  async learnLinks(db: Db, brandId: number, linkCodes: Iterable<string>): Promise<void> {
    if (this.links.size > LINKS_MAX) this.links.clear()
    for (const link of await selectShareLinks(db, { brandId, linkCodes: missing(this.links, linkCodes) })) {
      this.links.set(link.linkCode, link)
    }
  }

  async learnStores(db: Db, brandId: number, storeCodes: Iterable<string>): Promise<void> {
    for (const row of await selectStores(db, { brandId, storeCodes: missing(this.stores, storeCodes) })) {
      this.stores.set(row.storeCode, {
        storeCode: row.storeCode,
        types: readHistory(row.types),
        regions: readHistory(row.regions),
        franchisees: readHistory(row.franchisees),
      })
    }
  }

  /** Also those who invited them. */
  async learnAssociates(db: Db, brandId: number, associateIds: readonly string[]): Promise<void> {
    const added = await this.#readAssociates(db, brandId, associateIds)
    // One who was read before may have been so as somebody's inviter, and his own inviter not.
    const invitedBy = associateIds.flatMap(associateId => this.associates.get(associateId)?.invitedBy ?? [])
    const inviters = await this.#readAssociates(db, brandId, invitedBy)
    const memberNos = [...added, ...inviters].flatMap(one => one.memberNo ?? [])
    for (const row of await selectMergedNumbers(db, { brandId, memberNos: [...new Set(memberNos)] })) {
      this.mergedNumbers.set(row.memberNo, row.lastMemberNo)
    }
  }

  async #readAssociates(db: Db, brandId: number, associateIds: Iterable<string>): Promise<Associate[]> {
    const rows = await selectAssociates(db, { brandId, associateIds: missing(this.associates, associateIds) })
    const read = rows.map((row): Associate => ({
      associateId: row.associateId,
      storeCode: row.storeCode,
      memberNo: row.memberNo,
      invitedBy: row.invitedBy,
      kinds: readHistory(row.kinds),
      employments: row.employments.map(({ activeFrom, activeTo }) => ({
        activeFrom: parseInstant(activeFrom)!,
        activeTo: activeTo === null ? null : parseInstant(activeTo),
      })),
    }))
    for (const associate of read) this.associates.set(associate.associateId, associate)
    return read
  }
}

const missing = (known: ReadonlyMap<string, unknown>, keys: Iterable<string>) =>
  [...new Set(keys)].filter(key => !known.has(key))
