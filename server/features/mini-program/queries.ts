import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'

interface LinkKey {
  brandId: number
  linkCode: string
}

export async function selectCode(db: Db, options: LinkKey & { appId: string }): Promise<Buffer | null> {
  const [row] = await db<{ picture: Buffer }[]>`
    SELECT picture FROM mini_program_codes
    WHERE brand_id = ${options.brandId} AND link_code = ${options.linkCode} AND app_id = ${options.appId}`
  return row?.picture ?? null
}

export async function upsertCode(db: Db, options: LinkKey & { appId: string; picture: Buffer; now: Instant }) {
  const { brandId, linkCode, appId, picture, now } = options
  await db`
    INSERT INTO mini_program_codes (brand_id, link_code, app_id, picture, made_at)
    VALUES (${brandId}, ${linkCode}, ${appId}, ${picture}, ${now})
    ON CONFLICT (brand_id, link_code) DO UPDATE
      SET app_id = EXCLUDED.app_id, picture = EXCLUDED.picture, made_at = EXCLUDED.made_at`
}

export interface UrlLinkRow {
  url: string | null
  expiresAt: Instant | null
  usedAt: Instant
  retryAt: Instant
}

export async function selectUrlLink(db: Db, options: LinkKey & { appId: string }): Promise<UrlLinkRow | null> {
  const [row] = await db<UrlLinkRow[]>`
    SELECT url, expires_at AS "expiresAt", used_at AS "usedAt", retry_at AS "retryAt" FROM mini_program_links
    WHERE brand_id = ${options.brandId} AND link_code = ${options.linkCode} AND app_id = ${options.appId}`
  return row ?? null
}

/** Keeps what WeChat gave, also where another process has just kept its own: both are good. */
export async function upsertUrlLink(
  db: Db,
  options: LinkKey & { appId: string; url: string; expiresAt: Instant; now: Instant },
) {
  const { brandId, linkCode, appId, url, expiresAt, now } = options
  await db`
    INSERT INTO mini_program_links (brand_id, link_code, app_id, url, expires_at, used_at, retry_at)
    VALUES (${brandId}, ${linkCode}, ${appId}, ${url}, ${expiresAt}, ${now}, ${now})
    ON CONFLICT (brand_id, link_code) DO UPDATE SET app_id = EXCLUDED.app_id, url = EXCLUDED.url,
      expires_at = EXCLUDED.expires_at, retry_at = EXCLUDED.retry_at, errcode = NULL`
}

/** Notes that WeChat gave none. A link that is there stays as long as it is good. */
export async function upsertRefusal(
  db: Db,
  options: LinkKey & { appId: string; errcode: number | null; retryAt: Instant; now: Instant },
) {
  const { brandId, linkCode, appId, errcode, retryAt, now } = options
  await db`
    INSERT INTO mini_program_links AS l (brand_id, link_code, app_id, used_at, retry_at, errcode)
    VALUES (${brandId}, ${linkCode}, ${appId}, ${now}, ${retryAt}, ${errcode})
    ON CONFLICT (brand_id, link_code) DO UPDATE SET app_id = EXCLUDED.app_id, errcode = EXCLUDED.errcode,
      url = CASE WHEN l.app_id = EXCLUDED.app_id THEN l.url END,
      expires_at = CASE WHEN l.app_id = EXCLUDED.app_id THEN l.expires_at END,
      retry_at = GREATEST(l.retry_at, EXCLUDED.retry_at)`
}

export async function updateUsed(db: Db, options: LinkKey & { now: Instant }) {
  await db`
    UPDATE mini_program_links SET used_at = GREATEST(used_at, ${options.now})
    WHERE brand_id = ${options.brandId} AND link_code = ${options.linkCode}`
}

export interface DueLink {
  linkCode: string
  path: string | null
}

/** Lends out links that end soon, are still used and were not taken back, those that end first. */
export async function claimDueLinks(
  db: Db,
  options: {
    brandId: number
    appId: string
    now: Instant
    expiresBefore: Instant
    usedAfter: Instant
    retryAt: Instant
    limit: number
  },
) {
  const { brandId, appId, now, expiresBefore, usedAfter, retryAt, limit } = options
  return await db<DueLink[]>`
    WITH due AS (
      SELECT l.link_code, s.target ->> 'path' AS path FROM mini_program_links AS l
      JOIN share_links AS s ON s.brand_id = ${brandId} AND s.link_code = l.link_code
        AND (s.revoked_at IS NULL OR s.revoked_at > ${now})
      WHERE l.brand_id = ${brandId} AND l.app_id = ${appId} AND l.url IS NOT NULL AND l.expires_at < ${expiresBefore}
        AND l.used_at > ${usedAfter} AND l.retry_at <= ${now}
      ORDER BY l.expires_at LIMIT ${limit}
      FOR UPDATE OF l SKIP LOCKED
    )
    UPDATE mini_program_links AS l SET retry_at = ${retryAt} FROM due
    WHERE l.brand_id = ${brandId} AND l.link_code = due.link_code
    RETURNING l.link_code AS "linkCode", due.path`
}

export async function deleteOldLinks(db: Db, options: { brandId: number; expiredBefore: Instant }) {
  await db`
    DELETE FROM mini_program_links
    WHERE brand_id = ${options.brandId} AND url IS NOT NULL AND expires_at < ${options.expiredBefore}`
}
