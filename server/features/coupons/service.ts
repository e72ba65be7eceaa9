import type { LinkTarget } from '../../../drizzle/schema/share-links.ts'
import { transact, type Db, type Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { canonicalJson } from '../../lib/items.ts'
import { decodeCursor, encodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { formatInstant, parseInstant, type Instant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller } from '../auth/domain.ts'
import { findCustomer, personOf } from '../customers/service.ts'
import { targetOfMaterial } from '../materials/domain.ts'
import { faultsOfReach, placeOf, selectMaterials } from '../materials/service.ts'
import { countInHand, faultsOfCoupon, isHandedOutAt, isOver } from './domain.ts'
import {
  lockCoupon,
  selectCoupon,
  selectCoupons,
  selectLinksOfCoupon,
  selectLinkTallies,
  selectOwnLinks,
  selectTallies,
  selectUsable,
  writeCoupon,
  type CouponOfBrand,
  type CouponRow,
} from './queries.ts'
import type {
  BrandCoupon,
  CouponBody,
  CouponLinks,
  CouponLinksQuery,
  CouponQuery,
  HeldCoupon,
  OwnCoupon,
  OwnCoupons,
  OwnCouponsQuery,
} from './schema.ts'

const PAGE = 20
const MATERIALS_MAX = 50

const instantText = (at: Instant | null | undefined) => (at == null ? null : formatInstant(at))

const termsOf = ({ couponCode, name, kind, amountFen, discountBps, minimumFen, validFrom, validTo }: CouponRow) => ({
  couponCode,
  name: name ?? couponCode,
  kind,
  amountFen,
  discountBps,
  minimumFen,
  validFrom: instantText(validFrom),
  validTo: instantText(validTo),
})

/**
 * What somebody can still use, that which ends first at the top, and by whose share he came by it.
 *
 * @param options.memberNos all numbers of the person
 */
export async function couponsInHand(
  db: Db,
  { brandId, memberNos, now }: { brandId: number; memberNos: readonly string[]; now: Instant },
): Promise<(HeldCoupon & { sharer: string | null })[]> {
  const rows = await selectTallies(db, { brandId, memberNos })
  return rows.flatMap(row => {
    const count = countInHand(row)
    return count === 0 || isOver(row, now) ? [] : [{ ...termsOf(row), count, sharer: row.associateId }]
  })
}

/**
 * Coupons that the asker may hand out with his own code, and what came of his handing out.
 *
 * @throws AppError malformed_cursor; invalid_query where both a customer and a group are named
 */
export async function readOwnCoupons(
  db: Db,
  caller: Caller,
  { query, now }: { query: OwnCouponsQuery; now: Instant },
): Promise<OwnCoupons> {
  const { brandId } = caller
  const { externalUserid, chatId, cursor } = query
  if (externalUserid !== undefined && chatId !== undefined) {
    throw new AppError('invalid_query', 'Name a customer or a group, not both.')
  }
  const limit = query.limit ?? PAGE
  const { associateId, storeCode } = personOf(caller)
  const [customer, rows] = await Promise.all([
    externalUserid === undefined ? null : findCustomer(db, caller, { externalUserid, now }),
    selectUsable(db, {
      brandId,
      storeCode,
      now,
      query: (query.q ?? '').trim(),
      after: positionOf(cursor),
      limit: limit + 1,
    }),
  ])
  const shown = rows.slice(0, limit)
  const sentTo = externalUserid !== undefined ? { externalUserid } : chatId !== undefined ? { chatId } : null
  const [held, links] = await Promise.all([
    customer?.sight === 'full' ? couponsInHand(db, { brandId, memberNos: customer.person.memberNos, now }) : null,
    selectOwnLinks(db, { brandId, associateId, couponCodes: shown.map(coupon => coupon.couponCode), sentTo }),
  ])
  const tallies = await selectLinkTallies(db, { brandId, links })
  const last = shown.at(-1)
  return {
    asOf: formatInstant(now),
    items: shown.map((coupon): OwnCoupon => {
      const isThis = (row: { couponCode: string }) => row.couponCode === coupon.couponCode
      const own = tallies.filter(isThis)
      const sent = links.filter(isThis).flatMap(link => link.sentAt ?? [])
      return {
        ...termsOf(coupon),
        stock: coupon.stock,
        inHand: held && (held.find(isThis)?.count ?? 0),
        sentBeforeAt: sent.length === 0 ? null : formatInstant(Math.max(...sent)),
        claimed: own.reduce((sum, tally) => sum + tally.claimed, 0),
        redeemed: own.reduce((sum, tally) => sum + tally.redeemed, 0),
      }
    }),
    nextCursor: rows.length > limit && last ? encodeCursor([last.couponCode]) : null,
  }
}

/** @throws AppError malformed_cursor */
function positionOf(cursor: string | undefined): string | null {
  if (cursor === undefined) return null
  const [key] = decodeCursor(cursor, 1) ?? []
  if (typeof key !== 'string') throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  return key
}

/**
 * What a link to a coupon leads to: the page that headquarters laid out for it in the asker's store, else none, and the
 * short link shows its name.
 *
 * @returns null where there is no such coupon, it is over, or it is not for his store
 */
export async function couponTarget(
  db: Db,
  {
    brandId,
    couponCode,
    storeCode,
    now,
  }: { brandId: number; couponCode: string; storeCode: string | null; now: Instant },
): Promise<LinkTarget | null> {
  const coupon = await selectCoupon(db, { brandId, couponCode })
  if (!coupon || isOver(coupon, now) || !isHandedOutAt(coupon, storeCode)) return null
  const usable = { place: await placeOf(db, { brandId, storeCode, now }), now }
  const filter = { query: couponCode, campaign: null, category: null, kind: 'coupon' as const }
  const materials = await selectMaterials(db, { brandId, filter, usable, after: null, limit: MATERIALS_MAX })
  const material = materials.find(({ ref }) => ref === couponCode)
  return { ...(material ? targetOfMaterial(material, null) : {}), kind: 'coupon', ref: couponCode, title: coupon.name }
}

/** Every coupon with what came of it, the ones that end last first. @throws AppError malformed_cursor */
export async function listCoupons(
  db: Db,
  { brandId, now, query }: { brandId: number; now: Instant; query: CouponQuery },
) {
  const limit = query.limit ?? PAGE_DEFAULT
  const parts = query.cursor === undefined ? null : decodeCursor(query.cursor, ['text', 'text'])
  const isEnd = parts && (parts[0] === 'infinity' || parseInstant(String(parts[0])) !== null)
  if (query.cursor !== undefined && !isEnd) {
    throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  }
  const rows = await selectCoupons(db, {
    brandId,
    query: (query.q ?? '').trim(),
    state: query.state ?? null,
    now,
    after: parts && { validTo: String(parts[0]), couponCode: String(parts[1]) },
    limit: limit + 1,
  })
  return pageOf(
    rows,
    limit,
    row => [row.validTo === null ? 'infinity' : formatInstant(row.validTo), row.couponCode],
    row => {
      const { issued, claimed, redeemed, netSalesFen } = row
      return { ...brandCoupon(row), issued, claimed, redeemed, netSalesFen }
    },
  )
}

const brandCoupon = (row: CouponOfBrand): BrandCoupon => ({
  ...termsOf(row),
  stock: row.stock,
  storeCodes: row.storeCodes,
  updatedAt: formatInstant(row.updatedAt),
})

/**
 * Makes or changes a coupon. Malls tell of the same coupons: of what both say the last stands, of the stores what is said
 * here. The same again changes nothing.
 *
 * @throws AppError invalid_body with every fault by its path
 */
export async function putCoupon(
  pool: Pool,
  { caller, now, couponCode, body }: { caller: Caller; now: Instant; couponCode: string; body: CouponBody },
): Promise<BrandCoupon> {
  const { brandId, actor } = caller
  const instant = (text: string | null | undefined) => (text == null ? null : parseInstant(text))
  const coupon: CouponOfBrand = {
    couponCode,
    name: body.name,
    kind: body.kind,
    amountFen: body.kind === 'amount' ? (body.amountFen ?? null) : null,
    discountBps: body.kind === 'discount' ? (body.discountBps ?? null) : null,
    minimumFen: body.minimumFen ?? null,
    validFrom: instant(body.validFrom),
    validTo: instant(body.validTo),
    stock: body.stock ?? null,
    storeCodes: body.storeCodes ?? null,
    updatedAt: now,
  }
  return await transact(pool, async tx => {
    await lockCoupon(tx, { brandId, couponCode })
    const before = await selectCoupon(tx, { brandId, couponCode })
    if (before && canonicalJson({ ...before, updatedAt: now }) === canonicalJson(coupon)) return brandCoupon(before)
    const faults = [
      ...faultsOfCoupon(coupon),
      ...(await faultsOfReach(tx, brandId, { storeCodes: coupon.storeCodes, regions: null })),
    ]
    if (faults.length > 0) throw new AppError('invalid_body', faults[0]!.message, faults)
    await writeCoupon(tx, { brandId, coupon })
    const action = before ? 'coupon.changed' : 'coupon.created'
    await insertActivity(tx, { brandId, now, actor, action, subject: `coupons/${couponCode}` })
    return brandCoupon(coupon)
  })
}

/**
 * What came of a coupon by each link, of the links that the asker may see.
 *
 * @throws AppError malformed_cursor; not_found where there is no such coupon
 */
export async function readCouponLinks(
  db: Db,
  { brandId, scope }: Caller,
  { couponCode, query }: { couponCode: string; query: CouponLinksQuery },
): Promise<CouponLinks> {
  const limit = query.limit ?? PAGE_DEFAULT
  const [coupon, links] = await Promise.all([
    selectCoupon(db, { brandId, couponCode }),
    selectLinksOfCoupon(db, {
      brandId,
      couponCode,
      associateId: scope.reach === 'self' ? scope.associateId : null,
      storeCodes: scope.reach === 'stores' ? scope.storeCodes : null,
      after: positionOf(query.cursor),
      limit: limit + 1,
    }),
  ])
  if (!coupon) throw new AppError('not_found', 'There is no such coupon.')
  const tallies = await selectLinkTallies(db, { brandId, links: links.map(link => ({ ...link, couponCode })) })
  const byLink = new Map(tallies.map(({ linkCode, issued, claimed, redeemed }) => [linkCode, { issued, claimed, redeemed }])) // prettier-ignore
  return pageOf(
    links,
    limit,
    link => [link.linkCode],
    link => ({ ...link, ...(byLink.get(link.linkCode) ?? { issued: 0, claimed: 0, redeemed: 0 }) }),
  )
}
