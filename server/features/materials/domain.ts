import type { LinkTarget } from '../../../drizzle/schema/share-links.ts'
import type { Instant } from '../../lib/time.ts'
import { plainWebUrl } from '../share-links/domain.ts'

/** What is laid out to be shared, and by whom: rules over plain values. */

export const MATERIAL_KINDS = ['product', 'page', 'live', 'coupon', 'activity', 'article'] as const
export type MaterialKind = (typeof MATERIAL_KINDS)[number]

/** By when it may be shared; archived: taken away, and to be brought back. */
export const MATERIAL_STATES = ['usable', 'to_come', 'over', 'archived'] as const
export type MaterialState = (typeof MATERIAL_STATES)[number]

export interface Material {
  materialId: string
  kind: MaterialKind
  ref: string
  title: string
  text: string
  pictures: readonly string[]
  campaign: string | null
  category: string | null
  path: string | null
  url: string | null
  validFrom: Instant | null
  validTo: Instant | null
  storeCodes: readonly string[] | null
  regions: readonly string[] | null
}

/** For whose stores something is: of these stores, and of the stores of these regions. Both null: all. */
export interface Reach {
  storeCodes: readonly string[] | null
  regions: readonly string[] | null
}

/** Where somebody works: his store, and the region that it is in. */
export interface Place {
  storeCode: string | null
  region: string | null
}

/** Whoever works at no store may use what is for all. */
export function reaches({ storeCodes, regions }: Reach, { storeCode, region }: Place): boolean {
  if (storeCodes === null && regions === null) return true
  const isOfStore = storeCode !== null && (storeCodes ?? []).includes(storeCode)
  return isOfStore || (region !== null && (regions ?? []).includes(region))
}

export const isUsable = (material: Material, place: Place, now: Instant): boolean =>
  (material.validFrom === null || material.validFrom <= now) &&
  (material.validTo === null || now < material.validTo) &&
  reaches(material, place)

/** A link has no kind for articles: they are pages. */
export const LINK_KIND: Record<MaterialKind, string> = {
  product: 'product',
  page: 'page',
  live: 'live',
  coupon: 'coupon',
  activity: 'activity',
  article: 'page',
}

/** What a link calls a material. */
export const linkKindOf = (kind: MaterialKind): string => LINK_KIND[kind]

/** Where a link to a material leads: as headquarters says, else as the catalogue has the product. */
export function targetOfMaterial(
  material: Material,
  product: { imageUrl: string | null; path: string | null } | null,
): LinkTarget {
  const imageUrl = material.pictures[0] ?? product?.imageUrl ?? null
  const path = material.path ?? product?.path ?? null
  return {
    kind: LINK_KIND[material.kind],
    ref: material.ref,
    title: material.title,
    ...(imageUrl === null ? {} : { imageUrl }),
    ...(path === null ? {} : { path }),
    ...(material.url === null ? {} : { url: material.url }),
  }
}

interface Fault {
  path: string
  code: string
  message: string
}

/** Needs somewhere to lead to: a product has its page, and our own page shows what has none. */
export function faultsOfMaterial(material: Material): Fault[] {
  const faults: Fault[] = []
  const fault = (path: string, message: string, code = 'invalid_value') => faults.push({ path, code, message })
  const { validFrom, validTo, url, storeCodes, regions } = material
  if (material.title.trim() === '') fault('title', 'Give it a title.', 'missing_field')
  if (validFrom !== null && validTo !== null && validTo <= validFrom) fault('validTo', 'It must be after validFrom.')
  if (url !== null && plainWebUrl(url) === null) fault('url', 'It must be a plain http or https address.')
  if (storeCodes?.length === 0) fault('storeCodes', 'Name stores, or null for all.')
  if (regions?.length === 0) fault('regions', 'Name regions, or null for all.')
  return faults
}

/** The address of an uploaded picture, as it is kept in materials and posts. */
export const PICTURE_FOLDER = '/api/v1/pictures/'

/** The id of an uploaded picture, or null for a picture elsewhere. */
export const pictureIdOf = (address: string): string | null =>
  address.startsWith(PICTURE_FOLDER) ? address.slice(PICTURE_FOLDER.length) : null

/** Pictures are on the web by https, or were uploaded here. */
export const isPictureAddress = (address: string): boolean =>
  pictureIdOf(address) !== null || (/^https:/i.test(address) && plainWebUrl(address) !== null)

// ------------------------------------------------------------------------------------------------- pictures

export interface PictureFacts {
  type: 'image/png' | 'image/jpeg'
  width: number
  height: number
}

/** What a file begins with says what it is, whatever it is called. null: neither PNG nor JPEG, or broken. */
export function readPicture(bytes: Uint8Array): PictureFacts | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length >= 24 && view.getUint32(0) === 0x89504e47 && view.getUint32(12) === 0x49484452) {
    return sized('image/png', view.getUint32(16), view.getUint32(20))
  }
  if (bytes.length < 4 || view.getUint16(0) !== 0xffd8) return null
  // From segment to segment until the one that tells the size: SOF0 to SOF15, but for DHT, JPG and DAC.
  for (let at = 2; at + 9 <= bytes.length; at += 2 + view.getUint16(at + 2)) {
    if (view.getUint8(at) !== 0xff) return null
    const marker = view.getUint8(at + 1)
    const tellsSize = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
    if (tellsSize) return sized('image/jpeg', view.getUint16(at + 7), view.getUint16(at + 5))
  }
  return null
}

const sized = (type: PictureFacts['type'], width: number, height: number): PictureFacts | null =>
  width > 0 && height > 0 ? { type, width, height } : null
