import { Type, type Static } from 'typebox'
import type { Db } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { ListQuery } from '../../lib/list-query.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf, type CursorPart } from '../../lib/paging.ts'
import { formatInstant, parseInstant } from '../../lib/time.ts'
import type { Scope } from '../auth/domain.ts'
import { selectAssociatesOfMonth } from './bonuses/queries.ts'
import { decideMonths } from './bonuses/service.ts'
import { exactNumber } from '../../lib/money.ts'
import { plansOf } from './service.ts'
import { namedResult } from './backtests/reads.ts'
import { selectJob } from './jobs.ts'
import type { BacktestResult } from './schema.ts'
import {
  getZone,
  selectNamedThings,
  selectVisibleAssociates,
  selectOrderList,
  selectPlanKeys,
  selectPlans,
} from './queries.ts'

/** Published plan versions, by code and version. */
export async function listPlans(db: Db, brandId: number, query: { limit?: number; cursor?: string }) {
  const limit = query.limit ?? PAGE_DEFAULT
  const after = cursorOf(query.cursor, ['text', 'integer'])
  const keys = await selectPlanKeys(db, { brandId })
  const start = after ? keys.findIndex(key => key.code === after[0] && key.version === after[1]) + 1 : 0
  const shown = keys.slice(start, start + limit + 1)
  const rows = await selectPlans(db, { brandId, keys: shown })
  return pageOf(rows, limit, row => [row.code, row.version], shownPlan)
}

const shownPlan = (row: Awaited<ReturnType<typeof selectPlans>>[number]) => ({
  ...(row.content as object),
  retroactive: row.isRetroactive,
  publishedAt: formatInstant(row.publishedAt),
  publishedBy: row.publishedBy,
  ...(row.withdrawnAt === null ? {} : { withdrawnAt: formatInstant(row.withdrawnAt), withdrawnBy: row.withdrawnBy }),
})

/** @throws AppError not_found */
export async function getPlan(db: Db, brandId: number, key: { code: string; version: number }) {
  const [row] = await selectPlans(db, { brandId, keys: [key] })
  if (!row) throw new AppError('not_found', 'There is no such plan version.')
  return shownPlan(row)
}

/** @throws AppError not_found */
export async function getJob(db: Db, brandId: number, jobId: string) {
  const job = await selectJob(db, { brandId, jobId })
  if (!job) throw new AppError('not_found', 'There is no such job.')
  return {
    jobId,
    kind: job.kind,
    status: job.status,
    done: job.done,
    total: job.total,
    createdAt: formatInstant(job.createdAt),
    ...(job.result === null ? {} : { result: await shownResult(db, brandId, job) }),
    ...(job.error === null ? {} : { error: job.error }),
  }
}

const shownResult = (db: Db, brandId: number, { kind, result }: { kind: string; result: unknown }) =>
  kind === 'backtest' ? namedResult(db, brandId, result as BacktestResult) : result

export const OrderQuery = Type.Object(
  {
    ...ListQuery,
    from: Type.Optional(Type.String({ format: 'instant', description: 'Paid at or after.' })),
    to: Type.Optional(Type.String({ format: 'instant', description: 'Paid before.' })),
    storeCode: Type.Optional(Type.String({ minLength: 1, description: 'The selling store.' })),
    associate: Type.Optional(Type.String({ minLength: 1, description: 'Holds a role on it.' })),
    memberNo: Type.Optional(Type.String({ minLength: 1, description: 'The buyer, under any of his numbers.' })),
    attributed: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'false: in store without closer, or of a known member whom nobody has or shared to; true: all others; else the associate in the role attributed.',
      }),
    ),
  },
  { additionalProperties: false },
)

/** Orders by paidAt, newest first, as last decided. @throws AppError not_found, malformed_cursor */
export async function listOrders(db: Db, scope: Scope, query: Static<typeof OrderQuery>) {
  const limit = query.limit ?? PAGE_DEFAULT
  const after = cursorOf(query.cursor, ['instant', 'text', 'text'])
  const { storeCode = null, associate = null, memberNo = null, attributed = null } = query
  if (!(await selectNamedThings(db, { scope, storeCode, associate, memberNo }))) {
    throw new AppError('not_found', 'There is no such store, associate or member.')
  }
  const rows = await selectOrderList(db, {
    scope,
    from: query.from === undefined ? null : parseInstant(query.from),
    to: query.to === undefined ? null : parseInstant(query.to),
    storeCode,
    associate,
    memberNo,
    isAttributed: attributed === 'true' ? true : attributed === 'false' ? false : null,
    attributed: attributed === 'true' || attributed === 'false' ? null : attributed,
    after: after && { paidAt: String(after[0]), source: String(after[1]), orderNo: String(after[2]) },
    limit: limit + 1,
  })
  return pageOf(
    rows,
    limit,
    row => [formatInstant(row.paidAt), row.source, row.orderNo],
    row => ({ ...row, paidAt: formatInstant(row.paidAt) }),
  )
}

function cursorOf(cursor: string | undefined, parts: readonly CursorPart[]) {
  if (cursor === undefined) return null
  const position = decodeCursor(cursor, parts)
  if (!position) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  return position
}

export const BonusQuery = Type.Object(
  {
    ...ListQuery,
    month: Type.String({ pattern: '^[0-9]{4}-(0[1-9]|1[0-2])$', description: 'YYYY-MM' }),
    associate: Type.Optional(Type.String({ minLength: 1 })),
  },
  { additionalProperties: false },
)

/** The monthly tiers of a month, by associate. @throws AppError not_found, malformed_cursor */
export async function listBonuses(db: Db, scope: Scope, query: Static<typeof BonusQuery>) {
  const { month, associate = null } = query
  const { brandId } = scope
  const limit = query.limit ?? PAGE_DEFAULT
  const after = cursorOf(query.cursor, ['text'])
  if (!(await selectNamedThings(db, { scope, storeCode: null, associate, memberNo: null }))) {
    throw new AppError('not_found', 'There is no such associate.')
  }
  const associateIds = await selectAssociatesOfMonth(db, {
    brandId,
    month,
    associate,
    after: after && String(after[0]),
    limit: limit + 1,
    only: await selectVisibleAssociates(db, scope),
  })
  const decided = await decideMonths(db, {
    brandId,
    zone: await getZone(db, brandId),
    plans: await plansOf(db, brandId),
    months: associateIds.map(associateId => ({ associateId, month })),
  })
  const byAssociate = new Map(decided.map(row => [row.associateId, row]))
  return pageOf(
    associateIds.map(associateId => byAssociate.get(associateId)!),
    limit,
    row => [row.associateId],
    row => ({
      associateId: row.associateId,
      month,
      basisFen: exactNumber(row.basisFen),
      amountFen: row.bonus?.amountFen ?? 0,
      step: row.bonus?.step ?? null,
      ...(row.bonus?.nextStepFromFen == null ? {} : { nextStepFromFen: row.bonus.nextStepFromFen }),
    }),
  )
}
