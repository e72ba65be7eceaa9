import type { Db, Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { decodeCursor, encodeCursor } from '../../lib/paging.ts'
import { DAY_MS, formatInstant, parseInstant, type Instant } from '../../lib/time.ts'
import { supposeEvidence } from '../attribution/service.ts'
import type { Caller } from '../auth/domain.ts'
import { favouriteCategoriesOf } from '../cards/service.ts'
import { planInForce } from '../commissions/domain.ts'
import { plansOf, reachOf } from '../commissions/service.ts'
import { findCustomer, personOf, viewsOf } from '../customers/service.ts'
import { linkKindOf } from '../materials/domain.ts'
import {
  placeOf,
  selectFacets,
  selectFittingMaterials,
  selectMaterials,
  type MaterialRow,
} from '../materials/service.ts'
import { estimate, supposedLink, supposedOrder } from './domain.ts'
import {
  selectProducts,
  selectSendings,
  selectSendingsOfKinds,
  selectShelf,
  upsertShelf,
  type ProductRow,
} from './queries.ts'
import type { EarnEstimate, Library, LibraryItem, LibraryQuery, Shelf, ShelfBody, ShelfQuery } from './schema.ts'

/** What headquarters laid out, and what an associate put together: each with what a sale of it would earn him. */

const PAGE = 20

/** The chat beside which it is asked. */
interface Chat {
  externalUserid?: string
  chatId?: string
}

/** How far back a customer's views put something first. */
const VIEWED_DAYS = 90
const FITTING_MAX = 50

/**
 * What the asker may share now, newest first. Where nothing is searched for, what fits the customer of the chat comes
 * before: what he looked at, then what is of a category that he buys, as far as the asker may know it.
 *
 * @throws AppError malformed_cursor; invalid_query where both a customer and a group are named
 */
export async function readLibrary(
  db: Db,
  caller: Caller,
  { query, now }: { query: LibraryQuery; now: Instant },
): Promise<Library> {
  const { brandId } = caller
  const { externalUserid, chatId, campaign = null, category = null, kind = null } = query
  const limit = query.limit ?? PAGE
  const position = positionOf(query.cursor)
  const chat = chatOf({ externalUserid, chatId })
  const usable = { place: await placeOf(db, { brandId, storeCode: personOf(caller).storeCode, now }), now }
  const filter = { query: (query.q ?? '').trim(), campaign, category, kind }
  const since = position?.since ?? now
  const fitting = filter.query === '' ? await fittingOf(db, caller, { chat, filter, usable, since }) : []
  const without = fitting.map(row => row.materialId)
  const [others, facets] = await Promise.all([
    selectMaterials(db, { brandId, filter, usable, without, after: position?.other ?? null, limit: limit + 1 }),
    selectFacets(db, { brandId, usable }),
  ])
  const left =
    position === null ? fitting : position.fitting === null ? [] : fitting.slice(without.indexOf(position.fitting) + 1)
  const rows = [...left, ...others]
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    asOf: formatInstant(now),
    ...facets,
    items: await libraryItems(db, caller, { materials: shown, chat, now }),
    nextCursor:
      rows.length > limit && last
        ? encodeCursor([
            formatInstant(since),
            ...(without.includes(last.materialId) ? [last.materialId, null] : [null, last.materialId]),
          ])
        : null,
  }
}

/** What fits the customer of the chat, as it was then; none where he is hidden, or there is no customer. */
async function fittingOf(
  db: Db,
  caller: Caller,
  options: {
    chat: Chat
    filter: Parameters<typeof selectMaterials>[1]['filter']
    usable: Parameters<typeof selectFittingMaterials>[1]['usable']
    since: Instant
  },
): Promise<MaterialRow[]> {
  const { filter, usable, since } = options
  const { brandId } = caller
  const { externalUserid } = options.chat
  const customer = externalUserid === undefined ? null : await findCustomer(db, caller, { externalUserid, now: since })
  if (!customer) return []
  const [views, categories] = await Promise.all([
    viewsOf(db, { brandId, customer, from: since - VIEWED_DAYS * DAY_MS }),
    favouriteCategoriesOf(db, { caller, customer, now: since }),
  ])
  const seen = (views ?? []).filter(view => view.at <= since).map(({ kind, ref }) => ({ kind, ref }))
  if (seen.length === 0 && categories.length === 0) return []
  return await selectFittingMaterials(db, { brandId, filter, usable, seen, categories, limit: FITTING_MAX })
}

/** A page begins after a material that fits, or one of the others; what was looked at since moves none. */
interface Position {
  since: Instant
  /** null: all that fit have been shown. */
  fitting: string | null
  other: string | null
}

/** @throws AppError malformed_cursor */
function positionOf(cursor: string | undefined): Position | null {
  if (cursor === undefined) return null
  const [at, fitting, other] = decodeCursor(cursor, 3) ?? []
  const since = typeof at === 'string' ? parseInstant(at) : null
  if (since !== null && isUuid(fitting)) return { since, fitting, other: null }
  if (since !== null && isUuid(other)) return { since, fitting: null, other }
  throw new AppError('malformed_cursor', 'This is no cursor of this list.')
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const isUuid = (value: unknown): value is string => typeof value === 'string' && UUID.test(value)

/** Materials as an associate sees them, in their order. */
export async function libraryItems(
  db: Db,
  caller: Caller,
  { materials, chat, now }: { materials: readonly MaterialRow[]; chat: Chat; now: Instant },
): Promise<LibraryItem[]> {
  if (materials.length === 0) return []
  const { brandId } = caller
  const skus = materials.flatMap(({ kind, ref }) => (kind === 'product' ? [ref] : []))
  const sentTo = sentToOf(chat)
  const [products, earnOf, sendings] = await Promise.all([
    selectProducts(db, { brandId, skus }),
    skus.length === 0 ? null : earningsOf(db, caller, { chat, now }),
    sentTo === null
      ? []
      : selectSendingsOfKinds(db, {
          brandId,
          associateId: personOf(caller).associateId,
          sentTo,
          targets: materials.map(({ kind, ref }) => ({ kind: linkKindOf(kind), ref })),
        }),
  ])
  const bySku = new Map(products.map(product => [product.sku, product]))
  const sentAt = new Map(sendings.map(({ kind, ref, at }) => [JSON.stringify([kind, ref]), at]))
  return materials.map(material => {
    const product = material.kind === 'product' ? (bySku.get(material.ref) ?? null) : null
    const sent = sentAt.get(JSON.stringify([linkKindOf(material.kind), material.ref]))
    return {
      materialId: material.materialId,
      kind: material.kind,
      title: material.title,
      text: material.text,
      pictures: material.pictures.length === 0 && product?.imageUrl ? [product.imageUrl] : material.pictures,
      campaign: material.campaign,
      category: material.category,
      validTo: material.validTo === null ? null : formatInstant(material.validTo),
      product: product && {
        sku: product.sku,
        priceFen: product.priceFen,
        listFen: product.listFen,
        stock: product.stock,
      },
      earn: product && earnOf ? earnOf(product) : null,
      sentBeforeAt: sent === undefined ? null : formatInstant(sent),
    }
  })
}

// ----------------------------------------------------------------------------------------------------- shelf

/** What the asker put together, in his order. Products that are gone are left out. */
export async function readShelf(
  db: Db,
  caller: Caller,
  { query, now }: { query: ShelfQuery; now: Instant },
): Promise<Shelf> {
  const { brandId } = caller
  const { associateId } = personOf(caller)
  const chat = chatOf(query)
  const skus = await selectShelf(db, { brandId, associateId })
  const sentTo = sentToOf(chat)
  const [products, earnOf, sendings] = await Promise.all([
    selectProducts(db, { brandId, skus }),
    skus.length === 0 ? null : earningsOf(db, caller, { chat, now }),
    sentTo === null ? [] : selectSendings(db, { brandId, associateId, sentTo, skus }),
  ])
  const bySku = new Map(products.map(product => [product.sku, product]))
  const sentAt = new Map(sendings.map(({ sku, at }) => [sku, at]))
  return {
    asOf: formatInstant(now),
    items: skus.flatMap(sku => {
      const row = bySku.get(sku)
      if (!row || !earnOf) return []
      const { path: _, ...product } = row
      const sent = sentAt.get(sku)
      const sentBeforeAt = sent === undefined ? null : formatInstant(sent)
      return [{ ...product, earn: earnOf(row), sentBeforeAt, viewedAt: null }]
    }),
  }
}

/** Puts the shelf together anew. @throws AppError invalid_body naming products that there are not */
export async function changeShelf(
  pool: Pool,
  caller: Caller,
  { body, now }: { body: ShelfBody; now: Instant },
): Promise<Shelf> {
  const { brandId } = caller
  const skus = [...new Set(body.skus)]
  const known = new Set((await selectProducts(pool, { brandId, skus })).map(product => product.sku))
  const faults = body.skus.flatMap((sku, i) =>
    known.has(sku) ? [] : [{ path: `skus[${i}]`, code: 'unknown_product', message: `There is no product ${sku}.` }],
  )
  if (faults.length > 0) throw new AppError('invalid_body', faults[0]!.message, faults)
  await upsertShelf(pool, { brandId, associateId: personOf(caller).associateId, skus, now })
  return await readShelf(pool, caller, { query: {}, now })
}

// -------------------------------------------------------------------------------------------------- in common

/** @throws AppError invalid_query */
function chatOf({ externalUserid, chatId }: { [K in keyof Chat]?: string | undefined }): Chat {
  if (externalUserid !== undefined && chatId !== undefined) {
    throw new AppError('invalid_query', 'Name a customer or a group, not both.')
  }
  return { ...(externalUserid === undefined ? {} : { externalUserid }), ...(chatId === undefined ? {} : { chatId }) }
}

const sentToOf = ({ externalUserid, chatId }: Chat) =>
  externalUserid !== undefined ? { externalUserid } : chatId !== undefined ? { chatId } : null

/** What a sale of a product, now and by the asker's share, would earn him. */
async function earningsOf(
  db: Db,
  caller: Caller,
  { chat, now }: { chat: Chat; now: Instant },
): Promise<(product: ProductRow) => EarnEstimate> {
  const { brandId } = caller
  const { associateId, storeCode } = personOf(caller)
  const sharer = { associateId, storeCode }
  const { externalUserid } = chat
  const [customer, plans] = await Promise.all([
    externalUserid === undefined ? null : findCustomer(db, caller, { externalUserid, now }),
    plansOf(db, brandId),
  ])
  const evidence = await supposeEvidence(db, {
    brandId,
    order: supposedOrder(customer?.person.memberNo ?? null, now),
    link: supposedLink(sharer, now),
    reach: reachOf(plans),
  })
  const plan = planInForce(plans, now)
  return product => estimate(evidence, plan, sharer, product)
}
