import { createHash } from 'node:crypto'
import { transact, type Db, type Pool } from '../../database.ts'
import { AppError, type Fault } from '../../errors.ts'
import { valueInForce } from '../../lib/dated.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { canonicalJson } from '../../lib/items.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { ObjectStoreError, type ObjectStore } from '../../lib/object-store.ts'
import { DAY_MS, formatInstant, parseInstant, type Instant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller } from '../auth/domain.ts'
import { existingStores, readHistory, selectStores } from '../stores/service.ts'
import {
  faultsOfMaterial,
  isPictureAddress,
  isUsable,
  PICTURE_FOLDER,
  pictureIdOf,
  readPicture,
  type Material,
  type Place,
  type Reach,
} from './domain.ts'
import {
  insertPicture,
  lockMaterial,
  selectFacets,
  selectMaterialFigures,
  selectMaterials,
  selectMaterialsById,
  selectPicture,
  selectPictureSizes,
  writeMaterial,
  type MaterialRow,
} from './queries.ts'
import type {
  MaterialBody,
  MaterialFigures,
  MaterialQuery,
  NewMaterialBody,
  ShownMaterial,
  UploadedPicture,
} from './schema.ts'

export { sharePicture } from './picture.ts'
export {
  selectFacets,
  selectFittingMaterials,
  selectLinkFigures,
  selectMaterials,
  selectMaterialsById,
  type MaterialRow,
} from './queries.ts'

interface Asked {
  caller: Caller
  now: Instant
}

// ---------------------------------------------------------------------------------------------- headquarters

/** All that is laid out, newest first. @throws AppError malformed_cursor */
export async function listMaterials(
  db: Db,
  { brandId, now, query }: { brandId: number; now: Instant; query: MaterialQuery },
) {
  const limit = query.limit ?? PAGE_DEFAULT
  const { campaign = null, category = null, kind = null } = query
  const state = query.state === undefined ? {} : { state: { is: query.state, now } }
  const filter = { query: (query.q ?? '').trim(), campaign, category, kind, ...state }
  const after = materialPosition(query.cursor)
  const rows = await selectMaterials(db, { brandId, filter, usable: null, after, limit: limit + 1 })
  return pageOf(rows, limit, row => [row.materialId], shownMaterial)
}

const FIGURES_DAYS = 90
const FIGURES_MAX = 100

/** What came of the links to these materials that were made in the last 90 days. @throws AppError invalid_query */
export async function readFigures(
  db: Db,
  { brandId, now, materialIds }: { brandId: number; now: Instant; materialIds: readonly string[] },
): Promise<MaterialFigures> {
  if (materialIds.length > FIGURES_MAX) throw new AppError('invalid_query', `Name at most ${FIGURES_MAX} materials.`)
  const since = now - FIGURES_DAYS * DAY_MS
  return { since: formatInstant(since), items: await selectMaterialFigures(db, { brandId, materialIds, since }) }
}

/** Campaigns and categories that there are. */
export const readFacets = (db: Db, brandId: number) => selectFacets(db, { brandId, usable: null })

/** @throws AppError malformed_cursor */
export function materialPosition(cursor: string | undefined): string | null {
  if (cursor === undefined) return null
  const parts = decodeCursor(cursor, ['uuid'])
  if (!parts) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  return String(parts[0])
}

/** @throws AppError not_found */
export async function readMaterial(db: Db, brandId: number, materialId: string): Promise<ShownMaterial> {
  const [row] = await selectMaterialsById(db, { brandId, materialIds: [materialId] })
  if (!row) throw noMaterial()
  return shownMaterial(row)
}

const noMaterial = () => new AppError('not_found', 'There is no such material.')

/**
 * Lays something out. The same again changes nothing.
 *
 * @throws AppError invalid_body with every fault by its path; conflict where the id is another material's
 */
export async function createMaterial(
  pool: Pool,
  { caller, now, body }: Asked & { body: NewMaterialBody },
): Promise<{ isNew: boolean; material: ShownMaterial }> {
  const { brandId, actor } = caller
  const materialId = body.materialId?.toLowerCase() ?? uuidv7(now)
  return await transact(pool, async tx => {
    const before = await lockMaterial(tx, { brandId, materialId })
    const row = rowOf(body, { materialId, createdAt: before?.createdAt ?? now, now, actor })
    if (before) {
      if (canonicalJson(contentOf(before)) !== canonicalJson(contentOf(row))) {
        throw new AppError('conflict', 'This materialId is another material’s; change it by PUT.')
      }
      return { isNew: false, material: shownMaterial(before) }
    }
    await checkMaterial(tx, brandId, row)
    await writeMaterial(tx, { brandId, material: row })
    await insertActivity(tx, { brandId, now, actor, action: 'material.created', subject: `materials/${materialId}` })
    return { isNew: true, material: shownMaterial(row) }
  })
}

/** @throws AppError not_found, invalid_body */
export async function changeMaterial(
  pool: Pool,
  { caller, now, materialId, body }: Asked & { materialId: string; body: MaterialBody },
): Promise<ShownMaterial> {
  const { brandId, actor } = caller
  return await transact(pool, async tx => {
    const before = await lockMaterial(tx, { brandId, materialId })
    if (!before || before.deletedAt !== null) throw noMaterial()
    const row = rowOf(body, { materialId: before.materialId, createdAt: before.createdAt, now, actor })
    if (canonicalJson(contentOf(before)) === canonicalJson(contentOf(row))) return shownMaterial(before)
    await checkMaterial(tx, brandId, row)
    await writeMaterial(tx, { brandId, material: row })
    await insertActivity(tx, { brandId, now, actor, action: 'material.changed', subject: `materials/${materialId}` })
    return shownMaterial(row)
  })
}

/** Takes it away; links that lead to it go on. Again, it changes nothing. @throws AppError not_found */
export async function deleteMaterial(pool: Pool, { caller, now, materialId }: Asked & { materialId: string }) {
  const { brandId, actor } = caller
  await transact(pool, async tx => {
    const before = await lockMaterial(tx, { brandId, materialId })
    if (!before) throw noMaterial()
    if (before.deletedAt !== null) return
    const row = { ...before, changedAt: now, changedBy: actor, deletedAt: now }
    await writeMaterial(tx, { brandId, material: row })
    await insertActivity(tx, { brandId, now, actor, action: 'material.deleted', subject: `materials/${materialId}` })
  })
}

/** Brings back what was taken away. Again, it changes nothing. @throws AppError not_found */
export async function restoreMaterial(
  pool: Pool,
  { caller, now, materialId }: Asked & { materialId: string },
): Promise<ShownMaterial> {
  const { brandId, actor } = caller
  return await transact(pool, async tx => {
    const before = await lockMaterial(tx, { brandId, materialId })
    if (!before) throw noMaterial()
    if (before.deletedAt === null) return shownMaterial(before)
    const row = { ...before, changedAt: now, changedBy: actor, deletedAt: null }
    await writeMaterial(tx, { brandId, material: row })
    await insertActivity(tx, { brandId, now, actor, action: 'material.restored', subject: `materials/${materialId}` })
    return shownMaterial(row)
  })
}

function rowOf(
  body: MaterialBody,
  { materialId, createdAt, now, actor }: { materialId: string; createdAt: Instant; now: Instant; actor: string },
): MaterialRow {
  const instant = (text: string | null | undefined) => (text == null ? null : parseInstant(text))
  return {
    materialId,
    kind: body.kind,
    ref: body.ref ?? materialId,
    title: body.title,
    text: body.text ?? '',
    pictures: body.pictures ?? [],
    campaign: body.campaign ?? null,
    category: body.category ?? null,
    path: body.path ?? null,
    url: body.url ?? null,
    validFrom: instant(body.validFrom),
    validTo: instant(body.validTo),
    storeCodes: body.storeCodes ?? null,
    regions: body.regions ?? null,
    createdAt,
    changedAt: now,
    changedBy: actor,
    deletedAt: null,
  }
}

const contentOf = ({ createdAt: _created, changedAt: _at, changedBy: _by, ...content }: MaterialRow) => content

/** @throws AppError invalid_body */
async function checkMaterial(db: Db, brandId: number, row: MaterialRow): Promise<void> {
  const faults: Fault[] = [
    ...faultsOfMaterial(row),
    ...(await faultsOfPictures(db, brandId, row.pictures)),
    ...(await faultsOfReach(db, brandId, row)),
  ]
  if (faults.length > 0) throw new AppError('invalid_body', faults[0]!.message, faults)
}

/** Pictures that are no address, or were never uploaded. */
export async function faultsOfPictures(db: Db, brandId: number, pictures: readonly string[]): Promise<Fault[]> {
  const known = await pictureSizes(db, brandId, pictures)
  return pictures.flatMap((address, i): Fault[] => {
    const path = `pictures[${i}]`
    if (!isPictureAddress(address)) {
      return [{ path, code: 'invalid_value', message: 'It must be an https address, or an uploaded picture.' }]
    }
    const isMissing = pictureIdOf(address) !== null && !known.has(address)
    return isMissing ? [{ path, code: 'unknown_picture', message: 'This picture was never uploaded.' }] : []
  })
}

/** How many pixels each uploaded picture has, by its address. */
export async function pictureSizes(db: Db, brandId: number, pictures: readonly string[]): Promise<Map<string, number>> {
  const pictureIds = pictures.flatMap(address => pictureIdOf(address) ?? [])
  const sizes = await selectPictureSizes(db, { brandId, pictureIds })
  return new Map([...sizes].map(([pictureId, pixels]) => [PICTURE_FOLDER + pictureId, pixels]))
}

/** Stores that there are not. */
export async function faultsOfReach(db: Db, brandId: number, { storeCodes }: Reach): Promise<Fault[]> {
  const stores = await existingStores(db, brandId, storeCodes ?? [])
  return (storeCodes ?? []).flatMap((storeCode, i) =>
    stores.has(storeCode)
      ? []
      : [{ path: `storeCodes[${i}]`, code: 'unknown_store', message: `There is no store ${storeCode}.` }],
  )
}

export const shownMaterial = (row: MaterialRow): ShownMaterial => {
  const { deletedAt, validFrom, validTo, createdAt, changedAt, ...shown } = row
  return {
    ...shown,
    validFrom: validFrom === null ? null : formatInstant(validFrom),
    validTo: validTo === null ? null : formatInstant(validTo),
    createdAt: formatInstant(createdAt),
    changedAt: formatInstant(changedAt),
    archivedAt: deletedAt === null ? null : formatInstant(deletedAt),
  }
}

// ------------------------------------------------------------------------------------------------ associates

/** Where somebody works now. */
export async function placeOf(
  db: Db,
  { brandId, storeCode, now }: { brandId: number; storeCode: string | null; now: Instant },
): Promise<Place> {
  if (storeCode === null) return { storeCode, region: null }
  const [store] = await selectStores(db, { brandId, storeCodes: [storeCode] })
  return { storeCode, region: store ? valueInForce(readHistory<string>(store.regions), now) : null }
}

/** A material that somebody may share now. @returns null where there is none, or he may not */
export async function usableMaterial(
  db: Db,
  options: { brandId: number; materialId: string; storeCode: string | null; now: Instant },
): Promise<Material | null> {
  const { brandId, materialId, storeCode, now } = options
  const [[row], place] = await Promise.all([
    selectMaterialsById(db, { brandId, materialIds: [materialId] }),
    placeOf(db, { brandId, storeCode, now }),
  ])
  return row && isUsable(row, place, now) ? row : null
}

// -------------------------------------------------------------------------------------------------- pictures

/**
 * Keeps a picture. The same file again is the same picture.
 *
 * @param options.objects where pictures lie; null: in the database
 * @throws AppError unsupported_media_type where it is neither PNG nor JPEG; picture.storage_unreachable
 */
export async function uploadPicture(
  pool: Pool,
  { caller, now, bytes, objects }: Asked & { bytes: Buffer; objects: ObjectStore | null },
): Promise<UploadedPicture> {
  const { brandId, actor } = caller
  const facts = readPicture(bytes)
  if (!facts) throw new AppError('unsupported_media_type', 'This is neither a PNG nor a JPEG picture.')
  const pictureId = `${brandId}-${createHash('sha256').update(bytes).digest('hex')}`
  // The file first: a row that names no file would be a broken picture for ever.
  if (objects) await inStorage(() => objects.put(pictureId, { type: facts.type, bytes }))
  const picture = { ...facts, bytes: objects ? null : bytes }
  await insertPicture(pool, { brandId, pictureId, picture, uploadedBy: actor, now })
  return { url: PICTURE_FOLDER + pictureId, width: facts.width, height: facts.height }
}

/** @throws AppError picture.storage_unreachable */
async function inStorage<T>(deed: () => Promise<T>): Promise<T> {
  try {
    return await deed()
  } catch (error) {
    if (!(error instanceof ObjectStoreError)) throw error
    throw new AppError('picture.storage_unreachable', 'The storage of pictures cannot be reached; try again.')
  }
}

/** An uploaded picture, wherever it lies; null: there is none. @throws AppError picture.storage_unreachable */
export async function readPictureFile(
  db: Db,
  { brandId, pictureId, objects }: { brandId: number; pictureId: string; objects: ObjectStore | null },
): Promise<{ type: string; bytes: Buffer } | null> {
  const row = await selectPicture(db, { brandId, pictureId })
  if (!row) return null
  const bytes = row.bytes ?? (objects && (await inStorage(() => objects.get(pictureId))))
  return bytes && { type: row.type, bytes }
}

/** By its address alone: WeCom and customers' phones fetch it. @throws AppError not_found, picture.storage_unreachable */
export async function readUploaded(
  db: Db,
  { pictureId, objects }: { pictureId: string; objects: ObjectStore | null },
): Promise<{ type: string; bytes: Buffer }> {
  const brandId = Number(/^([1-9]\d{0,8})-[0-9a-f]{64}$/.exec(pictureId)?.[1] ?? 0)
  const picture = brandId === 0 ? null : await readPictureFile(db, { brandId, pictureId, objects })
  if (!picture) throw new AppError('not_found', 'There is no such picture.')
  return picture
}
