import { bigint, customType, date, integer, timestamp, uuid } from 'drizzle-orm/pg-core'

/** The only place where column types are chosen. */

/** Which brand a row belongs to: first in every key, so brands never meet and the tables can be spread by brand. */
export const brandIdColumn = () => integer('brand_id').notNull()

/** A name or key from outside, compared by bytes whatever the database's collation is. */
const textC = customType<{ data: string; driverData: string }>({ dataType: () => 'text COLLATE "C"' })
export const textColumn = (name: string) => textC(name)

/** Whole fen. */
export const fenColumn = (name: string) => bigint(name, { mode: 'number' })

/** An instant to the millisecond. */
export const instantColumn = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: 'string' })

/** A day of the brand's calendar. */
export const dayColumn = (name: string) => date(name, { mode: 'string' })

/** UUID of version 7, made by the service. */
export const uuidColumn = (name: string) => uuid(name)

/** Ciphertext, hashes. */
export const bytesColumn = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' })

/** Lists of keys. */
export const textListColumn = customType<{ data: string[]; driverData: string[] }>({
  dataType: () => 'text[]',
})
