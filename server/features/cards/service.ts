import type { Db } from '../../database.ts'
import { valueInForce } from '../../lib/dated.ts'
import { DAY_MS, formatInstant, type Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import type { Caller } from '../auth/domain.ts'
import { standingsOf } from '../attribution/service.ts'
import { planInForce } from '../commissions/domain.ts'
import { plansOf } from '../commissions/service.ts'
import { couponsInHand } from '../coupons/service.ts'
import {
  findCustomer,
  personOf,
  readStaff,
  standingOf,
  viewsOf,
  type Customer,
  type Staff,
} from '../customers/service.ts'
import { contactOf, groupOf } from '../mirror/service.ts'
import { readHistory, selectAssociates } from '../stores/service.ts'
import { maySeePhones } from '../visibility/domain.ts'
import { readVisibility } from '../visibility/service.ts'
import { averageFen, maskedPhone, reasonOf, rolePay, thingsSeen } from './domain.ts'
import { selectGroup, selectPurchases, selectSalesTo } from './queries.ts'
import type {
  CardChannel,
  CardMember,
  CardOwnership,
  CardPerson,
  CardStore,
  CustomerCard,
  GroupCard,
  GroupMember,
} from './schema.ts'

/** Of what somebody bought. */
const SHOWN = { orders: 5, categories: 3 }
const VIEWS_SHOWN = 10
const TAGS_SHOWN = 20
const COUPONS_SHOWN = 10
const TRAIL_DAYS = 30
const MEMBERS_SHOWN = 50
const SALES_DAYS = 30

type MirroredGroup = NonNullable<Awaited<ReturnType<typeof groupOf>>>

/** Names of people and stores, as the asker reads them. */
interface Names extends Staff {
  meId: string
  now: Instant
}

function cardPerson(associateId: string | null, { meId, associates, stores }: Names): CardPerson | null {
  const row = associateId === null ? undefined : associates.get(associateId)
  if (!row) return null
  return {
    associateId: row.associateId,
    name: row.name,
    storeName: (row.storeCode !== null && stores.get(row.storeCode)?.name) || null,
    isMe: row.associateId === meId,
  }
}

function cardStore(storeCode: string | null, { stores, now }: Names): CardStore | null {
  const store = storeCode === null ? undefined : stores.get(storeCode)
  return store ? { storeCode: store.storeCode, name: store.name, type: standingOf(store, now).type } : null
}

/** What somebody who is seen in full spends most on, the largest first. */
export async function favouriteCategoriesOf(
  db: Db,
  { caller, customer, now }: { caller: Caller; customer: Customer; now: Instant },
): Promise<string[]> {
  if (customer.sight !== 'full') return []
  const { memberNos } = customer.person
  const { brandId, zone } = caller
  return (await selectPurchases(db, { brandId, memberNos, now, zone, limits: SHOWN })).categories
}

/**
 * The card of the customer of a chat, in a fixed number of statements.
 *
 * Who may see him (customers/domain.ts) sees all of him. A colleague's customer is reduced to who he is and whose he
 * is: name, level and states, who holds what, and what a sale would still pay; no card number, phone, points, orders,
 * tags or trail (`spend` is null then, and `orders` says nothing). Anybody else looks like a stranger.
 *
 * What WeCom has of him (name, picture, since when they are friends, the corporation's tags) is told to his friends and
 * those who share a group with him; `isFriend` is null where WeCom's mirror does not have him.
 */
export async function customerCard(
  db: Db,
  caller: Caller,
  options: { externalUserid: string; now: Instant; vault: Vault },
): Promise<CustomerCard> {
  const { externalUserid, now, vault } = options
  const { brandId } = caller
  const meId = personOf(caller).associateId
  const [customer, plans, contact, visibility] = await Promise.all([
    findCustomer(db, caller, options),
    plansOf(db, brandId),
    contactOf(db, { brandId, userid: meId, externalUserid }),
    readVisibility(db, brandId),
  ])
  const plan = planInForce(plans, now)
  const nobody: CustomerCard = {
    asOf: formatInstant(now),
    externalUserid,
    relation: 'stranger',
    name: contact && (contact.remark ?? contact.name),
    avatarUrl: contact && pictureOf(contact.avatarUrl),
    isFriend: contact && contact.since !== null && contact.endedAt === null,
    friendSince: contact?.since != null && contact.endedAt === null ? formatInstant(contact.since) : null,
    member: null,
    spend: null,
    orders: [],
    ordersTotal: 0,
    coupons: [],
    couponsTotal: 0,
    trail: { state: 'no_consent', views: [] },
    planToday: plan && {
      sharer: rolePay(plan, 'sharer'),
      closer: rolePay(plan, 'closer'),
      attributed: rolePay(plan, 'attributed'),
    },
  }
  if (!customer) return nobody
  const shared: CustomerCard = {
    ...nobody,
    relation: !customer.attributed ? 'unattributed' : customer.attributed.associateId === meId ? 'mine' : 'colleague',
    name: nobody.name ?? customer.record.name,
    member: cardMember(customer, {
      meId,
      now,
      vault,
      friendTags: contact?.tags ?? [],
      maySeePhones: maySeePhones(visibility, personOf(caller).role),
    }),
  }
  if (customer.sight === 'reduced') return shared

  const { memberNos } = customer.person
  const [{ orders, spend, categories }, views, coupons] = await Promise.all([
    selectPurchases(db, { brandId, memberNos, now, zone: caller.zone, limits: SHOWN }),
    viewsOf(db, { brandId, customer, from: now - TRAIL_DAYS * DAY_MS }),
    couponsInHand(db, { brandId, memberNos, now }),
  ])
  const things = thingsSeen(views ?? []).slice(0, VIEWS_SHOWN)
  const staff = await readStaff(db, {
    brandId,
    associateIds: [
      ...orders.flatMap(order => [order.sharer, order.closer]),
      ...things.map(thing => thing.associateId),
      ...coupons.map(coupon => coupon.sharer),
    ],
    storeCodes: orders.map(order => order.sellingStore),
    known: customer,
  })
  const names: Names = { meId, now, ...staff }
  return {
    ...shared,
    spend: {
      netFen: spend.spentFen,
      orderCount: spend.orderCount,
      averageTicketFen: averageFen(spend.spentFen, spend.orderCount),
      lastPaidAt: spend.lastPaidAt === null ? null : formatInstant(spend.lastPaidAt),
      favouriteCategories: categories,
    },
    orders: orders.map(order => ({
      source: order.source,
      orderNo: order.orderNo,
      paidAt: formatInstant(order.paidAt),
      channel: order.channel,
      storeName: cardStore(order.sellingStore, names)?.name ?? null,
      title: order.title,
      itemCount: order.itemCount,
      paidFen: order.paidFen,
      netFen: order.netFen,
      refundedFen: order.cancelled ? 0 : order.paidFen - order.netFen,
      isCancelled: order.cancelled,
      sharer: cardPerson(order.sharer, names),
      closer: cardPerson(order.closer, names),
    })),
    ordersTotal: spend.ordersTotal,
    coupons: coupons
      .slice(0, COUPONS_SHOWN)
      .map(({ sharer, ...coupon }) => ({ ...coupon, sharer: cardPerson(sharer, names) })),
    couponsTotal: coupons.length,
    trail: {
      state: views === null ? 'no_consent' : 'shown',
      views: things.map(thing => ({
        title: thing.title ?? thing.ref,
        at: formatInstant(thing.at),
        count: thing.count,
        sharer: cardPerson(thing.associateId, names),
        channel: thing.channel as CardChannel | null,
      })),
    },
  }
}

/** Only what a page may show: a picture's address of the web. */
const pictureOf = (url: string | null): string | null => (url !== null && /^https?:\/\//.test(url) ? url : null)

/** The member of a card; what is not the asker's to see is null or empty. */
function cardMember(
  { record, sight, attributed, homeStore, isHomeStoreOpening, associates, stores }: Customer,
  {
    meId,
    now,
    vault,
    friendTags,
    maySeePhones,
  }: { meId: string; now: Instant; vault: Vault; friendTags: readonly string[]; maySeePhones: boolean },
): CardMember {
  const names: Names = { meId, now, associates, stores }
  const owner = attributed && cardPerson(attributed.associateId, names)
  const isFull = sight === 'full'
  const reason = reasonOf(attributed?.reason ?? null)
  const ownership: CardOwnership = {
    attributed:
      attributed && owner
        ? {
            person: owner,
            since: formatInstant(attributed.since),
            reason: reason.reason,
            reasonText: isFull ? reason.reasonText : null,
          }
        : null,
    openingAssociate: cardPerson(record.openingAssociate, names),
    openingStore: cardStore(record.openingStore, names),
    homeStore: cardStore(homeStore, names),
    homeStoreIsOpening: isHomeStoreOpening,
  }
  return {
    memberNo: isFull ? record.memberNo : null,
    name: record.name,
    phoneMasked: isFull && record.phoneEncrypted !== null ? maskedPhone(vault.decrypt(record.phoneEncrypted)) : null,
    mayShowPhone: isFull && record.phoneEncrypted !== null && maySeePhones,
    level: valueInForce(readHistory(record.levels), now),
    points: isFull ? record.points : null,
    balanceFen: isFull ? record.balanceFen : null,
    joinedAt: isFull && record.joinedAt !== null ? formatInstant(record.joinedAt) : null,
    followsOfficialAccount: record.followsOfficialAccount,
    miniProgramAuthorised: record.miniProgramAuthorised,
    tags: isFull ? [...new Set([...record.tags, ...friendTags])].slice(0, TAGS_SHOWN) : [],
    ownership,
  }
}

/**
 * The card of a customer group. Its owner, the people of its store and whoever sees that store see it; to anybody else
 * it looks like a group that nobody told of. Who is in it comes from WeCom's mirror; a group told of by API has nobody.
 */
export async function groupCard(db: Db, caller: Caller, options: { chatId: string; now: Instant }): Promise<GroupCard> {
  const { brandId, scope } = caller
  const { chatId, now } = options
  const me = personOf(caller)
  const unknown: GroupCard = {
    asOf: formatInstant(now),
    chatId,
    isKnown: false,
    name: null,
    store: null,
    owner: null,
    createdAt: null,
    customerCount: null,
    memberCount: null,
    joinedLately: null,
    leftLately: null,
    sales: null,
    members: [],
  }
  const [told, mirrored] = await Promise.all([
    selectGroup(db, { brandId, chatId }),
    groupOf(db, { brandId, chatId, now, membersMax: MEMBERS_SHOWN }),
  ])
  if (!told && !mirrored) return unknown
  const owner = mirrored?.owner ?? told?.owner ?? null
  const [ownerRow] = owner === null ? [] : await selectAssociates(db, { brandId, associateIds: [owner] })
  const storeCode = told?.storeCode ?? ownerRow?.storeCode ?? mirrored?.storeCode ?? null
  const mayBeSeen =
    scope.reach === 'brand' ||
    owner === me.associateId ||
    (storeCode !== null &&
      (storeCode === me.storeCode || (scope.reach === 'stores' && scope.storeCodes.includes(storeCode)))) ||
    mirrored?.members.some(member => member.isStaff && member.memberId === me.associateId) === true
  if (!mayBeSeen) return unknown
  const names: Names = {
    meId: me.associateId,
    now,
    ...(await readStaff(db, { brandId, associateIds: [owner], storeCodes: [storeCode] })),
  }
  return {
    ...unknown,
    isKnown: true,
    name: mirrored?.name || (told?.name ?? null),
    store: cardStore(storeCode, names),
    owner: cardPerson(owner, names),
    ...(mirrored && {
      createdAt: formatInstant(mirrored.createdAt),
      customerCount: mirrored.counts.customers,
      memberCount: mirrored.counts.members,
      joinedLately: mirrored.counts.joined,
      leftLately: mirrored.counts.left,
      sales: {
        days: SALES_DAYS,
        ...(await selectSalesTo(db, {
          scope,
          buyers: mirrored.buyers,
          span: { from: now - SALES_DAYS * DAY_MS, to: now + 1 },
        })),
        isPart: scope.reach !== 'brand',
      },
      members: await groupMembers(db, { brandId, now, meId: me.associateId, members: mirrored.members }),
    }),
  }
}

/** Who is in a group: what a chat shows of them anyway, and who is a member of the brand. */
async function groupMembers(
  db: Db,
  options: { brandId: number; now: Instant; meId: string; members: MirroredGroup['members'] },
): Promise<GroupMember[]> {
  const { brandId, now, meId, members } = options
  const standings = await standingsOf(db, {
    brandId,
    memberNos: [...new Set(members.flatMap(member => member.memberNo ?? []))],
    now,
  })
  return members.map(({ memberId, isStaff, name, joinedAt, memberNo }) => {
    const standing = memberNo === null ? undefined : standings.get(memberNo)
    return {
      name: name ?? '',
      kind: isStaff ? 'colleague' : 'customer',
      isMember: standing !== undefined,
      isMine: isStaff ? memberId === meId : standing?.attributedAssociate === meId,
      level: standing?.level ?? null,
      joinedAt: formatInstant(joinedAt),
    }
  })
}
