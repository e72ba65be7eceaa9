import type { LinkTarget } from '../../../drizzle/schema/share-links.ts'
import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'

export interface LinkRow {
  linkCode: string
  associateId: string
  storeCode: string | null
  target: LinkTarget
  channel: string
  sentToExternalUserid: string | null
  sentToChatId: string | null
  createdAt: Instant | null
  revokedAt: Instant | null
}

/**
 * Takes codes for a brand, in one order for all, so that two batches that share codes wait for each other.
 *
 * @returns of each code which brand has it now
 */
export async function claimLinkCodes(db: Db, options: { brandId: number; linkCodes: readonly string[] }) {
  const linkCodes = [...new Set(options.linkCodes)].sort()
  await db`
    INSERT INTO link_codes (link_code, brand_id)
    SELECT link_code, ${options.brandId} FROM unnest(${linkCodes}::text[]) AS link_code
    ON CONFLICT DO NOTHING`
  const rows = await db<{ linkCode: string; brandId: number }[]>`
    SELECT link_code AS "linkCode", brand_id AS "brandId" FROM link_codes
    WHERE link_code = ANY (${linkCodes}::text[])`
  return new Map(rows.map(row => [row.linkCode, row.brandId]))
}

export async function selectLinks(db: Db, options: { brandId: number; linkCodes: readonly string[] }) {
  if (options.linkCodes.length === 0) return []
  return await db<LinkRow[]>`
    SELECT link_code AS "linkCode", associate_id AS "associateId", store_code AS "storeCode", target, channel,
      sent_to_external_userid AS "sentToExternalUserid", sent_to_chat_id AS "sentToChatId", created_at AS "createdAt",
      revoked_at AS "revokedAt"
    FROM share_links
    WHERE brand_id = ${options.brandId} AND link_code = ANY (${options.linkCodes as string[]}::text[])`
}

export async function insertLinks(db: Db, options: { brandId: number; now: Instant; rows: readonly LinkRow[] }) {
  if (options.rows.length === 0) return
  const text = (instant: Instant | null) => (instant === null ? null : new Date(instant).toISOString())
  const rows = options.rows.map(row => ({ ...row, createdAt: text(row.createdAt), revokedAt: text(row.revokedAt) }))
  await db`
    INSERT INTO share_links (brand_id, link_code, associate_id, store_code, target, channel, sent_to_external_userid,
      sent_to_chat_id, created_at, revoked_at, received_at)
    SELECT ${options.brandId}, "linkCode", "associateId", "storeCode", target, channel, "sentToExternalUserid",
      "sentToChatId", "createdAt", "revokedAt", ${options.now}
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
      AS row ("linkCode" text, "associateId" text, "storeCode" text, target jsonb, channel text,
        "sentToExternalUserid" text, "sentToChatId" text, "createdAt" timestamptz, "revokedAt" timestamptz)`
}

/** Only where the link has none yet. */
export async function revokeLinks(
  db: Db,
  options: { brandId: number; rows: readonly { linkCode: string; revokedAt: Instant }[] },
) {
  for (const { linkCode, revokedAt } of options.rows) {
    await db`
      UPDATE share_links SET revoked_at = ${revokedAt}
      WHERE brand_id = ${options.brandId} AND link_code = ${linkCode} AND revoked_at IS NULL`
  }
}

export interface PublicLink {
  brandId: number
  linkCode: string
  associateId: string
  target: LinkTarget
  revokedAt: Instant | null
}

/** A link by its code alone: codes are unique in the whole service. */
export async function selectPublicLink(db: Db, options: { linkCode: string }): Promise<PublicLink | null> {
  const [code] = await db<{ brandId: number }[]>`
    SELECT brand_id AS "brandId" FROM link_codes WHERE link_code = ${options.linkCode}`
  if (!code) return null
  const [row] = await db<Omit<PublicLink, 'brandId'>[]>`
    SELECT link_code AS "linkCode", associate_id AS "associateId", target, revoked_at AS "revokedAt"
    FROM share_links WHERE brand_id = ${code.brandId} AND link_code = ${options.linkCode}`
  return row ? { ...row, brandId: code.brandId } : null
}

/** Says that links changed, to every process that keeps them at hand, when the transaction commits. */
export async function announceLinks(db: Db, options: { linkCodes: readonly string[] }) {
  if (options.linkCodes.length === 0) return
  await db`
    SELECT pg_notify('daogou_links', link_code) FROM unnest(${options.linkCodes as string[]}::text[]) AS link_code`
}
