import type { Db } from '../../../database.ts'
import type { Instant } from '../../../lib/time.ts'

interface Friendship {
  brandId: number
  userid: string
  externalUserid: string
}

export interface OwnFriend {
  remark: string | null
  description: string | null
  tagIds: string[]
  /** 1 of WeChat, 2 of WeCom; null: not known. */
  type: number | null
}

/** A friendship that is not over. */
export async function selectOwnFriend(db: Db, { brandId, userid, externalUserid }: Friendship) {
  const [row] = await db<OwnFriend[]>`
    SELECT f.remark, f.description, f.tag_ids AS "tagIds", c.type
    FROM wecom_friends AS f
    LEFT JOIN wecom_customers AS c ON c.brand_id = ${brandId} AND c.external_userid = f.external_userid
    WHERE f.brand_id = ${brandId} AND f.userid = ${userid} AND f.external_userid = ${externalUserid}
      AND f.ended_at IS NULL`
  return row ?? null
}

export interface TagRow {
  tagId: string
  name: string
  groupId: string
  groupName: string
}

/** The corporation's tags in its own order, groups together. */
export async function selectTags(db: Db, { brandId }: { brandId: number }) {
  return await db<TagRow[]>`
    SELECT tag_id AS "tagId", name, group_id AS "groupId", group_name AS "groupName" FROM wecom_tags
    WHERE brand_id = ${brandId} ORDER BY min(position) OVER (PARTITION BY group_id), group_id, position, tag_id`
}

/** Says that somebody changes a friendship in WeCom now. @returns false where another does so already */
export async function takeChange(
  db: Db,
  options: Friendship & { changeId: string; now: Instant; leasedUntil: Instant },
): Promise<boolean> {
  const { brandId, userid, externalUserid, changeId, now, leasedUntil } = options
  const rows = await db`
    INSERT INTO friend_changes AS c (brand_id, userid, external_userid, change_id, leased_until)
    VALUES (${brandId}, ${userid}, ${externalUserid}, ${changeId}, ${leasedUntil})
    ON CONFLICT (brand_id, userid, external_userid)
      DO UPDATE SET change_id = EXCLUDED.change_id, leased_until = EXCLUDED.leased_until WHERE c.leased_until <= ${now}
    RETURNING change_id`
  return rows.length > 0
}

export async function deleteChange(db: Db, options: Friendship & { changeId: string }) {
  await db`
    DELETE FROM friend_changes WHERE brand_id = ${options.brandId} AND userid = ${options.userid}
      AND external_userid = ${options.externalUserid} AND change_id = ${options.changeId}`
}
