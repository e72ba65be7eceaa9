import type { Db } from '../../database.ts'
import { parseInstant } from '../../lib/time.ts'
import { readHistory, selectStores } from '../stores/service.ts'
import type { Associate, Order, Override, ShareLink, Store } from './domain.ts'
import { PeopleBook, type Person } from './people.ts'
import { selectAssociates, selectMergedNumbers, selectShareLinks } from './queries.ts'

/** What is beyond is looked up again: memory stays the same however long the history is. */
const LINKS_MAX = 50_000
const PEOPLE_MAX = 100_000

/**
 * Links, associates, stores and who is who, as far as they were asked for. Whoever books uses it once; whoever only reads,
 * batch after batch, may keep it, and is content with everything as it was when it was first read.
 */
export class MasterBook {
  #links = new Map<string, ShareLink>()
  #people = new PeopleBook()
  readonly associates = new Map<string, Associate>()
  readonly stores = new Map<string, Store>()
  /** Member numbers that associates buy under and that were merged, with what they became. */
  readonly mergedNumbers = new Map<string, string>()

  /** What is known of links. Where that became much it begins anew; who has the one of before may go on using it. */
  linksNow(): Map<string, ShareLink> {
    if (this.#links.size > LINKS_MAX) this.#links = new Map()
    return this.#links
  }

  /** What is known of people, in the same way. */
  peopleNow(): PeopleBook {
    if (this.#people.size > PEOPLE_MAX) this.#people = new PeopleBook()
    return this.#people
  }

  /** Into what `linksNow` gave last. @returns those that were not known */
  async learnLinks(db: Db, brandId: number, linkCodes: Iterable<string>): Promise<ShareLink[]> {
    const links = this.#links
    const read = await selectShareLinks(db, { brandId, linkCodes: missing(links, linkCodes) })
    for (const link of read) links.set(link.linkCode, link)
    return read
  }

  /** All who could hold a role on these orders, by what was just read of links and people. */
  async learnHolders(
    db: Db,
    brandId: number,
    read: {
      orders: readonly Order[]
      links: readonly ShareLink[]
      overrides: readonly Pick<Override, 'associateId' | 'storeCode'>[]
      persons: ReadonlyMap<string, Person>
    },
  ): Promise<void> {
    const associateIds = new Set<string>()
    const storeCodes = new Set<string>()
    const want = (associateId: string | null | undefined, storeCode: string | null | undefined) => {
      if (associateId !== null && associateId !== undefined && !this.associates.has(associateId)) {
        associateIds.add(associateId)
      }
      if (storeCode !== null && storeCode !== undefined && !this.stores.has(storeCode)) storeCodes.add(storeCode)
    }
    for (const { closer, sellingStore, lines } of read.orders) {
      want(closer, sellingStore)
      for (const line of lines) if (line.closer !== undefined) want(line.closer, null)
    }
    for (const { associateId, storeCode } of read.links) want(associateId, storeCode)
    for (const { associateId, storeCode } of read.overrides) want(associateId, storeCode)
    for (const { member, assignments } of read.persons.values()) {
      want(member?.openingAssociate, member?.openingStore)
      for (const { attributedAssociate, homeStore } of assignments) want(attributedAssociate, homeStore)
    }
    await Promise.all([
      this.#learnAssociates(db, brandId, [...associateIds]),
      this.#learnStores(db, brandId, [...storeCodes]),
    ])
  }

  async #learnStores(db: Db, brandId: number, storeCodes: readonly string[]): Promise<void> {
    for (const row of await selectStores(db, { brandId, storeCodes })) {
      this.stores.set(row.storeCode, {
        storeCode: row.storeCode,
        types: readHistory(row.types),
        regions: readHistory(row.regions),
        franchisees: readHistory(row.franchisees),
      })
    }
  }

  /** Also those who invited them. */
  async #learnAssociates(db: Db, brandId: number, associateIds: readonly string[]): Promise<void> {
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
