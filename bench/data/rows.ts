import type {
  Order,
  OrderLine,
  Refund,
  ShareLink,
  Touch,
  VisitorIds,
} from '../../server/features/attribution/domain.ts'
import type { Entitlement } from '../../server/features/commissions/domain.ts'
import type { BonusEntitlement, summaryOf } from '../../server/features/commissions/service.ts'
import type { BookingReason } from '../../server/features/evidence/service.ts'
import type { DatedValue } from '../../server/lib/dated.ts'
import { formatInstant, type Instant } from '../../server/lib/time.ts'
import type { Vault } from '../../server/lib/vault.ts'
import type { GeneratedAssociate, GeneratedStore, Product } from './brand.ts'
import type { Person } from './person.ts'
import type { Random } from './random.ts'
import { ByteBuffer, type RowBuffer } from './row-buffer.ts'

/** By his number: one of five agreed to have nothing followed that he looks at. */
const AGREED_TO_NOTHING = /[05]$/

/** When and why something is booked. */
export interface Booking {
  at: Instant
  reason: BookingReason
  /** Where the rest of the row's id comes from. */
  random: Random
}

/** Writes each thing as the service itself would keep it; the columns are those of `TABLES`, in their order. */
export class Rows {
  readonly #brandId: number
  readonly #vault: Vault
  /**
   * What a content hash is taken of, and the lines in it: the spelling of `contentHash`, keys sorted, written out, since
   * there are tens of millions. The test tells the service the same again.
   */
  readonly #content = new ByteBuffer(4096)
  readonly #lines = new ByteBuffer(4096)

  constructor(brandId: number, vault: Vault) {
    this.#brandId = brandId
    this.#vault = vault
  }

  store(to: RowBuffer, store: GeneratedStore, at: Instant): void {
    to.row().int4(this.#brandId).text(store.storeCode).text(store.name)
    to.jsonb(dated(store.types)).jsonb(dated(store.regions)).jsonb(dated(store.franchisees)).instant(at).instant(at)
  }

  associate(to: RowBuffer, associate: GeneratedAssociate, at: Instant): void {
    const employments = associate.employments.map(({ activeFrom, activeTo }) => ({
      activeFrom: formatInstant(activeFrom),
      activeTo: activeTo === null ? null : formatInstant(activeTo),
    }))
    to.row().int4(this.#brandId).text(associate.associateId).text(associate.name).text(associate.storeCode)
    to.jsonb(dated(associate.kinds)).text(associate.role).text(associate.memberNo).text(associate.invitedBy)
    to.text(associate.payeeType).jsonb(employments).instant(at).instant(at)
  }

  product(to: RowBuffer, { sku, name, category, priceFen, listFen }: Product, at: Instant): void {
    to.row().int4(this.#brandId).text(sku).text(name).text(category).int8(priceFen).int8(listFen).instant(at)
  }

  target(
    to: RowBuffer,
    target: { month: string; kind: 'store' | 'associate'; subject: string; netSalesFen: number },
    at: Instant,
  ): void {
    to.row().int4(this.#brandId).text(target.month).text(target.kind).text(target.subject)
    to.int8(target.netSalesFen).instant(at)
  }

  linkCode(to: RowBuffer, { linkCode }: ShareLink): void {
    to.row().text(linkCode).int4(this.#brandId)
  }

  link(to: RowBuffer, link: ShareLink, about: { product: Product; channel: string }): void {
    const { sku, name } = about.product
    to.row().int4(this.#brandId).text(link.linkCode).text(link.associateId).text(link.storeCode)
    to.jsonb({ kind: 'product', ref: sku, title: name, path: `/pages/product?sku=${sku}` }).text(about.channel)
    to.instant(link.createdAt).instant(link.revokedAt).instant(link.createdAt)
  }

  member(to: RowBuffer, person: Person): void {
    const { memberNo, phone, joinedAt } = person
    to.row()
      .int4(this.#brandId)
      .text(memberNo)
      .text(`会员${memberNo.slice(-6)}`)
    to.bytea(phone === null ? null : this.#vault.encrypt(phone)).text(person.phoneHash)
    to.jsonb(dated(person.levels)).instant(joinedAt).text(person.openingStore).text(person.openingAssociate)
    to.texts([]).boolean(!AGREED_TO_NOTHING.test(memberNo)).text(memberNo).instant(joinedAt).instant(joinedAt)
  }

  /** A number that somebody had before. */
  oldNumber(to: RowBuffer, memberNo: string, person: Person): void {
    to.row().int4(this.#brandId).text(memberNo).null().null().null().jsonb([]).null().null().null()
    to.texts([]).null().text(person.memberNo).instant(person.joinedAt).instant(person.joinedAt)
  }

  merge(to: RowBuffer, memberNo: string, into: string, at: Instant): void {
    to.row().int4(this.#brandId).text(memberNo).instant(at).text(into).instant(at)
  }

  identities(to: RowBuffer, { identities }: Person): void {
    for (const { kind, value, memberNo, at } of identities) {
      to.row().int4(this.#brandId).text(kind).text(value).instant(at).text(memberNo).instant(at)
    }
  }

  assignments(to: RowBuffer, { assignments }: Person, random: Random): void {
    for (const { memberNo, from, attributedAssociate, homeStore } of assignments) {
      to.row().int4(this.#brandId).text(memberNo).instant(from).uuid(random, from)
      to.boolean(attributedAssociate !== undefined).text(attributedAssociate)
      to.boolean(homeStore !== undefined)
        .text(homeStore)
        .instant(from)
    }
  }

  /** The touch, and its key beside the partitions. */
  touch(to: RowBuffer, keys: RowBuffer, touch: Touch): void {
    const { touchId, at, visitorIds } = touch
    to.row().int4(this.#brandId).text(touchId).instant(at).text(touch.kind).text(touch.linkCode).text(touch.memberNo)
    writeIds(to, visitorIds).boolean(false).instant(at)
    const content = this.#content
    content.clear()
    content.add('{"at":"').addInstant(at).add('"')
    addKey(content, ',"externalUserid":', visitorIds.external_userid)
    addKey(content, ',"kind":', touch.kind)
    addKey(content, ',"linkCode":', touch.linkCode)
    addKey(content, ',"memberNo":', touch.memberNo)
    addKey(content, ',"openid":', visitorIds.openid)
    addKey(content, ',"touchId":', touchId)
    addKey(content, ',"unionid":', visitorIds.unionid)
    addKey(content, ',"visitorId":', visitorIds.visitor)
    content.add('}')
    keys.row().int4(this.#brandId).text(touchId).instant(at).sha256(content)
  }

  revision(to: RowBuffer, order: Order, phone: string | null, receivedAt: Instant): void {
    const { source, orderNo, revision, channel, visitorIds } = order
    const lines = this.#writeLines(order.lines)
    to.row().int4(this.#brandId).text(source).text(orderNo).int4(revision).text(channel).text(order.memberNo)
    writeIds(to, visitorIds)
      .bytea(phone === null ? null : this.#vault.encrypt(phone))
      .text(order.phoneHash)
    to.text(order.sellingStore)
      .text(order.closer)
      .text(order.shareCode)
      .instant(order.paidAt)
      .instant(order.completedAt)
    this.#spellOrder(order, lines)
    to.boolean(order.cancelled).jsonbOf(lines).sha256(this.#content).instant(receivedAt)
  }

  #spellOrder(order: Order, lines: ByteBuffer): void {
    const { visitorIds } = order
    const content = this.#content
    content.clear()
    content.add('{"cancelled":').add(order.cancelled ? 'true' : 'false')
    addKeyOrNull(content, ',"channel":', order.channel)
    addKeyOrNull(content, ',"closer":', order.closer)
    content.add(',"completedAt":')
    if (order.completedAt === undefined) content.add('null')
    else content.add('"').addInstant(order.completedAt).add('"')
    addKeyOrNull(content, ',"externalUserid":', visitorIds.external_userid)
    content.add(',"lines":').addBytes(lines.written())
    addKeyOrNull(content, ',"memberNo":', order.memberNo)
    addKeyOrNull(content, ',"openid":', visitorIds.openid)
    addKeyOrNull(content, ',"orderNo":', order.orderNo)
    content.add(',"paidAt":"').addInstant(order.paidAt).add('"')
    addKeyOrNull(content, ',"phoneHash":', order.phoneHash)
    content.add(',"revision":').addNumber(order.revision)
    addKeyOrNull(content, ',"sellingStore":', order.sellingStore)
    addKeyOrNull(content, ',"shareCode":', order.shareCode)
    addKeyOrNull(content, ',"source":', order.source)
    addKeyOrNull(content, ',"unionid":', visitorIds.unionid)
    addKeyOrNull(content, ',"visitorId":', visitorIds.visitor)
    content.add('}')
  }

  /** The lines as JSON, with sorted keys. */
  #writeLines(lines: readonly OrderLine[]): ByteBuffer {
    const to = this.#lines
    to.clear()
    for (const [i, { category, closer, lineNo, listFen, paidFen, quantity, sku }] of lines.entries()) {
      to.add(i === 0 ? '[{"category":"' : ',{"category":"').add(category!)
      if (closer !== undefined) to.add('","closer":"').add(closer)
      to.add('","lineNo":').addNumber(lineNo).add(',"listFen":').addNumber(listFen!).add(',"paidFen":')
      to.addNumber(paidFen).add(',"quantity":').addNumber(quantity).add(',"sku":"').add(sku).add('"}')
    }
    return to.add(']')
  }

  refund(to: RowBuffer, order: Order, { refundNo, revision, refundedAt, lines }: Refund, receivedAt: Instant): void {
    const { source, orderNo } = order
    const content = { lines, orderNo, refundNo, refundedAt: formatInstant(refundedAt), revision, source }
    this.#content.clear()
    this.#content.add(JSON.stringify(content))
    to.row().int4(this.#brandId).text(source).text(refundNo).int4(revision).text(orderNo).instant(refundedAt)
    to.jsonb(lines).sha256(this.#content).instant(receivedAt)
  }

  order(to: RowBuffer, order: Order, summary: ReturnType<typeof summaryOf>, receivedAt: Instant): void {
    const closers = new Set<string>()
    if (order.closer !== undefined) closers.add(order.closer)
    for (const { closer } of order.lines) if (closer !== undefined) closers.add(closer)
    to.row().int4(this.#brandId).text(order.source).text(order.orderNo).int4(order.revision).text(order.channel)
    to.instant(order.paidAt).boolean(order.cancelled).text(order.sellingStore)
    writeIds(to, order.visitorIds)
      .text(order.phoneHash)
      .text(order.shareCode)
      .texts([...closers])
    to.text(summary.buyer).boolean(summary.isFirstOrder).int8(summary.netFen).int8(summary.commissionFen)
    to.text(summary.relation).text(summary.sharerLink).text(summary.sharerTouch).int8(summary.netQuantity)
    to.boolean(summary.isUnattributed).boolean(summary.isUnplanned)
    to.jsonbOf(this.#writeRoles(summary.roles)).texts(summary.associates).instant(receivedAt)
  }

  #writeRoles(roles: Readonly<Record<string, string | string[]>>): ByteBuffer {
    const to = this.#content
    to.clear()
    let separator = '{"'
    for (const role in roles) {
      const holder = roles[role]!
      to.add(separator).add(role)
      if (typeof holder === 'string') to.add('":"').add(holder).add('"')
      else to.add('":["').add(holder.join('","')).add('"]')
      separator = ',"'
    }
    return to.add(separator === '{"' ? '{}' : '}')
  }

  entitlement(to: RowBuffer, order: Order, entry: Entitlement): void {
    to.row().int4(this.#brandId).text(order.source).text(order.orderNo).int4(entry.lineNo).text(entry.role)
    to.text(entry.payeeKind).text(entry.payee).text(entry.bearerKind).text(entry.bearer).text(entry.ruleId)
    to.text(entry.planCode)
      .int4(entry.planVersion)
      .instant(entry.availableAt)
      .int8(entry.amountFen)
      .instant(order.paidAt)
  }

  ledgerRow(to: RowBuffer, order: Order, entry: Entitlement, { at, reason, random }: Booking): void {
    to.row().int4(this.#brandId).uuid(random, at).instant(at).text('order_line').text(order.source).text(order.orderNo)
    to.int4(entry.lineNo).text(entry.role).null().text(entry.payeeKind).text(entry.payee).text(entry.bearerKind)
    to.text(entry.bearer).text(entry.ruleId).text(entry.planCode).int4(entry.planVersion).int8(entry.amountFen)
    to.text(reason).instant(entry.availableAt)
  }

  basis(to: RowBuffer, order: Order, basis: { associateId: string; month: string; basisFen: number }): void {
    to.row().int4(this.#brandId).text(order.source).text(order.orderNo).text(basis.associateId).text(basis.month)
    to.int8(basis.basisFen)
  }

  bonus(to: RowBuffer, bonus: BonusEntitlement): void {
    to.row().int4(this.#brandId).text(bonus.associateId).text(bonus.month).text(bonus.bearerKind).text(bonus.bearer)
    to.text(bonus.planCode).int4(bonus.planVersion).instant(bonus.availableAt).int8(bonus.amountFen)
  }

  ledgerRowOfBonus(to: RowBuffer, bonus: BonusEntitlement, { at, reason, random }: Booking): void {
    to.row()
      .int4(this.#brandId)
      .uuid(random, at)
      .instant(at)
      .text('bonus')
      .null()
      .null()
      .null()
      .null()
      .text(bonus.month)
    to.text('associate').text(bonus.associateId).text(bonus.bearerKind).text(bonus.bearer).text('monthly_tiers')
    to.text(bonus.planCode).int4(bonus.planVersion).int8(bonus.amountFen).text(reason).instant(bonus.availableAt)
  }
}

/** A name of JSON and a key of ours under it; what is absent is left out. */
function addKey(to: ByteBuffer, name: string, key: string | undefined): void {
  if (key !== undefined) to.add(name).add('"').add(key).add('"')
}

function addKeyOrNull(to: ByteBuffer, name: string, key: string | undefined): void {
  to.add(name)
  if (key === undefined) to.add('null')
  else to.add('"').add(key).add('"')
}

const writeIds = (to: RowBuffer, { unionid, openid, external_userid: externalUserid, visitor }: VisitorIds) =>
  to.text(unionid).text(openid).text(externalUserid).text(visitor)

const dated = (history: readonly DatedValue<string>[]) =>
  history.map(({ value, from }) => ({ value, from: from === null ? null : formatInstant(from) }))
