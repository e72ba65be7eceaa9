import type {
  AssociateDetail,
  AssociatePage,
  AssociateQuery,
  FileTold,
  Houses,
  StoreDetail,
  StorePage,
  StoreQuery,
  Told,
} from '../../../server/features/people/schema.ts'
import { api } from '../../../sidebar/lib/session.ts'

export type Kind = 'stores' | 'associates'

/** The calls of the people pages. */
export const calls = {
  readStores: (where: StoreQuery, signal?: AbortSignal) => api.get<StorePage>('/stores', { ...where }, signal),
  readStore: (storeCode: string, signal?: AbortSignal) =>
    api.get<StoreDetail>(`/stores/${encodeURIComponent(storeCode)}`, {}, signal),
  readAssociates: (where: AssociateQuery, signal?: AbortSignal) =>
    api.get<AssociatePage>('/associates', { ...where }, signal),
  readAssociate: (associateId: string, signal?: AbortSignal) =>
    api.get<AssociateDetail>(`/associates/${encodeURIComponent(associateId)}`, {}, signal),
  endSessions: (associateId: string) =>
    api.delete<{ ended: number }>(`/associates/${encodeURIComponent(associateId)}/sessions`),
  readHouses: (signal?: AbortSignal) => api.get<Houses>('/people/houses', {}, signal),
  tell: (kind: Kind, item: object, isDryRun: boolean) => api.post<Told>(`/people/${kind}`, { items: [item], isDryRun }),
  tellFile: (kind: Kind, file: string, isDryRun: boolean) =>
    api.post<FileTold>(`/people/${kind}/file`, { file, isDryRun }),
}

/** Colleagues to choose from. */
export async function loadAssociates(): Promise<{ value: string; text: string }[]> {
  const { items } = await calls.readAssociates({ limit: 500 })
  return items.map(({ associateId: value, name }) => ({ value, text: `${name} · ${value}` }))
}

export async function loadStores(): Promise<{ value: string; text: string }[]> {
  const { items } = await calls.readStores({ limit: 500 })
  return items.map(({ storeCode: value, name }) => ({ value, text: `${name} · ${value}` }))
}
