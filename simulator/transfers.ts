/**
 * Customers and groups that are given to a colleague, by WeCom's rules: a customer may refuse for 24 hours, those of
 * somebody employed change hands twice in 90 days at most, and nobody has more customers than his limit.
 */
import { WecomRefusal } from './wecom-errors.ts'
import type { Customer, World } from './world.ts'

export type TransferKind = 'on_job' | 'resigned'

export interface TransferRecord {
  kind: TransferKind
  from: string
  to: string
  externalUserid: string
  askedAt: number
  /** 1 done, 2 waiting, 3 refused by the customer, 4 the taker is at his limit. */
  status: 1 | 2 | 3 | 4
  /** When it was done, or will be. */
  takeoverAt: number
  message: string | null
}

const DAY_MS = 86_400_000
const limits = { often: 2, oftenMs: 90 * DAY_MS, groupsADay: 300 }
const codes = {
  unknownMember: 40003,
  notResigned: 40097,
  unknownCustomer: 40096,
  tooOften: 40128,
  underWay: 40129,
  samePerson: 40130,
  noFollower: 40131,
  ownerHere: 90500,
  ownerLeft: 90502,
  ownerSame: 90504,
  unknownGroup: 86001,
  outOfLimit: 45009,
}

export class Transfers {
  readonly records: TransferRecord[] = []
  /** How many customers somebody may have; without a number he may have any. */
  readonly capacities = new Map<string, number>()
  /** How often WeCom was asked for somebody, whatever it answered. */
  readonly askedFor = new Map<string, number>()
  readonly #world: World
  readonly #resignedAt = new Map<string, number>()
  readonly #groupTransfers: { chatId: string; from: string; at: number; kind: TransferKind }[] = []
  /** Who was ever a friend of whom: he who gets a customer back is told of nobody new. */
  readonly #friends = new Set<string>()

  constructor(world: World) {
    this.#world = world
  }

  /** Somebody leaves: he is in no department any more, and his customers wait for a taker. */
  resign(userid: string): void {
    const person = this.#world.staff.get(userid)
    if (!person) throw new Error(`the world has no staff member ${userid}`)
    Object.assign(person, { status: 5, departments: [] })
    this.#resignedAt.set(userid, this.#world.now())
  }

  /** The customer does not want to be served by somebody else. */
  refuse(externalUserid: string): void {
    for (const record of this.records) {
      if (record.externalUserid === externalUserid && record.status === 2) this.#fail(record, 3, 'customer_refused')
    }
  }

  /** Does what is due by the world's clock. */
  settle(): void {
    for (const record of this.records) {
      if (record.status !== 2 || record.takeoverAt > this.#world.now()) continue
      const capacity = this.capacities.get(record.to)
      const has = [...this.#world.customers.values()].filter(customer => followOf(customer, record.to)).length
      if (capacity !== undefined && has >= capacity) this.#fail(record, 4, 'customer_limit_exceed')
      else this.#takeOver(record)
    }
  }

  /** @returns WeCom's errcode about each customer */
  ask(kind: TransferKind, from: string, to: string, externalUserids: readonly string[], message: string | null) {
    this.settle()
    this.#checkPeople(kind, from, to)
    const now = this.#world.now()
    return externalUserids.map(externalUserid => {
      this.askedFor.set(externalUserid, (this.askedFor.get(externalUserid) ?? 0) + 1)
      const errcode = this.#refusalOf(kind, from, to, externalUserid)
      if (errcode === 0) {
        const takeoverAt = now + DAY_MS
        this.records.push({ kind, from, to, externalUserid, askedAt: now, status: 2, takeoverAt, message })
      }
      return { externalUserid, errcode }
    })
  }

  /** Of each customer of the two what became of him last. */
  results(kind: TransferKind, from: string, to: string): TransferRecord[] {
    this.settle()
    const own = this.records.filter(record => record.kind === kind && record.from === from && record.to === to)
    return [...new Map(own.map(record => [record.externalUserid, record])).values()]
  }

  unassigned(): { from: string; externalUserid: string; resignedAt: number }[] {
    this.settle()
    return [...this.#world.customers.values()].flatMap(customer =>
      customer.follows.flatMap(({ userid }) => {
        const resignedAt = this.#resignedAt.get(userid)
        return resignedAt === undefined ? [] : [{ from: userid, externalUserid: customer.externalUserid, resignedAt }]
      }),
    )
  }

  /** @returns those that did not change hands */
  giveGroups(kind: TransferKind, chatIds: readonly string[], to: string): { chatId: string; errcode: number }[] {
    const taker = this.#world.staff.get(to)
    if (taker?.status !== 1) throw new WecomRefusal(codes.unknownMember)
    const now = this.#world.now()
    return chatIds.flatMap(chatId => {
      const group = this.#world.groupChats.get(chatId)
      if (!group) return [{ chatId, errcode: codes.unknownGroup }]
      const hasLeft = this.#world.staff.get(group.owner)?.status === 5
      if (group.owner === to) return [{ chatId, errcode: codes.ownerSame }]
      if (hasLeft !== (kind === 'resigned')) return [{ chatId, errcode: hasLeft ? codes.ownerLeft : codes.ownerHere }]
      const since = (ms: number) => this.#groupTransfers.filter(one => one.at > now - ms)
      // With which codes WeCom refuses these two is not written anywhere.
      if (since(DAY_MS).filter(one => one.from === group.owner).length >= limits.groupsADay) {
        return [{ chatId, errcode: codes.outOfLimit }]
      }
      const before = since(limits.oftenMs).filter(one => one.kind === 'on_job' && one.chatId === chatId)
      if (kind === 'on_job' && before.length >= limits.often) return [{ chatId, errcode: codes.tooOften }]
      this.#groupTransfers.push({ chatId, from: group.owner, at: now, kind })
      if (!group.members.some(member => member.id === to)) {
        group.members.push({ kind: 'staff', id: to, joinedAt: now, joinScene: 1, invitor: group.owner })
        group.version += 1
      }
      group.owner = to
      return []
    })
  }

  #checkPeople(kind: TransferKind, from: string, to: string): void {
    const hasLeft = this.#world.staff.get(from)?.status === 5
    if (!this.#world.staff.has(from) || (kind === 'on_job' && hasLeft)) throw new WecomRefusal(codes.unknownMember)
    if (kind === 'resigned' && !hasLeft) throw new WecomRefusal(codes.notResigned)
    if (this.#world.staff.get(to)?.status !== 1) throw new WecomRefusal(codes.unknownMember)
  }

  #refusalOf(kind: TransferKind, from: string, to: string, externalUserid: string): number {
    const customer = this.#world.customers.get(externalUserid)
    if (!customer) return codes.unknownCustomer
    if (from === to) return codes.samePerson
    if (!followOf(customer, from)) return codes.noFollower
    const own = this.records.filter(record => record.externalUserid === externalUserid)
    if (own.some(record => record.status === 2)) return codes.underWay
    const since = this.#world.now() - limits.oftenMs
    const often = own.filter(record => record.kind === 'on_job' && record.status === 1 && record.takeoverAt > since)
    return kind === 'on_job' && often.length >= limits.often ? codes.tooOften : 0
  }

  #fail(record: TransferRecord, status: 3 | 4, reason: string): void {
    Object.assign(record, { status, takeoverAt: 0 })
    this.#world.callBack({
      Event: 'change_external_contact',
      ChangeType: 'transfer_fail',
      FailReason: reason,
      UserID: record.to,
      ExternalUserID: record.externalUserid,
    })
  }

  #takeOver(record: TransferRecord): void {
    const { from, to, externalUserid, takeoverAt } = record
    const customer = this.#world.customerOf(externalUserid)
    record.status = 1
    const pair = `${to} ${externalUserid}`
    const isKnown = followOf(customer, to) !== undefined || this.#friends.has(pair)
    this.#friends.add(pair).add(`${from} ${externalUserid}`)
    const before = followOf(customer, from)
    customer.follows = customer.follows.filter(follow => follow !== before)
    if (!followOf(customer, to) && before) {
      // 202: assigned by an administrator.
      const given = {
        userid: to,
        createdAt: takeoverAt,
        state: '',
        addWay: 202,
        operUserid: to,
        tagIds: new Set<string>(),
      }
      customer.follows.push({ ...before, ...given })
    }
    const event = {
      Event: 'change_external_contact',
      CreateTime: Math.floor(takeoverAt / 1000),
      ExternalUserID: externalUserid,
    }
    if (record.kind === 'on_job') {
      const source = { UserID: from, Source: 'DELETE_BY_TRANSFER' }
      this.#world.callBack({ ...event, ChangeType: 'del_external_contact', ...source })
    }
    if (!isKnown) this.#world.callBack({ ...event, ChangeType: 'add_external_contact', UserID: to })
  }
}

const followOf = (customer: Customer, userid: string) => customer.follows.find(follow => follow.userid === userid)
