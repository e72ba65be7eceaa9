import type { Community, CommunityPage, CommunityQuery } from '../../../server/features/community/schema.ts'
import { api } from '../../../sidebar/lib/session.ts'
import { FIGURES_TIMEOUT_MS } from '../../lib/figures.ts'

/** The calls of the community pages. */
export const calls = {
  readCommunities: (where: CommunityQuery & { cursor?: string | undefined }, signal?: AbortSignal) =>
    api.get<CommunityPage>('/community/stores', { ...where }, signal, FIGURES_TIMEOUT_MS),
  readCommunity: (storeCode: string, where: CommunityQuery, signal?: AbortSignal) =>
    api.get<Community>(`/community/stores/${encodeURIComponent(storeCode)}`, { ...where }, signal, FIGURES_TIMEOUT_MS),
}
