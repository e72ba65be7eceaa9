import { Type } from 'typebox'
import { PAGE_DEFAULT, PAGE_MAX } from './paging.ts'

/** What every list takes. */
export const ListQuery = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: PAGE_MAX, description: `How many rows; ${PAGE_DEFAULT} where absent.` }),
  ),
  cursor: Type.Optional(Type.String({ maxLength: 4096, description: 'The nextCursor of the page before.' })),
}
