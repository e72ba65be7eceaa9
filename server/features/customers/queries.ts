import type { DatedEntry } from '../../../drizzle/schema/stores.ts'
import { oneOf, type Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'

interface Options {
  brandId: number
}

export interface CustomerRecord {
  memberNo: string
  name: string | null
  phoneEncrypted: Buffer | null
  levels: DatedEntry[]
  points: number | null
  balanceFen: number | null
  joinedAt: Instant | null
  openingStore: string | null
  openingAssociate: string | null
  followsOfficialAccount: boolean | null
  miniProgramAuthorised: boolean | null
  tags: string[]
  consentTracking: boolean | null
}

export async function selectCustomerRecords(
  db: Db,
  { brandId, memberNos }: Options & { memberNos: readonly string[] },
) {
  return await db<CustomerRecord[]>`
    SELECT member_no AS "memberNo", name, phone_encrypted AS "phoneEncrypted", levels, points,
      balance_fen AS "balanceFen", joined_at AS "joinedAt", opening_store AS "openingStore",
      opening_associate AS "openingAssociate", follows_official_account AS "followsOfficialAccount",
      mini_program_authorised AS "miniProgramAuthorised", tags, consent_tracking AS "consentTracking"
    FROM members WHERE brand_id = ${brandId} AND member_no = ${oneOf(db, memberNos)}`
}

/**
 * Whether a customer is an associate's friend, or was sent anything by him: by the touches of his links, whoever told of
 * them.
 *
 * @param externalUserids all that the customer is in chats
 */
export async function selectIsContact(
  db: Db,
  { brandId, associateId, externalUserids }: Options & { associateId: string; externalUserids: readonly string[] },
): Promise<boolean> {
  if (externalUserids.length === 0) return false
  const [row] = await db<{ exists: boolean }[]>`
    SELECT EXISTS (
      SELECT FROM wecom_friends AS f
      WHERE f.brand_id = ${brandId} AND f.userid = ${associateId} AND f.external_userid = ${oneOf(db, externalUserids)}
        AND f.ended_at IS NULL
    ) OR EXISTS (
      SELECT FROM touches AS t
      JOIN share_links AS l ON l.brand_id = ${brandId} AND l.link_code = t.link_code
      WHERE t.brand_id = ${brandId} AND t.external_userid = ${oneOf(db, externalUserids)} AND t.kind = 'sent'
        AND l.associate_id = ${associateId}
    ) AS exists`
  return row!.exists
}

export interface ViewRow {
  at: Instant
  memberNo: string | null
  unionid: string | null
  openid: string | null
  externalUserid: string | null
  visitorId: string | null
  /** What was looked at: the page where the touch names one, else what the link leads to. */
  kind: string | null
  ref: string | null
  title: string | null
  associateId: string | null
  channel: string | null
}

/**
 * What was done under these numbers and ids since then, the latest first; the associates' own sending and opening left
 * out. A touch that names neither a page nor a known link is none that could be shown.
 */
export async function selectViews(
  db: Db,
  options: Options & {
    memberNos: readonly string[]
    ids: readonly { kind: string; value: string }[]
    from: Instant
    limit: number
  },
) {
  const { brandId, from, limit } = options
  const valuesOf = (kind: string) => options.ids.filter(id => id.kind === kind).map(id => id.value)
  const by = (column: string, values: readonly string[]) => db`
    SELECT t.* FROM unnest(${values as string[]}::text[]) AS value CROSS JOIN LATERAL (
      SELECT touch_id, at, link_code, member_no, unionid, openid, external_userid, visitor_id, page FROM touches AS t
      WHERE t.brand_id = ${brandId} AND t.${db(column)} = value AND t.at >= ${from}::timestamptz
        AND t.kind <> 'sent' AND NOT t.by_associate
      ORDER BY t.at DESC LIMIT ${limit}
    ) AS t`
  return await db<ViewRow[]>`
    SELECT t.at, t.member_no AS "memberNo", t.unionid, t.openid, t.external_userid AS "externalUserid",
      t.visitor_id AS "visitorId", COALESCE(t.page ->> 'kind', l.target ->> 'kind') AS kind,
      COALESCE(t.page ->> 'ref', l.target ->> 'ref') AS ref,
      COALESCE(t.page ->> 'title',
        CASE WHEN t.page IS NULL OR t.page ->> 'ref' = l.target ->> 'ref' THEN l.target ->> 'title' END, p.name) AS title,
      l.associate_id AS "associateId", l.channel
    FROM (${by('member_no', options.memberNos)} UNION ${by('unionid', valuesOf('unionid'))}
      UNION ${by('openid', valuesOf('openid'))} UNION ${by('external_userid', valuesOf('external_userid'))}
      UNION ${by('visitor_id', valuesOf('visitor'))}) AS t
    LEFT JOIN share_links AS l ON l.brand_id = ${brandId} AND l.link_code = t.link_code
    LEFT JOIN products AS p ON p.brand_id = ${brandId} AND p.sku = COALESCE(t.page ->> 'ref', l.target ->> 'ref')
      AND COALESCE(t.page ->> 'kind', l.target ->> 'kind') = 'product'
    WHERE COALESCE(t.page, l.target) IS NOT NULL
    ORDER BY t.at DESC, t.touch_id DESC LIMIT ${limit}`
}
