import type { Db, Pool } from '../../database.ts'
import { transact } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { contentHash, withoutNulls } from '../../lib/items.ts'
import { sumFen } from '../../lib/money.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { isStorableText } from '../../lib/text.ts'
import { DAY_MS, formatInstant, parseInstant, type Instant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import { ROLES, type AssociateRole, type Order, type OrderEvidence } from '../attribution/domain.ts'
import { loadEvidence, supposeEvidence } from '../attribution/service.ts'
import type { Caller } from '../auth/domain.ts'
import { decide, planInForce, type Plan } from '../commissions/domain.ts'
import { checkPlan, faultsOfPlan, planOf, plainPlan, plansOf, reachOf } from '../commissions/service.ts'
import { selectAssociates } from '../stores/service.ts'
import {
  deleteDraft,
  insertDraft,
  selectCategories,
  selectChoices,
  selectDraft,
  selectDrafts,
  updateDraft,
  type DraftRow,
} from './queries.ts'
import type {
  ChoiceKind,
  Draft,
  DraftBody,
  DraftHead,
  PlanCheck,
  SupposedOrder,
  Trial,
  TrialBody,
  Tried,
} from './schema.ts'

type Drafted = NonNullable<Awaited<ReturnType<typeof selectDraft>>>

// ---------------------------------------------------------------------------------------------- drafts

/** Drafts, those changed last first. @throws AppError malformed_cursor */
export async function listDrafts(db: Db, brandId: number, query: { limit?: number; cursor?: string }) {
  const limit = query.limit ?? PAGE_DEFAULT
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor, ['instant', 'text'])
  if (query.cursor !== undefined && !after) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  const rows = await selectDrafts(db, {
    brandId,
    after: after && { changedAt: String(after[0]), name: String(after[1]) },
    limit: limit + 1,
  })
  return pageOf(rows, limit, row => [formatInstant(row.changedAt), row.name], headOf)
}

/** @throws AppError not_found */
export async function getDraft(db: Db, key: { brandId: number; name: string }): Promise<Draft> {
  return shownDraft(await findDraft(db, key))
}

async function findDraft(db: Db, key: { brandId: number; name: string }): Promise<Drafted> {
  const row = await selectDraft(db, key)
  if (!row) throw new AppError('not_found', 'There is no such draft.')
  return row
}

const headOf = (row: DraftRow): DraftHead => ({
  name: row.name,
  revision: row.revision,
  basedOn:
    row.basedOnCode === null || row.basedOnVersion === null
      ? null
      : { code: row.basedOnCode, version: row.basedOnVersion },
  createdAt: formatInstant(row.createdAt),
  createdBy: row.createdBy,
  changedAt: formatInstant(row.changedAt),
  changedBy: row.changedBy,
})
const shownDraft = (row: Drafted): Draft => ({ ...headOf(row), content: row.content })

/**
 * Saves a draft as it is now, over the revision that the editor saw last. The same again is harmless.
 *
 * @throws AppError invalid_body for text that cannot be kept, not_found where it was deleted meanwhile, draft.changed
 *   where somebody else saved
 */
export async function saveDraft(
  pool: Pool,
  options: { caller: Caller; name: string; body: DraftBody; now: Instant },
): Promise<{ draft: Draft; isNew: boolean }> {
  const { caller, name, body, now } = options
  const { brandId, actor } = caller
  const { revision, content, basedOn } = body
  if (!isStorable(content)) throw new AppError('invalid_body', 'It holds characters that cannot be kept.')
  return await transact(pool, async tx => {
    const key = { brandId, name }
    const saved = { ...key, content, now, actor }
    const isDone =
      revision === 0
        ? await insertDraft(tx, { ...saved, basedOn: basedOn ?? null })
        : await updateDraft(tx, { ...saved, revision })
    if (isDone && revision === 0) await insertActivity(tx, { ...deedOf(options), action: 'plan.draft_begun' })
    const kept = await findDraft(tx, key)
    const isSame = kept.revision === revision + 1 && contentHash(kept.content).equals(contentHash(content))
    if (!isDone && !(isSame && kept.changedBy === actor)) throw changed(kept)
    return { draft: shownDraft(kept), isNew: isDone && revision === 0 }
  })
}

const deedOf = ({ caller, name, now }: { caller: Caller; name: string; now: Instant }) => ({
  brandId: caller.brandId,
  now,
  actor: caller.actor,
  subject: `plans/drafts/${name}`,
  details: {},
})

const changed = ({ revision, changedBy, changedAt }: DraftRow) =>
  new AppError(
    'draft.changed',
    `${changedBy} saved revision ${revision} at ${formatInstant(changedAt)}; read it first.`,
  )

/** @throws AppError not_found, draft.changed */
export async function removeDraft(
  pool: Pool,
  options: { caller: Caller; name: string; revision: number; now: Instant },
): Promise<void> {
  const { caller, name, revision } = options
  const key = { brandId: caller.brandId, name }
  await transact(pool, async tx => {
    if (!(await deleteDraft(tx, { ...key, revision }))) throw changed(await findDraft(tx, key))
    await insertActivity(tx, { ...deedOf(options), action: 'plan.draft_deleted' })
  })
}

const DEPTH_MAX = 16

/** Whether all texts of it can be kept, and it is not deeper than any plan. */
function isStorable(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return isStorableText(value)
  if (value === null || typeof value !== 'object') return true
  if (depth > DEPTH_MAX) return false
  return Object.entries(value).every(([name, entry]) => isStorableText(name) && isStorable(entry, depth + 1))
}

// ---------------------------------------------------------------------------------------------- checking

/** What would be said if a plan were published now; nothing is. */
export async function checkDraft(db: Db, options: { caller: Caller; body: unknown; now: Instant }): Promise<PlanCheck> {
  const { caller, body, now } = options
  return await checkPlan(db, { brandId: caller.brandId, zone: caller.zone, body, now })
}

const CHOICES_MAX = 50

/** What a plan can name. */
export async function listChoices(db: Db, options: { brandId: number; kind: ChoiceKind; search: string | undefined }) {
  const { search = '', ...rest } = options
  return { items: await selectChoices(db, { ...rest, search, limit: CHOICES_MAX }) }
}

// ---------------------------------------------------------------------------------------------- one order

/**
 * What an order pays under the plan in force, and what it would pay under another; the same `decide` as everywhere, and
 * nothing is booked.
 *
 * @throws AppError invalid_plan, invalid_body by path; not_found where there is no such order
 */
export async function tryOrder(db: Db, options: { brandId: number; body: TrialBody; now: Instant }): Promise<Trial> {
  const { brandId, body, now } = options
  const { order, supposed } = body
  const content = withoutNulls(body.plan)
  const faults = faultsOfPlan(content).map(fault => ({
    ...fault,
    path: fault.path === '' ? 'plan' : `plan.${fault.path}`,
  }))
  if (faults.length > 0) throw new AppError('invalid_plan', 'The plan cannot be tried as it is.', faults)
  if ((order === undefined) === (supposed === undefined)) {
    throw new AppError('invalid_body', 'Name an order, or suppose one.', [
      { path: 'order', code: 'one_order', message: 'Exactly one of order and supposed is needed.' },
    ])
  }
  const candidate = planOf(plainPlan(content as Parameters<typeof plainPlan>[0]))
  const plans = await plansOf(db, brandId)
  const reach = (paidAt: Instant) => {
    const from = reachOf(plans)(paidAt).from
    return { from: Math.min(from, paidAt - candidate.attribution.windowDays * DAY_MS), to: paidAt }
  }
  const evidence =
    supposed === undefined
      ? (await loadEvidence(db, { brandId, orders: [order!], reach, lock: false })).orders[0]?.evidence
      : await evidenceOf(db, { brandId, supposed, reach, now })
  if (!evidence) throw new AppError('not_found', 'There is no such order.')
  const { paidAt } = evidence.order
  const decision = decide(evidence, candidate)
  return {
    order: {
      source: order?.source ?? null,
      orderNo: order?.orderNo ?? null,
      channel: evidence.order.channel,
      paidAt: formatInstant(paidAt),
      buyer: decision.attribution.buyer?.memberNo ?? null,
      netFen: decision.netFen,
    },
    now: triedOf(evidence, planInForce(plans, paidAt)),
    then: triedOf(evidence, candidate),
  }
}

function triedOf(evidence: OrderEvidence, plan: Plan | null): Tried {
  const decision = decide(evidence, plan)
  return {
    plan: decision.plan,
    relation: decision.relation,
    totalFen: sumFen(decision.entitlements.map(entry => entry.amountFen)),
    roles: ROLES.map(role => {
      const { holder, because } = decision.attribution.holdings[role]
      return { role, holder, because }
    }),
    lines: decision.lines.map(({ lineNo, sku, netFen, limitFen, roles }) => ({
      lineNo,
      sku,
      netFen,
      limitFen,
      roles: [...roles],
    })),
  }
}

const SUPPOSED = '(supposed)'

/** An order that nobody made: who shares, or has the buyer, is as if it had been put so by hand. */
async function evidenceOf(
  db: Db,
  options: {
    brandId: number
    supposed: SupposedOrder
    reach: (paidAt: Instant) => { from: Instant; to: Instant }
    now: Instant
  },
): Promise<OrderEvidence> {
  const { brandId, supposed, reach, now } = options
  const { channel, memberNo, sellingStore, closer, lines } = supposed
  const paidAt = supposed.paidAt === undefined ? now : parseInstant(supposed.paidAt)!
  const categories = await selectCategories(db, { brandId, skus: lines.map(line => line.sku) })
  const categoryOf = new Map(categories.map(({ sku, category }) => [sku, category]))
  const order: Order = {
    source: SUPPOSED,
    orderNo: SUPPOSED,
    revision: 1,
    channel,
    ...(memberNo === undefined ? {} : { memberNo }),
    visitorIds: {},
    ...(sellingStore === undefined ? {} : { sellingStore }),
    ...(closer === undefined ? {} : { closer }),
    paidAt,
    completedAt: paidAt,
    cancelled: false,
    lines: lines.map((line, i) => {
      const category = line.category ?? categoryOf.get(line.sku) ?? null
      return { lineNo: i + 1, ...line, ...(category === null ? {} : { category }) }
    }),
  }
  const named = (['sharer', 'attributed', 'opener'] as const).flatMap(role =>
    supposed[role] === undefined ? [] : [{ role: role as AssociateRole, associateId: supposed[role] }],
  )
  const associates = await selectAssociates(db, { brandId, associateIds: named.map(({ associateId }) => associateId) })
  const storeOf = new Map(associates.map(({ associateId, storeCode }) => [associateId, storeCode]))
  return await supposeEvidence(db, {
    brandId,
    order,
    overrides: named.map(({ role, associateId }) => ({
      role,
      associateId,
      withdrawn: false,
      at: paidAt,
      storeCode: storeOf.get(associateId) ?? null,
    })),
    reach,
  })
}
