import type { Pool } from '../../server/database.ts'
import { DAY_MS, formatInstant, type Instant } from '../../server/lib/time.ts'
import { Random } from '../data/random.ts'

/** How much of a brand is kept to draw from. */
const KNOWN_MAX = 50_000
const TOUCHED_DAYS = 14

/** Whom orders are drawn from: a brand that is there. */
export interface Shop {
  associates: readonly { id: string; store: string }[]
  buyers: readonly { memberNo: string; unionid: string | null; openid: string | null; linkCode: string | null }[]
  skus: readonly { sku: string; category: string | null; priceFen: number }[]
}

/** Half of the buyers have opened a link of late, so that shares are looked for and found. */
export async function readShop(pool: Pool, { brandId, until }: { brandId: number; until: Instant }): Promise<Shop> {
  const associates = await pool<{ id: string; store: string }[]>`
    SELECT associate_id AS id, store_code AS store FROM associates
    WHERE brand_id = ${brandId} AND store_code IS NOT NULL AND employments -> -1 ->> 'activeTo' IS NULL ORDER BY 1`
  const idOf = (kind: string) => pool`
    (SELECT value FROM identities AS i WHERE i.brand_id = ${brandId} AND i.kind = ${kind} AND i.member_no = m.member_no
     LIMIT 1)`
  const buyers = await pool<Shop['buyers'][number][]>`
    WITH touched AS MATERIALIZED (
      SELECT member_no, max(link_code) AS link_code FROM touches
      WHERE brand_id = ${brandId} AND member_no IS NOT NULL AND link_code IS NOT NULL
        AND at >= ${until - TOUCHED_DAYS * DAY_MS}::timestamptz
      GROUP BY member_no ORDER BY 1 LIMIT ${KNOWN_MAX}
    ), known AS (
      SELECT member_no, link_code FROM touched
      UNION ALL
      (SELECT member_no, NULL FROM members WHERE brand_id = ${brandId} AND last_member_no = member_no ORDER BY 1
       LIMIT (SELECT count(*) FROM touched))
    )
    SELECT m.member_no AS "memberNo", ${idOf('unionid')} AS unionid, ${idOf('openid')} AS openid, m.link_code AS "linkCode"
    FROM known AS m`
  const skus = await pool<Shop['skus'][number][]>`
    SELECT sku, category, price_fen AS "priceFen" FROM products WHERE brand_id = ${brandId} ORDER BY 1`
  if (associates.length === 0 || buyers.length === 0) throw new Error('the brand has nobody who sells or buys')
  return { associates, buyers, skus }
}

/** Who sells: everybody, one associate alone, or the associates of one store alone. */
export type Sellers = 'spread' | 'hot associate' | 'hot store'

/** Orders as a mall's system tells them: two lines on average, most from tills, the rest online. */
export function* drawOrders(shop: Shop, options: { seed: number; prefix: string; sellers: Sellers; now: Instant }) {
  const { seed, prefix, sellers, now } = options
  const random = new Random(seed)
  const store = shop.associates[0]!.store
  const staff =
    sellers === 'spread'
      ? shop.associates
      : sellers === 'hot associate'
        ? shop.associates.slice(0, 1)
        : shop.associates.filter(one => one.store === store)
  for (let number = 0; ; number++) {
    const buyer = random.pick(shop.buyers)
    const seller = random.pick(staff)
    const isOnline = random.chance(sellers === 'spread' ? 0.27 : 0)
    const byUnionid = isOnline && buyer.unionid !== null && random.chance(0.3)
    yield {
      source: 'bench',
      orderNo: `${prefix}${number}`,
      channel: isOnline ? 'online' : 'in_store',
      ...(byUnionid
        ? { unionid: buyer.unionid }
        : random.chance(isOnline ? 1 : 0.85)
          ? { memberNo: buyer.memberNo }
          : {}),
      ...(isOnline && buyer.openid !== null ? { openid: buyer.openid } : {}),
      ...(isOnline && buyer.linkCode !== null && random.chance(0.3) ? { shareCode: buyer.linkCode } : {}),
      ...(isOnline ? {} : { sellingStore: seller.store, closer: seller.id }),
      paidAt: formatInstant(now - random.below(600_000)),
      lines: drawLines(shop, random),
    }
  }
}

function drawLines({ skus }: Shop, random: Random) {
  const draw = random.next()
  const count = draw < 0.46 ? 1 : draw < 0.74 ? 2 : draw < 0.88 ? 3 : draw < 0.96 ? 4 : 5
  return Array.from({ length: count }, (_, i) => {
    const { sku, category, priceFen } = random.pick(skus)
    const quantity = random.chance(0.9) ? 1 : 2
    const paidFen = Math.round(priceFen * quantity * (random.chance(0.35) ? 0.5 + 0.45 * random.next() : 1))
    return { lineNo: i + 1, sku, category, quantity, paidFen, listFen: priceFen * quantity }
  })
}
