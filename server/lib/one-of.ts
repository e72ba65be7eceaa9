import type { Db } from '../database.ts'

/**
 * A list that a column is compared with, `WHERE member_no = ${oneOf(db, memberNos)}`: what a few keys are looked up by.
 *
 * The values are kept from the planner. It would look each up in the statistics, take a plan of its own for each list for
 * cheaper than one for all, and so plan at every call, which takes longer than the looking up.
 */
export const oneOf = (db: Db, values: readonly string[]) => db`ANY ((SELECT ${values as string[]}::text[])::text[])`
