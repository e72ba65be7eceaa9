import type { Db } from '../../database.ts'

/** What somebody is called, as last told; null for headquarters. The columns are ours, not anybody's text. */
export const nameOf = (db: Db, brandId: number, kind: string, key: string) => db`
  CASE ${db.unsafe(kind)}
    WHEN 'associate' THEN (
      SELECT a.name FROM associates AS a WHERE a.brand_id = ${brandId} AND a.associate_id = ${db.unsafe(key)})
    WHEN 'store' THEN (SELECT s.name FROM stores AS s WHERE s.brand_id = ${brandId} AND s.store_code = ${db.unsafe(key)})
  END`
