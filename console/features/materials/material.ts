import type { MaterialBody, ShownMaterial } from '../../../server/features/materials/schema.ts'
import { formatDate } from '../../../sidebar/lib/format.ts'
import { addDays } from '../../lib/span.ts'
import { startOfDay } from '../../lib/zone.ts'

export const kinds = ['product', 'page', 'live', 'coupon', 'activity', 'article'] as const
export type Kind = (typeof kinds)[number]
export const states = ['usable', 'to_come', 'over', 'archived'] as const
export type State = (typeof states)[number]

export function stateOf(material: ShownMaterial, now: number): State {
  if (material.archivedAt !== null) return 'archived'
  if (material.validFrom !== null && Date.parse(material.validFrom) > now) return 'to_come'
  if (material.validTo !== null && Date.parse(material.validTo) <= now) return 'over'
  return 'usable'
}

/** The first and the last day; the instant that ends it is the first that is not in it. */
export const firstDayOf = (validFrom: string | null, zone: string): string =>
  validFrom === null ? '' : formatDate(validFrom, zone)
export const lastDayOf = (validTo: string | null, zone: string): string =>
  validTo === null ? '' : formatDate(new Date(Date.parse(validTo) - 1).toISOString(), zone)

export const startOf = (day: string, zone: string): string | null => (day === '' ? null : startOfDay(day, zone))
export const endOf = (day: string, zone: string): string | null =>
  day === '' ? null : startOfDay(addDays(day, 1), zone)

/** What is typed into the form. */
export interface Draft {
  kind: Kind
  ref: string
  title: string
  text: string
  pictures: string[]
  campaign: string
  category: string
  path: string
  url: string
  firstDay: string
  lastDay: string
  storeCodes: string[] | null
  regions: string[] | null
}

export function draftOf(material: ShownMaterial | null, zone: string, first: Partial<Draft> = {}): Draft {
  return {
    kind: material?.kind ?? 'product',
    ref: material === null || material.ref === material.materialId ? '' : material.ref,
    title: material?.title ?? '',
    text: material?.text ?? '',
    pictures: [...(material?.pictures ?? [])],
    campaign: material?.campaign ?? '',
    category: material?.category ?? '',
    path: material?.path ?? '',
    url: material?.url ?? '',
    firstDay: firstDayOf(material?.validFrom ?? null, zone),
    lastDay: lastDayOf(material?.validTo ?? null, zone),
    storeCodes: material?.storeCodes ?? null,
    regions: material?.regions ?? null,
    ...first,
  }
}

export function bodyOf(draft: Draft, zone: string): MaterialBody {
  const orNull = (text: string) => (text.trim() === '' ? null : text.trim())
  return {
    kind: draft.kind,
    ref: orNull(draft.ref),
    title: draft.title.trim(),
    text: draft.text,
    pictures: draft.pictures,
    campaign: orNull(draft.campaign),
    category: orNull(draft.category),
    path: orNull(draft.path),
    url: orNull(draft.url),
    validFrom: startOf(draft.firstDay, zone),
    validTo: endOf(draft.lastDay, zone),
    storeCodes: draft.storeCodes,
    regions: draft.regions,
  }
}
