import { index, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { brandIdColumn, bytesColumn, instantColumn, textColumn, uuidColumn } from '../columns.ts'

/** One row is one sign-in of a person: a family of refresh tokens of which only the newest is good. */
export const sessions = pgTable(
  'sessions',
  {
    brandId: brandIdColumn(),
    sessionId: uuidColumn('session_id').notNull(),
    associateId: textColumn('associate_id').notNull(),
    /** SHA-256 of the newest refresh token; an older one that comes again ends the session. */
    refreshHash: bytesColumn('refresh_hash').notNull(),
    createdAt: instantColumn('created_at').notNull(),
    /** When its tokens were last renewed; null: not since it began. */
    seenAt: instantColumn('seen_at'),
    /** Where it was made, `wecom` or `browser` and a system: `wecom android`; null: made before that was kept. */
    device: textColumn('device'),
    expiresAt: instantColumn('expires_at').notNull(),
    revokedAt: instantColumn('revoked_at'),
    /** Why: `signed_out`, `ended` (by himself elsewhere), `ended_by_headquarters`, `reused` or `inactive`. */
    revokedBecause: textColumn('revoked_because'),
  },
  session => [
    primaryKey({ columns: [session.brandId, session.sessionId] }),
    index('sessions_by_associate').on(session.brandId, session.associateId),
  ],
)
