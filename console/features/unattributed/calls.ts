import type { Static } from 'typebox'
import type { UnattributedPage } from '../../../server/features/disputes/schema.ts'
import { api } from '../../../sidebar/lib/session.ts'

/** The calls of the unattributed page. */
export const calls = {
  readUnattributed: (where: { storeCode?: string | undefined }, cursor: string | undefined, signal?: AbortSignal) =>
    api.get<Static<typeof UnattributedPage>>('/unattributed', { ...where, cursor }, signal),
}
