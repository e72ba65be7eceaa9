import {
  conflict,
  contentHash,
  created,
  rejected,
  unchanged,
  unknownAssociate,
  unknownStore,
  updated,
} from '../../lib/items.ts'
import { formatInstant, parseInstant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import { createBareMembers, type Take } from '../evidence/service.ts'
import { existingAssociates, existingStores } from '../stores/service.ts'
import {
  deleteTargets,
  insertCouponEvents,
  selectCouponEventHashes,
  upsertCoupons,
  upsertGroups,
  upsertProducts,
  upsertTargets,
  type Upserted,
} from './queries.ts'
import type { CouponEventItem, CouponItem, GroupItem, ProductItem, TargetItem } from './schema.ts'

export { CouponEventItem, CouponItem, GroupItem, ProductItem, TargetItem } from './schema.ts'

/** Of several items with one key the last stands; each is told what it did in turn. */
function resultsOf<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  upserted: ReadonlyMap<string, Upserted>,
) {
  const seen = new Map<string, Item>()
  return items.map(item => {
    const key = keyOf(item)
    const before = seen.get(key)
    seen.set(key, item)
    if (before) return contentHash(before).equals(contentHash(item)) ? unchanged(key) : updated(key)
    const outcome = upserted.get(key)
    return outcome === 'created' ? created(key) : outcome === 'updated' ? updated(key) : unchanged(key)
  })
}

/** Products, each as a whole. */
export const takeProducts: Take<ProductItem> = async ({ tx, brandId, now }, items) => {
  const last = new Map(items.map(item => [item.sku, item]))
  const upserted = await upsertProducts(tx, { brandId, now, rows: [...last.values()] })
  return resultsOf(items, item => item.sku, upserted)
}

/** Coupons, each as a whole. */
export const takeCoupons: Take<CouponItem> = async ({ tx, brandId, now }, items) => {
  const last = new Map(items.map(item => [item.couponCode, item]))
  const upserted = await upsertCoupons(tx, { brandId, now, rows: [...last.values()] })
  return resultsOf(items, item => item.couponCode, upserted)
}

/** What happened to coupons: each eventId once, other content is a conflict. */
export const takeCouponEvents: Take<CouponEventItem> = async ({ tx, brandId, now }, items) => {
  await createBareMembers(tx, { brandId, now, memberNos: items.map(item => item.memberNo) })
  const rows = items.map(item => {
    const content = { ...item, at: formatInstant(parseInstant(item.at)!) }
    return { ...content, contentHashHex: contentHash(content).toString('hex') }
  })
  const first = new Map<string, (typeof rows)[number]>()
  for (const row of rows) if (!first.has(row.eventId)) first.set(row.eventId, row)
  const isNew = await insertCouponEvents(tx, { brandId, now, rows: [...first.values()] })
  const known = await selectCouponEventHashes(tx, { brandId, eventIds: rows.map(row => row.eventId) })
  return rows.map(row => {
    if (isNew.delete(row.eventId)) return created(row.eventId)
    return known.get(row.eventId) === row.contentHashHex
      ? unchanged(row.eventId)
      : conflict(row.eventId, 'This eventId was told before with other content.', 'eventId')
  })
}

/** Targets of stores or associates, as last told. */
export const takeTargets: Take<TargetItem> = async (context, items) => {
  const { tx, brandId, now, actor } = context
  const stores = await existingStores(
    tx,
    brandId,
    items.flatMap(item => item.storeCode ?? []),
  )
  const associates = await existingAssociates(
    tx,
    brandId,
    items.flatMap(item => item.associateId ?? []),
  )
  const keyOf = (item: TargetItem) => `${item.month}/${item.storeCode ?? item.associateId ?? ''}`
  const subjectOf = (item: TargetItem) => (item.storeCode == null ? ('associate' as const) : ('store' as const))
  const faults = items.map(item => {
    if ((item.storeCode == null) === (item.associateId == null)) {
      return rejected(
        null,
        'invalid_value',
        'A target is a store’s or an associate’s: give one of the two.',
        'storeCode',
      )
    }
    if (item.storeCode != null && !stores.has(item.storeCode)) {
      return unknownStore(keyOf(item), item.storeCode, 'storeCode')
    }
    if (item.associateId != null && !associates.has(item.associateId)) {
      return unknownAssociate(keyOf(item), item.associateId, 'associateId')
    }
    return null
  })
  const valid = items.filter((_, i) => !faults[i])
  const fullKey = (item: TargetItem) => `${subjectOf(item)}/${keyOf(item)}`
  const last = new Map(valid.map(item => [fullKey(item), item]))
  const rows = [...last].map(([key, item]) => ({
    key,
    month: item.month,
    subjectKind: subjectOf(item),
    subject: (item.storeCode ?? item.associateId)!,
    netSalesFen: item.netSalesFen,
  }))
  const upserted = await upsertTargets(tx, {
    brandId,
    now,
    rows: rows.flatMap(({ netSalesFen, ...row }) => (netSalesFen === null ? [] : [{ ...row, netSalesFen }])),
  })
  const gone = await deleteTargets(tx, { brandId, rows: rows.filter(row => row.netSalesFen === null) })
  for (const key of gone) upserted.set(key, 'updated')
  for (const month of new Set(rows.filter(row => upserted.has(row.key)).map(row => row.month))) {
    const changed = rows.filter(row => row.month === month && upserted.has(row.key))
    const [only] = changed
    const details =
      changed.length === 1
        ? { subject: `${only!.subjectKind}/${only!.subject}`, netSalesFen: only!.netSalesFen }
        : { count: changed.length }
    await insertActivity(tx, { brandId, now, actor, action: 'targets.changed', subject: `targets/${month}`, details })
  }
  for (const item of valid) {
    if (item.associateId != null && upserted.has(fullKey(item))) {
      context.month({ associateId: item.associateId, month: item.month })
    }
  }
  const results = resultsOf(valid, fullKey, upserted).map((result, i) => ({ ...result, key: keyOf(valid[i]!) }))
  return faults.map(fault => fault ?? results.shift()!)
}

/** Customer groups from elsewhere than WeCom's mirror, each as a whole. */
export const takeGroups: Take<GroupItem> = async ({ tx, brandId, now }, items) => {
  const stores = await existingStores(
    tx,
    brandId,
    items.map(item => item.storeCode),
  )
  const associates = await existingAssociates(
    tx,
    brandId,
    items.flatMap(item => item.owner ?? []),
  )
  const faults = items.map(item =>
    !stores.has(item.storeCode)
      ? unknownStore(item.chatId, item.storeCode, 'storeCode')
      : item.owner != null && !associates.has(item.owner)
        ? unknownAssociate(item.chatId, item.owner, 'owner')
        : null,
  )
  const valid = items.filter((_, i) => !faults[i])
  const last = new Map(valid.map(item => [item.chatId, item]))
  const upserted = await upsertGroups(tx, { brandId, now, rows: [...last.values()] })
  const results = resultsOf(valid, item => item.chatId, upserted)
  return faults.map(fault => fault ?? results.shift()!)
}
