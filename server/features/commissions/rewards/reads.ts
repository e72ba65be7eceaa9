import { Type, type Static } from 'typebox'
import type { Db } from '../../../database.ts'
import { AppError } from '../../../errors.ts'
import { ListQuery } from '../../../lib/list-query.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../../lib/paging.ts'
import { formatInstant, parseInstant } from '../../../lib/time.ts'
import type { Scope } from '../../auth/domain.ts'
import { lastMemberNo } from '../../attribution/domain.ts'
import { REWARDED_EVENTS } from '../domain.ts'
import { selectNamedThings, selectVisibleAssociates } from '../queries.ts'
import { plansOf } from '../service.ts'
import { selectRewards, type RewardSubject } from './queries.ts'
import { decideRewardsOf } from './service.ts'
import type { DecidedEvent } from './domain.ts'

export const RewardQuery = Type.Object(
  {
    ...ListQuery,
    event: Type.Optional(Type.Enum(REWARDED_EVENTS)),
    associate: Type.Optional(Type.String({ minLength: 1, description: 'Whose event it was.' })),
    from: Type.Optional(Type.String({ format: 'instant', description: 'The event was at or after.' })),
    to: Type.Optional(Type.String({ format: 'instant', description: 'The event was before.' })),
  },
  { additionalProperties: false },
)

/** What is owed now for events, newest first. @throws AppError not_found, malformed_cursor */
export async function listRewards(db: Db, scope: Scope, query: Static<typeof RewardQuery>) {
  const { event = null, associate = null } = query
  const limit = query.limit ?? PAGE_DEFAULT
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor, ['instant', 'text'])
  if (query.cursor !== undefined && !after) {
    throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  }
  if (!(await selectNamedThings(db, { scope, storeCode: null, associate, memberNo: null }))) {
    throw new AppError('not_found', 'There is no such associate.')
  }
  const rows = await selectRewards(db, {
    scope,
    event,
    associate,
    from: query.from === undefined ? null : parseInstant(query.from),
    to: query.to === undefined ? null : parseInstant(query.to),
    after: after && { at: String(after[0]), subjectKey: String(after[1]) },
    limit: limit + 1,
  })
  return pageOf(
    rows,
    limit,
    row => [formatInstant(row.at), row.subjectKey],
    row => ({ ...row, at: formatInstant(row.at), availableAt: formatInstant(row.availableAt) }),
  )
}

export const RewardExplainQuery = Type.Object(
  {
    memberNo: Type.Optional(Type.String({ minLength: 1, description: 'A member, under any of his numbers.' })),
    externalUserid: Type.Optional(Type.String({ minLength: 1, description: 'A contact in WeCom.' })),
    taskId: Type.Optional(Type.String({ minLength: 1, description: 'A task.' })),
  },
  { additionalProperties: false, minProperties: 1, maxProperties: 1 },
)

/**
 * Every event of a person or task, why it pays or does not, and what is owed for it. Somebody who does not see the
 * whole brand sees the events of the associates whom he sees.
 *
 * @throws AppError not_found where there is no such event, or none that may be seen
 */
export async function explainRewards(db: Db, scope: Scope, query: Static<typeof RewardExplainQuery>) {
  const { brandId } = scope
  const subject: RewardSubject =
    query.memberNo !== undefined
      ? { kind: 'member', key: query.memberNo }
      : query.externalUserid !== undefined
        ? { kind: 'customer', key: query.externalUserid }
        : { kind: 'task', key: query.taskId! }
  const visible = await selectVisibleAssociates(db, scope)
  const { events, people } = await decideRewardsOf(db, {
    brandId,
    plans: await plansOf(db, brandId),
    subjects: [subject],
  })
  // What was decided may also speak of others, to whom an id of his belongs now.
  const memberNo =
    subject.kind === 'member'
      ? lastMemberNo(subject.key, people.mergedInto)
      : (events.find(event => event.externalUserid === query.externalUserid)?.memberNo ?? null)
  const isAsked = (event: DecidedEvent) =>
    event.event === 'task_done' ||
    (memberNo === null ? event.externalUserid === subject.key : event.memberNo === memberNo)
  const isVisible = ({ associateId }: DecidedEvent) =>
    visible === null || (associateId !== null && visible.includes(associateId))
  const shown = events.filter(event => isAsked(event) && isVisible(event))
  if (shown.length === 0) throw new AppError('not_found', 'There is no such event.')
  return {
    events: shown
      .sort((a, b) => a.at - b.at)
      .map(({ owed, at, endedAt, ...event }) => ({
        ...event,
        at: formatInstant(at),
        endedAt: endedAt === null ? null : formatInstant(endedAt),
        owed: owed && {
          payeeKind: owed.payeeKind,
          payee: owed.payee,
          bearerKind: owed.bearerKind,
          bearer: owed.bearer,
          amountFen: owed.amountFen,
          availableAt: formatInstant(owed.availableAt),
        },
      })),
  }
}
