import { sql } from 'drizzle-orm'
import { index, integer, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { brandIdColumn, bytesColumn, instantColumn, textColumn } from '../columns.ts'

/** One row is the mini-program code of a share link: WeChat's picture, which is good for ever. */
export const miniProgramCodes = pgTable(
  'mini_program_codes',
  {
    brandId: brandIdColumn(),
    linkCode: textColumn('link_code').notNull(),
    /** Of which mini program; another one in the settings makes another picture. */
    appId: textColumn('app_id').notNull(),
    picture: bytesColumn('picture').notNull(),
    madeAt: instantColumn('made_at').notNull(),
  },
  code => [primaryKey({ columns: [code.brandId, code.linkCode] })],
)

/** One row is the URL link by which a share link opens the mini program from a browser: WeChat's last for 30 days at most. */
export const miniProgramLinks = pgTable(
  'mini_program_links',
  {
    brandId: brandIdColumn(),
    linkCode: textColumn('link_code').notNull(),
    appId: textColumn('app_id').notNull(),
    /** null: WeChat gave none yet. */
    url: textColumn('url'),
    expiresAt: instantColumn('expires_at'),
    /** When somebody was last sent there, to the day: what nobody uses is not renewed. */
    usedAt: instantColumn('used_at').notNull(),
    /** WeChat is not asked before: it refused, or somebody is asking. */
    retryAt: instantColumn('retry_at').notNull(),
    /** Why it refused. */
    errcode: integer('errcode'),
  },
  link => [
    primaryKey({ columns: [link.brandId, link.linkCode] }),
    index('mini_program_links_by_expiry')
      .on(link.brandId, link.expiresAt)
      .where(sql`url IS NOT NULL`), // what is renewed
  ],
)
