import type { Db } from '../../database.ts'

type Fragment = ReturnType<Db>

const all = (db: Db, parts: readonly Fragment[]) => parts.reduce((one, next) => db`${one} ${next}`, db``)

/**
 * Who stands behind the ids of `t`: the member, as attribution finds him, else the first of them. Each id is looked up by
 * index, and only where those before it told nothing: joined to a list of ids, every touch was held against every id.
 */
export function personsOf(db: Db, brandId: number): { joins: Fragment; person: Fragment } {
  const ids = [
    ['unionid', 'unionid'],
    ['openid', 'openid'],
    ['external_userid', 'external_userid'],
    ['visitor', 'visitor_id'],
  ] as const
  const lookUp = ([kind, column]: (typeof ids)[number], before: readonly (typeof ids)[number][]): Fragment => db`
    LEFT JOIN LATERAL (
      SELECT m.last_member_no AS person
      FROM identities AS i JOIN members AS m ON m.brand_id = ${brandId} AND m.member_no = i.member_no
      WHERE t.member_no IS NULL ${all(
        db,
        before.map(([other]) => db`AND ${db(`by_${other}.person`)} IS NULL`),
      )}
        AND i.brand_id = ${brandId} AND i.kind = ${kind} AND i.value = t.${db(column)}
      ORDER BY i.at DESC, i.member_no DESC LIMIT 1
    ) AS ${db(`by_${kind}`)} ON true`
  return {
    joins: db`
      LEFT JOIN LATERAL (
        SELECT m.last_member_no FROM members AS m
        WHERE m.brand_id = ${brandId} AND m.member_no = t.member_no OFFSET 0
      ) AS named ON true
      ${all(
        db,
        ids.map((id, place) => lookUp(id, ids.slice(0, place))),
      )}`,
    person: db`CASE
      WHEN t.member_no IS NOT NULL THEN 'member ' || COALESCE(named.last_member_no, t.member_no)
      ELSE COALESCE('member ' || by_unionid.person, 'member ' || by_openid.person,
        'member ' || by_external_userid.person, 'member ' || by_visitor.person,
        'unionid ' || t.unionid, 'openid ' || t.openid, 'contact ' || t.external_userid,
        'visitor ' || t.visitor_id) END`,
  }
}

/**
 * `r`: what was told last of the order `o`, each looked up by index. How many lines an order has the planner cannot know:
 * it thinks of a hundred, and would read every order there ever was.
 */
const toldOf = (db: Db, brandId: number) => db`
  CROSS JOIN LATERAL (
    SELECT r.lines, r.closer FROM order_revisions AS r
    WHERE r.brand_id = ${brandId} AND r.source = o.source AND r.order_no = o.order_no AND r.revision = o.revision OFFSET 0
  ) AS r`

/**
 * What refunds took of each `line` of an order, as `back (fen, quantity)`: the highest revision of each counts.
 *
 * @param order what has the order's key in the statement
 * @param where of which orders refunds are looked for; all unless told
 */
export const refundedOf = (
  db: Db,
  { brandId, order, where = db`true` }: { brandId: number; order: string; where?: Fragment },
) => db`
  LEFT JOIN LATERAL (
    SELECT sum(part."refundFen") AS fen, sum(part.quantity) AS quantity
    FROM refund_revisions AS refund
    CROSS JOIN LATERAL jsonb_to_recordset(refund.lines) AS part ("lineNo" int, quantity bigint, "refundFen" bigint)
    WHERE ${where} AND refund.brand_id = ${brandId} AND refund.source = ${db(order)}.source
      AND refund.order_no = ${db(order)}.order_no AND part."lineNo" = line."lineNo" AND NOT EXISTS (
        SELECT FROM refund_revisions AS later
        WHERE later.brand_id = ${brandId} AND later.source = refund.source AND later.refund_no = refund.refund_no
          AND later.revision > refund.revision)
  ) AS back ON true`

/**
 * The lines of the orders `o`, which need `is_counted` beside their own columns: those columns, `line_no`, `sku`, who was
 * told to have closed it as `line_closer`, and what is left of it as `line_fen` and `line_quantity`.
 */
export const linesOf = (db: Db, brandId: number) => db`
  SELECT o.*, line."lineNo" AS line_no, line.sku, COALESCE(line.closer, r.closer) AS line_closer,
    CASE WHEN o.is_counted THEN GREATEST(0, line."paidFen" - COALESCE(back.fen, 0)) ELSE 0 END AS line_fen,
    CASE WHEN o.is_counted THEN GREATEST(0, line.quantity - COALESCE(back.quantity, 0)) ELSE 0 END AS line_quantity
  FROM o
  ${toldOf(db, brandId)}
  CROSS JOIN LATERAL jsonb_to_recordset(r.lines) AS line ("lineNo" int, sku text, quantity bigint, "paidFen" bigint, closer text)
  ${refundedOf(db, { brandId, order: 'o' })}`

/** What is owed for the line `line` of an order. */
export const owedOf = (db: Db, brandId: number) => db`
  entitlements AS e WHERE e.brand_id = ${brandId} AND e.source = line.source AND e.order_no = line.order_no
    AND e.line_no = line.line_no`

/**
 * What associates are credited with of the orders `o` with the lines `line` (`linesOf`): the sharer with the whole order,
 * who closed lines with those. Each line once: of what the sharer closed himself only `closed_fen` says so.
 *
 * @param columns of `o`, given with each row
 * @returns a statement that gives those and `associate_id`, `is_sharer`, `fen`, `quantity`, `closed_fen`
 */
export const creditsOf = (db: Db, brandId: number, columns: ReturnType<Db>) => db`
  SELECT ${columns}, o.roles ->> 'sharer' AS associate_id, true AS is_sharer, o.net_fen AS fen, o.net_quantity AS quantity,
    0::bigint AS closed_fen
  FROM o WHERE o.is_counted AND o.roles ->> 'sharer' IS NOT NULL
  UNION ALL
  SELECT ${columns}, closer.associate_id, closer.is_sharer, CASE WHEN closer.is_sharer THEN 0 ELSE o.line_fen END,
    CASE WHEN closer.is_sharer THEN 0 ELSE o.line_quantity END, o.line_fen
  FROM line AS o
  CROSS JOIN LATERAL (
    SELECT name AS associate_id, name = o.roles ->> 'sharer' IS TRUE AS is_sharer
    FROM jsonb_array_elements_text(o.roles -> 'closer') AS closer (name)) AS closer
  WHERE o.is_counted AND (o.line_closer = closer.associate_id OR (
    SELECT NOT h.withdrawn FROM order_overrides AS h
    WHERE h.brand_id = ${brandId} AND h.source = o.source AND h.order_no = o.order_no AND h.role = 'closer'
    ORDER BY h.at DESC LIMIT 1))`
