import { createHash } from 'node:crypto'
import type { Db, Pool } from '../../database.ts'
import { transact } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { contentHash } from '../../lib/items.ts'
import { decodeCursor, encodeCursor } from '../../lib/paging.ts'
import { DAY_MS, formatInstant, parseInstant, type Instant } from '../../lib/time.ts'
import { supposeEvidence } from '../attribution/service.ts'
import { selectBrand } from '../auth/service.ts'
import type { Caller, Person } from '../auth/domain.ts'
import { planInForce } from '../commissions/domain.ts'
import { plansOf, preparePartitions, reachOf } from '../commissions/service.ts'
import { couponTarget } from '../coupons/service.ts'
import { findCustomer, personOf, viewsOf, type View } from '../customers/service.ts'
import { targetOfMaterial } from '../materials/domain.ts'
import { usableMaterial } from '../materials/service.ts'
import { linkAddresses } from '../share-links/domain.ts'
import { createLink, selectLinks, type LinkRow } from '../share-links/service.ts'
import { selectStores } from '../stores/service.ts'
import { recordSending } from '../touches/service.ts'
import { estimate, miniProgramPage, pictureAddress, sharedWords, supposedLink, supposedOrder } from './domain.ts'
import {
  insertShare,
  selectProducts,
  selectProductsByName,
  selectSendings,
  selectShare,
  type ProductRow,
} from './queries.ts'
import type { Catalogue, CatalogueItem, CatalogueQuery, Share, ShareRequest, ShareSent } from './schema.ts'

export { libraryItems } from './library.ts'
export { selectProducts } from './queries.ts'

// ---------------------------------------------------------------------------------------------- catalogue

const PAGE = 20
/** How far back a customer's views put a product first. */
const VIEWED_DAYS = 90
const VIEWED_FIRST_MAX = 50

/**
 * Products to share, with what a sale of each would earn the asker. What the customer of the chat looked at comes
 * first, where he may be seen and has agreed to it; a customer who is hidden from the asker is as unknown here as a
 * stranger. Everything about the customer is loaded once, whatever the page holds.
 *
 * @throws AppError malformed_cursor; invalid_query where both a customer and a group are named
 */
export async function readCatalogue(
  db: Db,
  caller: Caller,
  options: { query: CatalogueQuery; now: Instant },
): Promise<Catalogue> {
  const { now } = options
  const { brandId } = caller
  const { externalUserid, chatId } = options.query
  const query = (options.query.query ?? '').trim()
  const limit = options.query.limit ?? PAGE
  if (externalUserid !== undefined && chatId !== undefined) {
    throw new AppError('invalid_query', 'Name a customer or a group, not both.')
  }
  const position = positionOf(options.query.cursor)
  const asker = personOf(caller)
  const sharer = { associateId: asker.associateId, storeCode: asker.storeCode }

  const [customer, plans] = await Promise.all([
    externalUserid === undefined ? null : findCustomer(db, caller, { externalUserid, now }),
    plansOf(db, brandId),
  ])
  const [views, evidence] = await Promise.all([
    customer && viewsOf(db, { brandId, customer, from: now - VIEWED_DAYS * DAY_MS }),
    supposeEvidence(db, {
      brandId,
      order: supposedOrder(customer?.person.memberNo ?? null, now),
      link: supposedLink(sharer, now),
      reach: reachOf(plans),
    }),
  ])
  const viewedAt = latestViews(views ?? [])
  const first = query === '' ? productsViewed(views ?? [], position?.since ?? now) : []
  const [viewed, named] = await Promise.all([
    selectProducts(db, { brandId, skus: first }),
    selectProductsByName(db, {
      brandId,
      query,
      without: first,
      after: position?.after ?? null,
      limit: limit + 1,
    }),
  ])
  const bySku = new Map(viewed.map(product => [product.sku, product]))
  const left = position ? (position.viewed === null ? [] : first.slice(first.indexOf(position.viewed) + 1)) : first
  const products = [...left.flatMap(sku => bySku.get(sku) ?? []), ...named]
  const shown = products.slice(0, limit)

  const sentTo = externalUserid !== undefined ? { externalUserid } : chatId !== undefined ? { chatId } : null
  const sendings = sentTo
    ? await selectSendings(db, { brandId, ...sharer, sentTo, skus: shown.map(product => product.sku) })
    : []
  const sentAt = new Map(sendings.map(sending => [sending.sku, sending.at]))
  const plan = planInForce(plans, now)
  const last = shown.at(-1)
  return {
    asOf: formatInstant(now),
    plan: plan && { code: plan.code, version: plan.version },
    items: shown.map(product => ({
      ...itemOf(product),
      earn: estimate(evidence, plan, sharer, product),
      sentBeforeAt: instantText(sentAt.get(product.sku)),
      viewedAt: instantText(viewedAt.get(product.sku)),
    })),
    nextCursor:
      products.length > limit && last
        ? encodeCursor([
            formatInstant(position?.since ?? now),
            ...(first.includes(last.sku) ? [last.sku, null] : [null, last.sku]),
          ])
        : null,
  }
}

const instantText = (instant: Instant | undefined) => (instant === undefined ? null : formatInstant(instant))

function itemOf({ path: _, ...product }: ProductRow): Omit<CatalogueItem, 'earn' | 'sentBeforeAt' | 'viewedAt'> {
  return product
}

/** A page begins after a product that was viewed, or one by name; views since the first page do not move products. */
interface Position {
  since: Instant
  /** null: all that were viewed have been shown. */
  viewed: string | null
  after: string | null
}

/** @throws AppError malformed_cursor */
function positionOf(cursor: string | undefined): Position | null {
  if (cursor === undefined) return null
  const parts = decodeCursor(cursor, 3)
  const since = typeof parts?.[0] === 'string' ? parseInstant(parts[0]) : null
  const [, viewed, sku] = parts ?? []
  if (since !== null && typeof viewed === 'string') return { since, viewed, after: null }
  if (since !== null && typeof sku === 'string') return { since, viewed: null, after: sku }
  throw new AppError('malformed_cursor', 'This is no cursor of this list.')
}

/** When each product was last looked at. */
function latestViews(views: readonly View[]): Map<string, Instant> {
  const latest = new Map<string, Instant>()
  for (const view of views) if (view.kind === 'product' && !latest.has(view.ref)) latest.set(view.ref, view.at)
  return latest
}

/** The skus looked at until then, the latest first. */
const productsViewed = (views: readonly View[], until: Instant) =>
  [...latestViews(views.filter(view => view.at <= until)).keys()].slice(0, VIEWED_FIRST_MAX)

// -------------------------------------------------------------------------------------------------- shares

export interface ShareOptions {
  publicUrl: string
  /** null: no mini program is configured. */
  miniProgramAppId: string | null
}

/**
 * Makes one link of the asker for one send. The same id again gives the same link; a link is never made twice.
 *
 * @returns what WeCom's sendChatMessage takes, and whether the link is new
 * @throws AppError share.unknown_target, share.id_taken
 */
export async function shareTarget(
  pool: Pool,
  caller: Caller,
  options: { request: ShareRequest; now: Instant } & ShareOptions,
): Promise<{ share: Share; isNew: boolean }> {
  const { now } = options
  const { brandId } = caller
  const { shareId: givenId, ...request } = options.request
  const asker = personOf(caller)
  const shareId = ownId(asker.associateId, givenId.toLowerCase())
  const hash = contentHash(request)

  const { link, isNew } = await transact(pool, async tx => {
    const before = await selectShare(tx, { brandId, shareId })
    if (before) {
      if (!before.contentHash.equals(hash)) {
        throw new AppError('share.id_taken', 'This shareId was used for another share.')
      }
      const [link] = await selectLinks(tx, { brandId, linkCodes: [before.linkCode] })
      return { link: link!, isNew: false }
    }
    const link = await createLink(tx, {
      brandId,
      now,
      link: {
        associateId: asker.associateId,
        storeCode: asker.storeCode,
        target: await targetOf(tx, brandId, asker, request.target, now),
        channel: request.channel,
        sentToExternalUserid:
          request.sentTo && 'externalUserid' in request.sentTo ? request.sentTo.externalUserid : null,
        sentToChatId: request.sentTo && 'chatId' in request.sentTo ? request.sentTo.chatId : null,
        createdAt: now,
      },
    })
    // Two at once with one id: the second one's insert fails, and its next try finds the first one's link.
    await insertShare(tx, { brandId, shareId, linkCode: link.linkCode, contentHash: hash })
    return { link, isNew: true }
  })
  return { share: await handOut(pool, brandId, link, options), isNew }
}

/**
 * The link that an associate has for good, for his card, his poster or his signature: one each, made when it is first
 * asked for, to the enrolment page with his code.
 */
export async function standingShare(
  pool: Pool,
  caller: Caller,
  options: { now: Instant } & ShareOptions,
): Promise<{ share: Share; isNew: boolean }> {
  const request = {
    shareId: 'standing', // no UUID, so nobody asks for another share by it
    target: { kind: 'enrol', ref: null },
    sentTo: null,
    channel: 'other',
  } as const
  return await shareTarget(pool, caller, { ...options, request })
}

/**
 * An id as it is kept: each associate has ids of his own, so that nobody can take one that another will ask with. In the
 * form of a UUID (version 8: its bits are our own).
 */
function ownId(associateId: string, id: string): string {
  const hex = createHash('sha256')
    .update(JSON.stringify([associateId, id]))
    .digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** What a link to this leads to, as it is now: a link stays as it was made. @throws AppError share.unknown_target */
async function targetOf(
  db: Db,
  brandId: number,
  asker: Person,
  target: ShareRequest['target'],
  now: Instant,
): Promise<LinkRow['target']> {
  if (target.kind === 'enrol') {
    const brand = await selectBrand(db, { brandId })
    return { kind: 'enrol', ref: asker.storeCode ?? asker.associateId, title: `加入${brand?.name ?? ''}会员` }
  }
  if (target.kind === 'coupon') {
    const { storeCode } = asker
    const coupon =
      target.ref === null ? null : await couponTarget(db, { brandId, couponCode: target.ref, storeCode, now })
    if (!coupon) throw new AppError('share.unknown_target', 'There is no such coupon, or it is over.')
    return coupon
  }
  if (target.kind === 'material') {
    const { storeCode } = asker
    const material =
      target.ref === null || !UUID.test(target.ref)
        ? null
        : await usableMaterial(db, { brandId, materialId: target.ref, storeCode, now })
    if (!material) throw new AppError('share.unknown_target', 'There is no such material that you may share now.')
    const [product] = material.kind === 'product' ? await selectProducts(db, { brandId, skus: [material.ref] }) : []
    return targetOfMaterial(material, product ?? null)
  }
  const [product] = target.ref === null ? [] : await selectProducts(db, { brandId, skus: [target.ref] })
  if (!product) throw new AppError('share.unknown_target', 'There is no such product.')
  return {
    kind: 'product',
    ref: product.sku,
    title: product.name,
    ...(product.imageUrl === null ? {} : { imageUrl: product.imageUrl }),
    ...(product.path === null ? {} : { path: product.path }),
  }
}

/** A link in the forms in which WeCom takes it. */
async function handOut(
  db: Db,
  brandId: number,
  { linkCode, target, storeCode }: LinkRow,
  { publicUrl, miniProgramAppId }: ShareOptions,
): Promise<Share> {
  const [brand, stores] = await Promise.all([
    selectBrand(db, { brandId }),
    selectStores(db, { brandId, storeCodes: storeCode === null ? [] : [storeCode] }),
  ])
  const { url, miniProgramPath } = linkAddresses(linkCode, target.path, publicUrl)
  const text = [brand?.name, stores[0]?.name].filter(Boolean).join(' · ')
  const words = sharedWords(target.title ?? target.ref, text)
  const imgUrl = pictureAddress(target.imageUrl, publicUrl)
  return {
    linkCode,
    url,
    miniProgram:
      miniProgramAppId !== null && miniProgramPath !== null
        ? { appid: miniProgramAppId, title: words.cardTitle, imgUrl, page: miniProgramPage(miniProgramPath) }
        : null,
    link: { title: words.linkTitle, desc: words.linkText, imgUrl, url },
  }
}

/**
 * Records that the asker's link went into the chat, once however often it is told.
 *
 * @throws AppError not_found where there is no such link of his
 */
export async function shareSent(
  pool: Pool,
  caller: Caller,
  options: { linkCode: string; now: Instant },
): Promise<ShareSent> {
  const { brandId } = caller
  const { linkCode, now } = options
  const [link] = await selectLinks(pool, { brandId, linkCodes: [linkCode] })
  if (link?.associateId !== personOf(caller).associateId) {
    throw new AppError('not_found', 'There is no such link of yours.')
  }
  await preparePartitions(pool, 'touches', [now])
  const sentAt = await transact(pool, tx => recordSending(tx, { brandId, now, link }))
  return { linkCode, sentAt: formatInstant(sentAt) }
}
