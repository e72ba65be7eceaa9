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
