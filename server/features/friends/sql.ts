import type { Db } from '../../database.ts'
import { BY_TRANSFER, HANDED_OVER_MS } from './domain.ts'

/**
 * The ends by which WeCom gave the customer of a friendship `f` that began to its associate, as `given`: those of
 * colleagues, about that time.
 */
export const transfersTo = (db: Db, brandId: number) => db`
  FROM friend_events AS given
  WHERE given.brand_id = ${brandId} AND given.external_userid = f.external_userid AND given.kind = 'ended'
    AND given.ended_by = ${BY_TRANSFER} AND given.associate_id <> f.associate_id
    AND given.at BETWEEN f.at - ${HANDED_OVER_MS}::int * interval '1 millisecond'
      AND f.at + ${HANDED_OVER_MS}::int * interval '1 millisecond'`

/** Of friendships `f` that began and ended, those that are no new friend: WeCom gave the customer over. */
export const isHandedOver = (db: Db, brandId: number) =>
  db`EXISTS (SELECT ${transfersTo(db, brandId)} AND f.kind = 'added')`
