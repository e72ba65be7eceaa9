import type { Static } from 'typebox'
import type {
  MaterialBody,
  MaterialFacets,
  MaterialFigures,
  MaterialPage,
  MaterialQuery,
  NewMaterialBody,
  ShownMaterial,
} from '../../../server/features/materials/schema.ts'
import { api } from '../../../sidebar/lib/session.ts'

/** The calls of the materials page. */
export const calls = {
  readMaterials: (where: MaterialQuery, cursor?: string, signal?: AbortSignal) =>
    api.get<Static<typeof MaterialPage>>('/materials', { ...where, cursor }, signal),
  readMaterial: (materialId: string, signal?: AbortSignal) =>
    api.get<ShownMaterial>(`/materials/${materialId}`, {}, signal),
  readFacets: (signal?: AbortSignal) => api.get<MaterialFacets>('/materials/facets', {}, signal),
  readFigures: (materialIds: readonly string[], signal?: AbortSignal) =>
    api.get<MaterialFigures>('/materials/figures', { materialIds: materialIds.join(',') }, signal),
  create: (body: NewMaterialBody) => api.post<ShownMaterial>('/materials', body),
  change: (materialId: string, body: MaterialBody) => api.put<ShownMaterial>(`/materials/${materialId}`, body),
  archive: (materialId: string) => api.delete<undefined>(`/materials/${materialId}`),
  restore: (materialId: string) => api.post<ShownMaterial>(`/materials/${materialId}/restore`, {}),
}
