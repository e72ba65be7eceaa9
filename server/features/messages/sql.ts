import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import { FRESH_MS, SAME_OPENING_MS } from './domain.ts'

type Fragment = ReturnType<Db>

/** Parts of statements that write down what associates are told. */

/** Where nobody ever looked at the brand's WeCom there is none, and nobody would read them. */
export const isHeard = (db: Db, brandId: number) => db`EXISTS (SELECT FROM wecom_syncs WHERE brand_id = ${brandId})`

export const NOTE_COLUMNS = `brand_id, associate_id, kind, occasion, at, details, status, reason, is_held, created_at, due_at, ended_at` // prettier-ignore

/** How a row begins: it waits; what was imported is only kept so that nobody is told of it later. */
export const beginning = (db: Db, { now, isImported }: { now: Instant; isImported: boolean }) => db`
  ${isImported ? 'dropped' : 'waiting'}, ${isImported ? 'imported' : null}, false, ${now}, ${now},
  ${isImported ? now : null}::timestamptz`

/** An occasion as it is kept, and how it would be of the span of time before: those begin at fixed times. */
export const occasion = (db: Db, spansBefore: 0 | 1) => db`
  '[' || to_json(link_code)::text || ',' || to_json(customer)::text || ',' ||
    (floor(extract(epoch FROM at) * 1000 / ${SAME_OPENING_MS}::int)::bigint - ${spansBefore}::int)::text || ']'`

/**
 * Writes down for associates that customers opened their links of late; an associate who is the member himself is no customer.
 * One who opens a link again within a span tells nothing new, nor does one who did at the end of the span before.
 *
 * @param openings rows of link_code, customer (the best of his ids), member_no, at and details
 */
export const insertOpeningsOf = (
  db: Db,
  openings: Fragment,
  options: { brandId: number; now: Instant; isImported: boolean },
): Fragment => db`
  INSERT INTO associate_messages (${db.unsafe(NOTE_COLUMNS)})
  SELECT DISTINCT ON (link.associate_id, row.occasion) ${options.brandId}::int, link.associate_id, 'link_opened', row.occasion,
    row.at, row.details, ${beginning(db, options)}
  FROM (SELECT opening.*, ${occasion(db, 0)} AS occasion, ${occasion(db, 1)} AS before FROM ${openings} AS opening) AS row
  JOIN share_links AS link ON link.brand_id = ${options.brandId} AND link.link_code = row.link_code
  JOIN associates AS a ON a.brand_id = ${options.brandId} AND a.associate_id = link.associate_id
  WHERE ${isHeard(db, options.brandId)} AND COALESCE(a.member_no <> row.member_no, true)
    AND row.at > ${options.now - FRESH_MS}
    AND NOT EXISTS (
      SELECT FROM associate_messages AS m
      WHERE m.brand_id = ${options.brandId} AND m.associate_id = link.associate_id AND m.kind = 'link_opened'
        AND m.occasion = row.before AND m.at > row.at - ${SAME_OPENING_MS}::int * interval '1 millisecond')
  ORDER BY link.associate_id, row.occasion, row.at
  ON CONFLICT DO NOTHING`
