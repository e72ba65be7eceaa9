import type { OrderEvidence, VisitorIds } from '../../server/features/attribution/domain.ts'
import type { Entitlement, Plan, Rule } from '../../server/features/commissions/domain.ts'

/**
 * A second reading of docs/commission.md, written apart from the first: slow, flat, in BigInt, and without any of its
 * functions. What both say of a random history must be the same to the fen.
 */
export function owedByOracle(e: OrderEvidence, plan: Plan | null): Entitlement[] {
  if (!plan) return []
  const { order } = e
  const day = 86_400_000
  const t = order.paidAt
  const bytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))

  const end = (memberNo: string): string => {
    const next = e.people.mergedInto.get(memberNo)
    return next === undefined ? memberNo : end(next)
  }
  const ofId = (kind: string, value: string | undefined): string | null => {
    if (value === undefined) return null
    const told = [...e.people.identities.values()].flat().filter(one => one.kind === kind && one.value === value)
    const ranked = told
      .map(one => ({ at: one.at, memberNo: end(one.memberNo) }))
      .sort((a, b) => b.at - a.at || bytes(b.memberNo, a.memberNo))
    return ranked[0]?.memberNo ?? null
  }
  const person = (who: { memberNo?: string; visitorIds: VisitorIds }): string | null =>
    who.memberNo !== undefined
      ? end(who.memberNo)
      : (ofId('unionid', who.visitorIds.unionid) ??
        ofId('openid', who.visitorIds.openid) ??
        ofId('external_userid', who.visitorIds.external_userid) ??
        ofId('visitor', who.visitorIds.visitor))
  const byPhone = (): string | null => {
    const owners = new Set((e.people.phones.get(order.phoneHash ?? '') ?? []).map(end))
    return order.phoneHash !== undefined && owners.size === 1 ? [...owners][0]! : null
  }
  const buyer = person(order) ?? byPhone()

  const dated = <T>(history: readonly { value: T | null; from: number | null }[]): T | null => {
    const ranked = history
      .map((entry, told) => ({ ...entry, told, since: entry.from ?? -Infinity }))
      .filter(entry => entry.since <= t)
      .sort((a, b) => (a.since === b.since ? b.told - a.told : b.since > a.since ? 1 : -1))
    return ranked[0]?.value ?? null
  }
  const active = (id: string, at: number) =>
    (e.associates.get(id)?.employments ?? []).some(
      spell => at >= spell.activeFrom && !(spell.activeTo !== null && at >= spell.activeTo),
    )
  const isBuyer = (id: string) => {
    const own = e.associates.get(id)?.memberNo
    return own != null && buyer !== null && end(own) === buyer
  }
  const worker = (id: string | null | undefined) => (id != null && active(id, t) && !isBuyer(id) ? id : null)

  // ------------------------------------------------------------------------------------------------ roles
  const override = (role: string) => e.overrides.find(one => one.role === role && !one.withdrawn)
  const overridden = (role: string, otherwise: () => string | null): string | null => {
    const one = override(role)
    if (!one) return otherwise()
    return one.associateId !== null && !isBuyer(one.associateId) ? one.associateId : null
  }

  const { model, windowDays, kinds, minMinutesInStore } = plan.attribution
  const counted = (kind: string) => (kinds ? (kinds as readonly string[]).includes(kind) : kind !== 'sent')
  const linkHolds = (linkCode: string | undefined, at: number) => {
    const link = linkCode === undefined ? undefined : e.links.get(linkCode)
    if (!link) return false
    if (link.createdAt !== null && at < link.createdAt) return false
    if (link.revokedAt !== null && at >= link.revokedAt) return false
    return active(link.associateId, at) && active(link.associateId, t) && !isBuyer(link.associateId)
  }
  const candidates = e.touches
    .filter(touch => buyer !== null && person(touch) === buyer && counted(touch.kind))
    .filter(touch => touch.at >= t - windowDays * day && touch.at <= t)
    .filter(touch => order.channel === 'online' || touch.at <= t - (minMinutesInStore ?? 0) * 60_000)
    .filter(touch => linkHolds(touch.linkCode, touch.at))
    .sort((a, b) => (model === 'last_touch' ? b.at - a.at : a.at - b.at) || bytes(b.touchId, a.touchId))
  const codeHolds = linkHolds(order.shareCode, t)
  const winning =
    model === 'last_touch' && codeHolds
      ? order.shareCode
      : (candidates[0]?.linkCode ?? (codeHolds ? order.shareCode : undefined))
  const winner = winning === undefined ? undefined : e.links.get(winning)
  const sharer = overridden('sharer', () => winner?.associateId ?? null)
  const sharerStore =
    sharer === null ? null : override('sharer') ? override('sharer')!.storeCode : (winner?.storeCode ?? null)

  const assigned = (field: 'attributedAssociate' | 'homeStore') =>
    [...e.assignments]
      .filter(entry => field in entry && entry.from <= t)
      .sort((a, b) => b.from - a.from || bytes(b.memberNo, a.memberNo))[0]?.[field] ?? null
  const record = buyer === null ? undefined : e.members.get(buyer)
  const homeStore = buyer === null ? null : (assigned('homeStore') ?? record?.openingStore ?? null)
  const holders: Record<string, string | null> = {
    sharer,
    attributed: overridden('attributed', () => (buyer === null ? null : worker(assigned('attributedAssociate')))),
    opener: overridden('opener', () => worker(record?.openingAssociate)),
    inviter: overridden('inviter', () => (sharer === null ? null : worker(e.associates.get(sharer)?.invitedBy))),
    selling_store: order.sellingStore ?? null,
    home_store: homeStore,
    opening_store: record?.openingStore ?? null,
    sharer_store: sharerStore,
    headquarters: 'headquarters',
  }
  const store = (code: string | null | undefined) => (code == null ? undefined : e.stores.get(code))
  const both = (a: string | null | undefined, b: string | null | undefined) => (a == null || b == null ? null : a === b)

  // ------------------------------------------------------------------------------------------------ lines
  const sequence = [
    ...['sharer', 'closer', 'attributed', 'opener', 'inviter'],
    ...['selling_store', 'home_store', 'opening_store', 'sharer_store', 'headquarters'],
  ]
  const associateRoles = sequence.slice(0, 5)
  const availableAt = (() => {
    const never = Date.parse('2999-12-31T16:00:00Z')
    const start = plan.holdFrom === 'completed' ? order.completedAt : t
    return e.onHold || start === undefined ? never : start + plan.holdDays * day
  })()
  const result: Entitlement[] = []
  for (const line of order.lines) {
    const refunds = e.refunds.flatMap(refund => refund.lines).filter(one => one.lineNo === line.lineNo)
    const less = (whole: number, parts: number[]) => {
      const left = parts.reduce((sum, part) => sum - BigInt(part), BigInt(whole))
      return order.cancelled || left < 0n ? 0n : left
    }
    const net = less(line.paidFen, refunds.map(one => one.refundFen)) // prettier-ignore
    const pieces = less(line.quantity, refunds.map(one => one.quantity)) // prettier-ignore
    const lineHolders = {
      ...holders,
      closer: overridden('closer', () => {
        const named = line.closer ?? order.closer ?? null
        return named !== null && !isBuyer(named) ? named : null
      }),
    } as Record<string, string | null>

    const fits = (rule: Rule): boolean => {
      const kindOfHolder = associateRoles.includes(rule.role)
        ? dated(e.associates.get(lineHolders[rule.role]!)?.kinds ?? [])
        : null
      const facts: Record<string, unknown> = {
        channels: order.channel,
        skus: line.sku,
        categories: line.category,
        memberLevels: record ? dated(record.levels) : null,
        sellingStores: order.sellingStore,
        homeStores: homeStore,
        sellingStoreTypes: dated(store(order.sellingStore)?.types ?? []),
        homeStoreTypes: dated(store(homeStore)?.types ?? []),
        sellingRegions: dated(store(order.sellingStore)?.regions ?? []),
        sellingFranchisees: dated(store(order.sellingStore)?.franchisees ?? []),
        associateKinds: kindOfHolder,
        shared: sharer !== null,
        sharerIsAttributed: both(sharer, holders['attributed']),
        sharerAtHomeStore: both(sharerStore, homeStore),
        soldAtHomeStore: both(order.sellingStore, homeStore),
        firstOrder: buyer === null ? null : !e.hasEarlierOrder,
      }
      return Object.entries(rule.when ?? {}).every(([key, wanted]) => {
        const list = line.listFen ?? 0
        if (key === 'minPaidBps')
          return list > 0 && BigInt(line.paidFen) * 10_000n >= BigInt(wanted as number) * BigInt(list)
        if (key === 'maxPaidBps')
          return list > 0 && BigInt(line.paidFen) * 10_000n < BigInt(wanted as number) * BigInt(list)
        if (Array.isArray(wanted)) return facts[key] != null && wanted.includes(facts[key])
        return facts[key] === wanted
      })
    }

    const rows: { role: string; holder: string; rule: Rule; fen: bigint }[] = []
    for (const role of sequence) {
      const holder = lineHolders[role]
      const rule = holder == null ? undefined : plan.rules.find(one => one.role === role && fits(one))
      if (holder == null || !rule) continue
      const half = (amount: bigint) => (amount * 2n + 10_000n) / 20_000n
      const perPiece = BigInt(rule.perUnitFen ?? 0) * pieces
      const fen = rule.rateBps === undefined ? (perPiece < net ? perPiece : net) : half(net * BigInt(rule.rateBps))
      rows.push({ role, holder, rule, fen })
    }
    const earning = rows.filter(row => associateRoles.includes(row.role))
    if (plan.sameAssociate === 'highest') {
      for (const row of earning) {
        const same = earning.filter(one => one.holder === row.holder)
        const top = same.reduce((max, one) => (one.fen > max ? one.fen : max), 0n)
        if (same.find(one => one.fen === top) !== row) Object.assign(row, { beaten: true })
      }
      for (const row of earning) if ('beaten' in row) row.fen = 0n
    }
    const sum = earning.reduce((total, row) => total + row.fen, 0n)
    const limit = plan.lineCapBps === undefined ? sum : (net * BigInt(plan.lineCapBps)) / 10_000n
    if (sum > limit) {
      const shares = earning.map(row => ({ row, rest: (limit * row.fen) % sum, fen: (limit * row.fen) / sum }))
      let left = limit - shares.reduce((total, share) => total + share.fen, 0n)
      while (left > 0n) {
        const next = shares.reduce((best, share) => (share.rest > best.rest ? share : best))
        next.fen += 1n
        next.rest = -1n
        left -= 1n
      }
      for (const share of shares) share.row.fen = share.fen
    }

    for (const { role, holder, rule, fen } of rows) {
      const payeeKind = associateRoles.includes(role) ? 'associate' : role === 'headquarters' ? 'headquarters' : 'store'
      const bearingStore = rule.bearer === 'headquarters' ? null : holders[rule.bearer]
      const bearerKind = bearingStore == null ? 'headquarters' : 'store'
      const bearer = bearingStore ?? 'headquarters'
      if (fen === 0n || (payeeKind === bearerKind && holder === bearer)) continue
      result.push({
        lineNo: line.lineNo,
        role: role as Entitlement['role'],
        payeeKind,
        payee: holder,
        bearerKind,
        bearer,
        ruleId: rule.id,
        planCode: plan.code,
        planVersion: plan.version,
        availableAt,
        amountFen: Number(fen),
      })
    }
  }
  return result
}
