import {
  findPerson,
  identityKey,
  lastMemberNo,
  type Associate,
  type AssociateKind,
  type AssociateRole,
  type Channel,
  type Identity,
  type IdentityKind,
  type Member,
  type MemberAssignment,
  type Order,
  type OrderEvidence,
  type OrderLine,
  type Override,
  type People,
  type Refund,
  type ShareLink,
  type Store,
  type StoreType,
  type Touch,
  type TouchKind,
  type VisitorIds,
} from '../../server/features/attribution/domain.ts'
import {
  decide,
  planInForce,
  type Decision,
  type Entitlement,
  type Plan,
} from '../../server/features/commissions/domain.ts'
import { planOf, plainPlan } from '../../server/features/commissions/plans.ts'
import type { PublishBody } from '../../server/features/commissions/schema.ts'
import { tellEmployment, type KeptEmployment } from '../../server/features/stores/domain.ts'
import { tell } from '../../server/lib/dated.ts'
import { compareBytes } from '../../server/lib/text.ts'
import { parseInstant, type Instant } from '../../server/lib/time.ts'
import type { Item, OverrideCommand, PlanBody, Told } from './histories.ts'

/** Evidence in memory: keeps what was told and says which record counts, by the domain's own functions. */
export class Memory {
  readonly #orders = new Map<string, Map<number, Order>>()
  readonly #refunds = new Map<string, Map<number, Refund & { source: string; orderNo: string }>>()
  readonly #touches = new Map<string, Touch>()
  readonly #identities = new Map<string, Identity>()
  readonly #merges = new Map<string, { into: string; at: Instant }>()
  readonly #assignments: MemberAssignment[] = []
  readonly #links = new Map<string, ShareLink>()
  readonly #associates = new Map<string, Associate & { kept: KeptEmployment[] }>()
  readonly #stores = new Map<string, Store>()
  readonly #members = new Map<string, Member & { phone: string | null }>()
  readonly #overrides = new Map<string, Map<string, Override>>()

  take(all: readonly Told[]): this {
    for (const { kind, item } of all) this.#take(kind, item)
    return this
  }

  #take(kind: string, item: Item): void {
    const text = (field: string) => item[field] as string | undefined
    const at = (field: string) => (item[field] == null ? undefined : parseInstant(item[field] as string)!)
    switch (kind) {
      case 'stores': {
        const before = this.#stores.get(text('storeCode')!)
        const from = at('effectiveFrom') ?? null
        this.#stores.set(text('storeCode')!, {
          storeCode: text('storeCode')!,
          types: tell(before?.types ?? [], item['type'] as StoreType | undefined, from, 0),
          regions: tell(before?.regions ?? [], item['region'] as string | null | undefined, from, 0),
          franchisees: tell(before?.franchisees ?? [], item['franchiseeId'] as string | null | undefined, from, 0),
        })
        return
      }
      case 'associates': {
        const before = this.#associates.get(text('associateId')!)
        const kept = tellEmployment(
          before?.kept ?? [],
          text('activeFrom'),
          item['activeTo'] as string | null | undefined,
        )
        const field = <T>(name: string, was: T | null | undefined) =>
          item[name] === undefined ? (was ?? null) : (item[name] as T | null)
        this.#associates.set(text('associateId')!, {
          associateId: text('associateId')!,
          storeCode: field('storeCode', before?.storeCode),
          memberNo: field('memberNo', before?.memberNo),
          invitedBy: field('invitedBy', before?.invitedBy),
          kinds: tell(before?.kinds ?? [], item['kind'] as AssociateKind | undefined, at('effectiveFrom') ?? null, 0),
          kept,
          employments: kept.map(({ activeFrom, activeTo }) => ({
            activeFrom: parseInstant(activeFrom)!,
            activeTo: activeTo === null ? null : parseInstant(activeTo),
          })),
        })
        return
      }
      case 'members': {
        const before = this.#members.get(text('memberNo')!)
        const field = (name: string, was: string | null | undefined) =>
          item[name] === undefined ? (was ?? null) : (item[name] as string | null)
        this.#members.set(text('memberNo')!, {
          memberNo: text('memberNo')!,
          openingStore: field('openingStore', before?.openingStore),
          openingAssociate: field('openingAssociate', before?.openingAssociate),
          levels: tell(
            before?.levels ?? [],
            item['level'] as string | null | undefined,
            at('effectiveFrom') ?? null,
            0,
          ),
          phone: field('phone', before?.phone),
        })
        return
      }
      case 'share-links': {
        const before = this.#links.get(text('linkCode')!)
        const associate = this.#associates.get(text('associateId')!)!
        this.#links.set(text('linkCode')!, {
          linkCode: text('linkCode')!,
          associateId: associate.associateId,
          storeCode: before ? before.storeCode : (text('storeCode') ?? associate.storeCode),
          createdAt: at('createdAt') ?? null,
          revokedAt: at('revokedAt') ?? before?.revokedAt ?? null,
        })
        return
      }
      case 'touches':
        this.#touches.set(text('touchId')!, {
          touchId: text('touchId')!,
          at: at('at')!,
          kind: item['kind'] as TouchKind,
          ...optional('linkCode', text('linkCode')),
          ...optional('memberNo', text('memberNo')),
          visitorIds: visitorIdsOf(item),
        })
        return
      case 'identities': {
        const identity = {
          kind: item['kind'] as IdentityKind,
          value: text('value')!,
          memberNo: text('memberNo')!,
          at: at('at')!,
        }
        this.#identities.set(JSON.stringify(identity), identity)
        return
      }
      case 'member-merges': {
        const before = this.#merges.get(text('memberNo')!)
        if (!before || at('at')! > before.at)
          this.#merges.set(text('memberNo')!, { into: text('into')!, at: at('at')! })
        return
      }
      case 'member-assignments':
        this.#assignments.push({
          memberNo: text('memberNo')!,
          from: at('from')!,
          ...('attributedAssociate' in item
            ? { attributedAssociate: item['attributedAssociate'] as string | null }
            : {}),
          ...('homeStore' in item ? { homeStore: item['homeStore'] as string | null } : {}),
        })
        return
      case 'orders': {
        const order: Order = {
          source: text('source')!,
          orderNo: text('orderNo')!,
          revision: (item['revision'] as number | undefined) ?? 1,
          channel: item['channel'] as Channel,
          ...optional('memberNo', text('memberNo')),
          visitorIds: visitorIdsOf(item),
          ...optional('phoneHash', text('phone')),
          ...optional('sellingStore', text('sellingStore')),
          ...optional('closer', text('closer')),
          ...optional('shareCode', text('shareCode')),
          paidAt: at('paidAt')!,
          ...optional('completedAt', at('completedAt')),
          cancelled: (item['cancelled'] as boolean | undefined) ?? false,
          lines: item['lines'] as OrderLine[],
        }
        setIn(this.#orders, orderKey(order), order.revision, order)
        return
      }
      case 'refunds': {
        const refund = {
          source: text('source')!,
          refundNo: text('refundNo')!,
          revision: (item['revision'] as number | undefined) ?? 1,
          orderNo: text('orderNo')!,
          refundedAt: at('refundedAt')!,
          lines: (item['lines'] as Refund['lines'] | undefined) ?? [],
        }
        setIn(this.#refunds, `${refund.source}/${refund.refundNo}`, refund.revision, refund)
        return
      }
      default:
        throw new Error(`there is no ${kind} here`)
    }
  }

  /** Made in this order; one for an order that is not there is not made. */
  override(commands: readonly OverrideCommand[]): this {
    for (const [i, command] of commands.entries()) {
      if (!this.#orders.has(orderKey(command))) continue
      const associate = command.associateId == null ? undefined : this.#associates.get(command.associateId)
      const override: Override = {
        role: command.role as AssociateRole,
        associateId: command.associateId ?? null,
        withdrawn: command.withdraw === true,
        at: i,
        storeCode: associate?.storeCode ?? null,
      }
      setIn(this.#overrides, orderKey(command), command.role, override)
    }
    return this
  }

  /** What is recorded about every order. */
  evidence(): OrderEvidence[] {
    const mergedInto = new Map([...this.#merges].map(([memberNo, { into }]) => [memberNo, into]))
    const identities = new Map<string, Identity[]>()
    for (const identity of this.#identities.values()) {
      const key = identityKey(identity.kind, identity.value)
      identities.set(key, [...(identities.get(key) ?? []), identity])
    }
    const phones = new Map<string, string[]>()
    for (const { phone, memberNo } of this.#members.values()) {
      if (phone !== null) phones.set(phone, [...(phones.get(phone) ?? []), memberNo])
    }
    const people: People = { identities, mergedInto, phones }
    const orders = [...this.#orders.values()].map(highest)
    const buyers = new Map(orders.map(order => [order, findPerson(order, people)?.memberNo ?? null]))
    const refunds = [...this.#refunds.values()].map(highest)
    return orders.map((order): OrderEvidence => {
      const buyer = buyers.get(order) ?? null
      return {
        order,
        refunds: refunds.filter(refund => orderKey(refund) === orderKey(order)),
        overrides: [...(this.#overrides.get(orderKey(order))?.values() ?? [])],
        onHold: false,
        people,
        members: this.#members,
        assignments: this.#assignments.filter(entry => lastMemberNo(entry.memberNo, mergedInto) === buyer),
        touches: [...this.#touches.values()],
        links: this.#links,
        associates: this.#associates,
        stores: this.#stores,
        hasEarlierOrder: orders.some(
          other => !other.cancelled && buyer !== null && buyers.get(other) === buyer && compareOrders(other, order) < 0,
        ),
      }
    })
  }

  decide(plans: readonly Plan[]): Decided[] {
    return this.evidence().map(evidence => {
      const plan = planInForce(plans, evidence.order.paidAt)
      return { evidence, plan, decision: decide(evidence, plan) }
    })
  }
}

export interface Decided {
  evidence: OrderEvidence
  plan: Plan | null
  decision: Decision
}

export type OwedRow = Entitlement & { source: string; orderNo: string }

export const owedBy = (decided: readonly Decided[]): OwedRow[] =>
  decided.flatMap(({ evidence, decision }) =>
    decision.entitlements.map(entry => ({
      source: evidence.order.source,
      orderNo: evidence.order.orderNo,
      ...entry,
    })),
  )

/** In one spelling and sequence, to be compared. */
export const sortedText = (rows: readonly object[]): string[] =>
  rows.map(row => JSON.stringify(Object.entries(row).sort(([a], [b]) => compareBytes(a, b)))).sort()

export const plansOfBodies = (bodies: readonly PlanBody[]): Plan[] =>
  bodies.map(body => planOf(plainPlan(body as unknown as PublishBody)))

const orderKey = ({ source, orderNo }: { source: string; orderNo: string }) => `${source}/${orderNo}`

const compareOrders = (a: Order, b: Order) =>
  a.paidAt - b.paidAt || compareBytes(a.source, b.source) || compareBytes(a.orderNo, b.orderNo)

function setIn<K, I, V>(map: Map<K, Map<I, V>>, key: K, inner: I, value: V): void {
  map.set(key, (map.get(key) ?? new Map<I, V>()).set(inner, value))
}

function highest<T extends { revision: number }>(revisions: ReadonlyMap<number, T>): T {
  return [...revisions.values()].reduce((best, one) => (one.revision > best.revision ? one : best))
}

function visitorIdsOf(item: Item): VisitorIds {
  return {
    ...optional('unionid', item['unionid'] as string | undefined),
    ...optional('openid', item['openid'] as string | undefined),
    ...optional('external_userid', item['externalUserid'] as string | undefined),
    ...optional('visitor', item['visitorId'] as string | undefined),
  }
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: V })
}
