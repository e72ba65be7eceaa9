import type { LinkTarget } from '../../../drizzle/schema/share-links.ts'
import type { Tx } from '../../database.ts'
import { randomCode } from '../../lib/ids.ts'
import {
  canonicalJson,
  conflict,
  created,
  rejected,
  unchanged,
  unknownAssociate,
  unknownStore,
  updated,
  type ItemResult,
} from '../../lib/items.ts'
import { parseInstant, type Instant } from '../../lib/time.ts'
import { takeTurns, type Take } from '../evidence/service.ts'
import { markLinks } from '../rollups/service.ts'
import { existingStores, selectAssociates } from '../stores/service.ts'
import { LINK_CODE_LENGTH, linkAddresses, plainWebUrl } from './domain.ts'
import { announceLinks, claimLinkCodes, insertLinks, revokeLinks, selectLinks, type LinkRow } from './queries.ts'
import type { ShareLinkItem } from './schema.ts'

export { ShareLinkItem } from './schema.ts'
export { selectLinks, selectPublicLink, type LinkRow, type PublicLink } from './queries.ts'

/** A link's result also says how it is handed out. */
export interface LinkResult extends ItemResult {
  linkCode?: string
  url?: string
  miniProgramPath?: string | null
  scene?: string | null
}

/** Share links. As created for ever: afterwards only `revokedAt` may be added, once. */
export const takeShareLinks: Take<ShareLinkItem> = async (context, items): Promise<LinkResult[]> => {
  const { tx, brandId, now, publicUrl } = context
  const associates = new Map(
    (
      await selectAssociates(tx, {
        brandId,
        associateIds: [...new Set(items.flatMap(item => item.associateId ?? []))],
      })
    ).map(row => [row.associateId, row]),
  )
  const stores = await existingStores(
    tx,
    brandId,
    items.flatMap(item => item.storeCode ?? []),
  )
  const codes = items.map(item => item.linkCode ?? randomCode(LINK_CODE_LENGTH))
  await takeTurns(tx, brandId, 'share-links')
  const rows = new Map((await selectLinks(tx, { brandId, linkCodes: codes })).map(row => [row.linkCode, row]))
  const referenceFault = (item: ShareLinkItem, linkCode: string): ItemResult | null => {
    if (item.associateId !== undefined && !associates.has(item.associateId)) {
      return unknownAssociate(linkCode, item.associateId, 'associateId')
    }
    if (item.storeCode != null && !stores.has(item.storeCode)) {
      return unknownStore(linkCode, item.storeCode, 'storeCode')
    }
    return null
  }
  const claimable = codes.filter((code, i) => {
    const item = items[i]!
    return !rows.has(code) && !referenceFault(item, code) && !newLinkFault(item, code)
  })
  const owners = await claimLinkCodes(tx, { brandId, linkCodes: claimable })
  const added = new Map<string, LinkRow>()
  const revoked: { linkCode: string; revokedAt: number }[] = []

  const take = (item: ShareLinkItem, linkCode: string): ItemResult => {
    const reference = referenceFault(item, linkCode)
    if (reference) return reference
    const revokedAt = item.revokedAt == null ? null : parseInstant(item.revokedAt)
    const before = rows.get(linkCode)
    if (before) {
      const field = changedField(before, item)
      if (field) return conflict(linkCode, 'A link stays as it was created; only revokedAt may be added.', field)
      if (revokedAt === null || revokedAt === before.revokedAt) return unchanged(linkCode)
      const after = { ...before, revokedAt }
      rows.set(linkCode, after)
      if (added.has(linkCode)) added.set(linkCode, after)
      else revoked.push({ linkCode, revokedAt })
      context.mark({ kind: 'link', key: linkCode })
      return updated(linkCode)
    }
    const fault = newLinkFault(item, linkCode)
    if (fault) return fault
    if (owners.get(linkCode) !== brandId) {
      return rejected(linkCode, 'link_code_taken', 'This code is taken.', 'linkCode')
    }
    const associate = associates.get(item.associateId!)!
    const row: LinkRow = {
      linkCode,
      associateId: associate.associateId,
      storeCode: item.storeCode ?? associate.storeCode,
      target: plainTarget(item.target!),
      channel: item.channel!,
      sentToExternalUserid: item.sentTo?.externalUserid ?? null,
      sentToChatId: item.sentTo?.chatId ?? null,
      createdAt: item.createdAt == null ? null : parseInstant(item.createdAt),
      revokedAt,
    }
    rows.set(linkCode, row)
    added.set(linkCode, row)
    context.mark({ kind: 'link', key: linkCode })
    return created(linkCode)
  }

  const results = items.map((item, i): LinkResult => {
    const result = take(item, codes[i]!)
    const row = rows.get(codes[i]!)
    if (result.status === 'rejected' || !row) return item.linkCode == null ? { ...result, key: null } : result
    return { ...result, linkCode: row.linkCode, ...linkAddresses(row.linkCode, row.target.path, publicUrl) }
  })
  await insertLinks(tx, { brandId, now, rows: [...added.values()] })
  await markLinks(tx, { brandId, now, linkCodes: [...added.keys()] })
  await revokeLinks(tx, { brandId, rows: revoked })
  await announceLinks(tx, { linkCodes: revoked.map(link => link.linkCode) })
  return results
}

/** What a new link lacks. */
function newLinkFault(item: ShareLinkItem, linkCode: string): ItemResult | null {
  for (const field of ['associateId', 'target', 'channel'] as const) {
    if (item[field] === undefined) return rejected(linkCode, 'missing_field', `A new link needs ${field}.`, field)
  }
  if (item.target?.url != null && plainWebUrl(item.target.url) === null) {
    return rejected(linkCode, 'invalid_value', 'It must be a plain http or https address.', 'target.url')
  }
  return null
}

const plainTarget = (target: NonNullable<ShareLinkItem['target']>): LinkTarget =>
  Object.fromEntries(Object.entries(target).filter(([, value]) => value !== null)) as unknown as LinkTarget

/** The first field that says something else than the link as created; an absent field says nothing. */
function changedField(link: LinkRow, item: ShareLinkItem): string | null {
  const instant = (text: string | null) => (text === null ? null : parseInstant(text))
  if (item.associateId !== undefined && item.associateId !== link.associateId) return 'associateId'
  if (item.storeCode != null && item.storeCode !== link.storeCode) return 'storeCode'
  if (item.target !== undefined && canonicalJson(plainTarget(item.target)) !== canonicalJson(link.target))
    return 'target'
  if (item.channel !== undefined && item.channel !== link.channel) return 'channel'
  if (item.sentTo != null) {
    if ((item.sentTo.externalUserid ?? null) !== link.sentToExternalUserid) return 'sentTo.externalUserid'
    if ((item.sentTo.chatId ?? null) !== link.sentToChatId) return 'sentTo.chatId'
  }
  if (item.createdAt != null && instant(item.createdAt) !== link.createdAt) return 'createdAt'
  if (item.revokedAt !== undefined && link.revokedAt !== null && instant(item.revokedAt) !== link.revokedAt) {
    return 'revokedAt'
  }
  return null
}

/**
 * Makes a link with a code of ours, which nobody can have named before: no evidence has to be looked at again. In the
 * caller's transaction.
 */
export async function createLink(
  tx: Tx,
  options: { brandId: number; now: Instant; link: Omit<LinkRow, 'linkCode' | 'revokedAt'> },
): Promise<LinkRow> {
  const { brandId, now, link } = options
  for (;;) {
    const linkCode = randomCode(LINK_CODE_LENGTH)
    const owners = await claimLinkCodes(tx, { brandId, linkCodes: [linkCode] })
    if (owners.get(linkCode) !== brandId) continue // another brand has it: once in 2^69
    const row: LinkRow = { ...link, linkCode, revokedAt: null }
    await insertLinks(tx, { brandId, now, rows: [row] })
    await markLinks(tx, { brandId, now, linkCodes: [row.linkCode] })
    return row
  }
}
