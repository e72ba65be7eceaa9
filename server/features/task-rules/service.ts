import { transact, type Db, type Pool, type Tx } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { dayOf, formatInstant, type Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller } from '../auth/domain.ts'
import { findCustomer, personOf } from '../customers/service.ts'
import { takeItems } from '../ingest/service.ts'
import { existingStores } from '../stores/service.ts'
import { afterLast, faultsOfRule, isDay, mayDo, mayUndo, NIGHTLY_MAX, UNDO_MS } from './domain.ts'
import { previewRule } from './preview.ts'
import {
  closeTasksOfRule,
  insertTasks,
  lockRule,
  lockTask,
  replaceListed,
  selectCompletion,
  selectEndedTasks,
  selectFriendships,
  selectListSizes,
  selectOpenTasks,
  selectPersonCompletion,
  selectRule,
  selectRuleCounts,
  selectRules,
  selectTask,
  selectTaskCounts,
  selectUnknownMembers,
  selectWasSentTo,
  updateTaskState,
  writeRule,
  type RuleRow,
  type TaskRow,
  type Wanted,
} from './queries.ts'
import type {
  DoneBody,
  FollowUpBody,
  ListAnswer,
  ListedRule,
  PreviewBody,
  RulePreview,
  Task,
  TaskPage,
  TaskQuery,
  TaskRule,
  TaskRuleBody,
  TaskRulePatch,
} from './schema.ts'
import type { TaskRuleQuery } from './schema.ts'

export { tendTasks } from './making.ts'

/** What evidence of a task is taken with. */
export interface TaskDependencies {
  pool: Pool
  vault: Vault
  publicUrl: string
}

interface Asked {
  caller: Caller
  now: Instant
}

// ---------------------------------------------------------------------------------------------- rules

/** The stores whose tasks the asker may count; null: all. @throws AppError not_found where he answers for none */
function countedStores({ scope }: Caller): readonly string[] | null {
  if (scope.reach === 'self') throw new AppError('not_found', 'There is nothing here.')
  return scope.reach === 'brand' ? null : scope.storeCodes
}

/**
 * Rules, newest first, ended ones too, with what became of their tasks; to who answers for stores those that are for
 * them, and their tasks.
 *
 * @throws AppError malformed_cursor, not_found
 */
export async function listRules(
  db: Db,
  { caller, now, query }: Asked & { query: TaskRuleQuery },
): Promise<{ items: ListedRule[]; nextCursor: string | null }> {
  const { brandId, zone } = caller
  const storeCodes = countedStores(caller)
  const limit = query.limit ?? PAGE_DEFAULT
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor, ['uuid'])
  if (query.cursor !== undefined && !after) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  const rows = await selectRules(db, { brandId, storeCodes, after: after && String(after[0]), limit: limit + 1 })
  const ruleIds = rows.map(row => row.ruleId)
  const [counts, sizes] = await Promise.all([
    selectRuleCounts(db, { brandId, ruleIds, storeCodes, today: dayOf(now, zone) }),
    selectListSizes(db, { brandId, ruleIds }),
  ])
  const countOf = new Map(counts.map(({ ruleId, ...rest }) => [ruleId, rest]))
  const sizeOf = new Map(sizes.map(({ ruleId, count }) => [ruleId, count]))
  return pageOf(
    rows,
    limit,
    row => [row.ruleId],
    row => ({
      ...shownRule(row),
      ...withDone(countOf.get(row.ruleId) ?? NONE),
      listed: sizeOf.get(row.ruleId) ?? 0,
    }),
  )
}

const NONE = { made: 0, open: 0, overdue: 0, done: 0, skipped: 0, closed: 0 }

const withDone = <Row extends { made: number; closed: number; done: number }>(row: Row) => ({
  ...row,
  doneBps: row.made === row.closed ? null : Math.floor((row.done * 10_000) / (row.made - row.closed)),
})

/** @throws AppError invalid_body with every fault by its path */
export async function createRule(pool: Pool, { caller, now, body }: Asked & { body: TaskRuleBody }): Promise<TaskRule> {
  const { brandId, actor } = caller
  const rule = newRule(body, { ruleId: uuidv7(now), zone: caller.zone, now })
  return await transact(pool, async tx => {
    await checkRule(tx, brandId, rule)
    await writeRule(tx, { brandId, rule })
    await insertActivity(tx, { brandId, now, actor, action: 'task_rule.created', subject: `task-rules/${rule.ruleId}` })
    return shownRule(rule)
  })
}

function newRule(body: TaskRuleBody, { ruleId, zone, now }: { ruleId: string; zone: string; now: Instant }): RuleRow {
  return {
    ruleId,
    kind: body.kind,
    days: body.days ?? null,
    segment: body.segment ?? null,
    title: body.title,
    text: body.text,
    target: body.target ?? null,
    priority: body.priority ?? 0,
    firstDay: body.firstDay ?? dayOf(now, zone),
    lastDay: body.lastDay ?? null,
    storeCodes: body.storeCodes ?? null,
    isOn: body.isOn ?? true,
    nightlyMax: body.nightlyMax === undefined ? NIGHTLY_MAX[body.kind] : body.nightlyMax,
    createdAt: now,
    updatedAt: now,
    endedAt: null,
  }
}

/** What a rule would make on the coming night; nothing is changed. @throws AppError invalid_body */
export async function previewOf(
  db: Pool,
  { caller, now, clock, body }: Asked & { clock: () => Instant; body: PreviewBody },
): Promise<RulePreview> {
  const { brandId, zone } = caller
  const { ruleId = uuidv7(now), ...rest } = body
  const rule = newRule(rest, { ruleId: ruleId.toLowerCase(), zone, now })
  await checkRule(db, brandId, rule)
  return await previewRule(db, { brandId, zone, rule, now, clock })
}

const UNKNOWN_SHOWN = 20

/**
 * Whom a campaign is for by name: the list as a whole. The same again changes nothing.
 *
 * @throws AppError not_found; conflict where it has ended, or is for no list
 */
export async function listMembers(
  pool: Pool,
  { caller, now, ruleId, memberNos }: Asked & { ruleId: string; memberNos: readonly string[] },
): Promise<ListAnswer> {
  const { brandId, actor } = caller
  return await transact(pool, async tx => {
    const rule = await lockRule(tx, { brandId, ruleId })
    if (!rule) throw noRule()
    if (rule.endedAt !== null) throw new AppError('conflict', 'This rule has ended.')
    if (!rule.segment?.isListed) throw new AppError('conflict', 'This rule is for no list of members.')
    const listed = await replaceListed(tx, { brandId, ruleId, memberNos })
    const unknown = await selectUnknownMembers(tx, { brandId, memberNos, limit: UNKNOWN_SHOWN })
    const subject = `task-rules/${ruleId}`
    await insertActivity(tx, { brandId, now, actor, action: 'task_rule.listed', subject, details: { listed } })
    return { listed, unknown }
  })
}

/**
 * Changes what is named, for tasks that are made from then on.
 *
 * @throws AppError not_found; conflict where it has ended; invalid_body
 */
export async function changeRule(
  pool: Pool,
  { caller, now, ruleId, patch }: Asked & { ruleId: string; patch: TaskRulePatch },
): Promise<TaskRule> {
  const { brandId, actor } = caller
  return await transact(pool, async tx => {
    const before = await lockRule(tx, { brandId, ruleId })
    if (!before) throw noRule()
    if (before.endedAt !== null) throw new AppError('conflict', 'This rule has ended.')
    const rule = { ...before, ...patch, updatedAt: now }
    await checkRule(tx, brandId, rule)
    await writeRule(tx, { brandId, rule })
    const details = { fields: Object.keys(patch) }
    await insertActivity(tx, {
      brandId,
      now,
      actor,
      action: 'task_rule.changed',
      subject: `task-rules/${ruleId}`,
      details,
    })
    return shownRule(rule)
  })
}

/** Ends a rule, and with it the tasks of it that are open. Again, it changes nothing. @throws AppError not_found */
export async function endRule(pool: Pool, { caller, now, ruleId }: Asked & { ruleId: string }): Promise<TaskRule> {
  const { brandId, actor } = caller
  return await transact(pool, async tx => {
    const before = await lockRule(tx, { brandId, ruleId })
    if (!before) throw noRule()
    if (before.endedAt !== null) return shownRule(before)
    const rule = { ...before, updatedAt: now, endedAt: now }
    await writeRule(tx, { brandId, rule })
    await closeTasksOfRule(tx, { brandId, ruleId, reason: 'rule_ended', now })
    await insertActivity(tx, { brandId, now, actor, action: 'task_rule.ended', subject: `task-rules/${ruleId}` })
    return shownRule(rule)
  })
}

/** What became of a rule's tasks, store by store. @throws AppError not_found, malformed_cursor */
export async function completionOf(
  db: Db,
  { caller, now, ruleId, query }: Asked & { ruleId: string; query: TaskRuleQuery },
) {
  const { brandId, zone } = caller
  const storeCodes = countedStores(caller)
  const limit = query.limit ?? PAGE_DEFAULT
  const after = keyPosition(query.cursor)
  await visibleRule(db, { brandId, ruleId, storeCodes })
  const today = dayOf(now, zone)
  const rows = await selectCompletion(db, { brandId, ruleId, storeCodes, today, after, limit: limit + 1 })
  return pageOf(rows, limit, row => [row.storeCode], withDone)
}

/** What became of a rule's tasks in one store, associate by associate. @throws AppError not_found, malformed_cursor */
export async function storeCompletionOf(
  db: Db,
  { caller, now, ruleId, storeCode, query }: Asked & { ruleId: string; storeCode: string; query: TaskRuleQuery },
) {
  const { brandId, zone } = caller
  const storeCodes = countedStores(caller)
  const limit = query.limit ?? PAGE_DEFAULT
  const after = keyPosition(query.cursor)
  if (storeCodes !== null && !storeCodes.includes(storeCode)) throw noRule()
  await visibleRule(db, { brandId, ruleId, storeCodes })
  const today = dayOf(now, zone)
  const rows = await selectPersonCompletion(db, { brandId, ruleId, storeCode, today, after, limit: limit + 1 })
  return pageOf(rows, limit, row => [row.associateId], withDone)
}

/** undefined: from the beginning; null: at the end. @throws AppError malformed_cursor */
function keyPosition(cursor: string | undefined): string | null | undefined {
  const position = cursor === undefined ? undefined : decodeCursor(cursor, 1)
  if (position === null) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  return position && (position[0] === null ? null : String(position[0]))
}

/** @throws AppError not_found */
async function visibleRule(
  db: Db,
  { brandId, ruleId, storeCodes }: { brandId: number; ruleId: string; storeCodes: readonly string[] | null },
): Promise<void> {
  const rule = await selectRule(db, { brandId, ruleId })
  const isFor = rule?.storeCodes?.some(storeCode => storeCodes?.includes(storeCode)) ?? true
  if (!rule || (storeCodes !== null && !isFor)) throw noRule()
}

const noRule = () => new AppError('not_found', 'There is no such rule.')

/** @throws AppError invalid_body */
async function checkRule(tx: Db, brandId: number, rule: RuleRow): Promise<void> {
  const faults = faultsOfRule(rule)
  const stores = await existingStores(tx, brandId, rule.storeCodes ?? [])
  for (const [i, storeCode] of (rule.storeCodes ?? []).entries()) {
    if (!stores.has(storeCode)) {
      faults.push({ path: `storeCodes[${i}]`, code: 'unknown_store', message: `There is no store ${storeCode}.` })
    }
  }
  if (faults.length > 0) throw new AppError('invalid_body', faults[0]!.message, faults)
}

const shownRule = (rule: RuleRow): TaskRule => ({
  ...rule,
  createdAt: formatInstant(rule.createdAt),
  updatedAt: formatInstant(rule.updatedAt),
  endedAt: rule.endedAt === null ? null : formatInstant(rule.endedAt),
})

// ---------------------------------------------------------------------------------------------- tasks

/** Tasks that the asker may see: open ones by the day they are due, overdue first. @throws AppError malformed_cursor */
export async function listTasks(db: Db, { caller, now, query }: Asked & { query: TaskQuery }): Promise<TaskPage> {
  const { scope, zone, person } = caller
  const limit = query.limit ?? PAGE_DEFAULT
  const today = dayOf(now, zone)
  const isMine = person !== null && (query.whose ?? (person.role === 'associate' ? 'mine' : 'all')) === 'mine'
  const wanted: Wanted = {
    // His own are his wherever the store is.
    scope: isMine ? { brandId: scope.brandId, reach: 'self', associateId: person.associateId } : scope,
    associateId: null,
    memberNo: query.memberNo ?? null,
  }
  const [rows, counts] = await Promise.all([
    query.state === 'ended'
      ? selectEndedTasks(db, { ...wanted, after: endedPosition(query.cursor), limit: limit + 1 })
      : selectOpenTasks(db, { ...wanted, after: openPosition(query.cursor), limit: limit + 1 }),
    selectTaskCounts(db, { ...wanted, today }),
  ])
  const contacts = await contactsOf(db, { caller, rows })
  const page = pageOf(
    rows,
    limit,
    row =>
      query.state === 'ended' ? [formatInstant(row.stateAt), row.taskId] : [row.dueDay, -row.priority, row.taskId],
    row => shownTask(row, { caller, now, today, contacts }),
  )
  return { asOf: formatInstant(now), counts, ...page }
}

function openPosition(cursor: string | undefined) {
  if (cursor === undefined) return null
  const parts = decodeCursor(cursor, ['text', 'integer', 'uuid'])
  if (!parts) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  return { dueDay: String(parts[0]), rank: Number(parts[1]), taskId: String(parts[2]) }
}

function endedPosition(cursor: string | undefined) {
  if (cursor === undefined) return null
  const parts = decodeCursor(cursor, ['instant', 'uuid'])
  if (!parts) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  return { at: String(parts[0]), taskId: String(parts[1]) }
}

/** Of each member the contact who is the asker's friend now: the chat that he can open. */
async function contactsOf(
  db: Db,
  { caller, rows }: { caller: Caller; rows: readonly TaskRow[] },
): Promise<Map<string, string>> {
  const { brandId, person } = caller
  if (!person || rows.length === 0) return new Map()
  const memberNos = [...new Set(rows.map(row => row.lastMemberNo))]
  const friendships = await selectFriendships(db, { brandId, memberNos })
  return new Map(
    friendships
      .filter(row => row.associateId === person.associateId && !row.isOver)
      .sort((a, b) => a.at - b.at)
      .map(row => [row.memberNo, row.externalUserid]),
  )
}

/** @throws AppError not_found */
async function readTask(db: Db, { caller, now, taskId }: Asked & { taskId: string }): Promise<Task> {
  const row = await visibleTask(db, caller, taskId)
  const contacts = await contactsOf(db, { caller, rows: [row] })
  return shownTask(row, { caller, now, today: dayOf(now, caller.zone), contacts })
}

/** His own, or one that his scope lets him see. @throws AppError not_found */
async function visibleTask(db: Db, { scope, person }: Caller, taskId: string): Promise<TaskRow> {
  const row =
    (await selectTask(db, { scope, taskId })) ??
    (person && (await selectTask(db, { scope: { ...scope, reach: 'self', associateId: person.associateId }, taskId })))
  if (!row) throw new AppError('not_found', 'There is no such task.')
  return row
}

const HAS_OCCASION: readonly string[] = ['after_purchase', 'asleep', 'birthday']

function shownTask(
  row: TaskRow,
  { caller, now, today, contacts }: Asked & { today: string; contacts: ReadonlyMap<string, string> },
): Task {
  const isMine = mayDo(caller, row)
  return {
    taskId: row.taskId,
    kind: row.kind,
    ruleId: row.ruleId,
    title: row.title,
    text: row.text,
    target: row.target && { ...row.target, name: row.targetName },
    dueDay: row.dueDay,
    due: row.dueDay < today ? 'overdue' : row.dueDay === today ? 'today' : 'later',
    customer: {
      memberNo: row.lastMemberNo,
      name: row.name,
      externalUserid: contacts.get(row.lastMemberNo) ?? null,
      occasion: HAS_OCCASION.includes(row.kind) ? row.occasion : null,
    },
    associate:
      row.associateId === null ? null : { associateId: row.associateId, name: row.associateName ?? row.associateId },
    storeCode: row.storeCode,
    state: row.state,
    reason: row.reason,
    stateAt: formatInstant(row.stateAt),
    mayDo: isMine && row.state === 'open',
    undoUntil: isMine && mayUndo(row, now) ? formatInstant(row.stateAt + UNDO_MS) : null,
  }
}

/**
 * A task is done: by a share that went to the customer, or otherwise, with a reason. Again, it changes nothing.
 *
 * @throws AppError not_found, forbidden; task.not_open; invalid_body where neither is told or both; task.not_sent where
 *   the share did not go to this customer
 */
export async function doTask(
  dependencies: TaskDependencies,
  { caller, now, taskId, body }: Asked & { taskId: string; body: DoneBody },
): Promise<Task> {
  const { linkCode = null, reason = null } = body
  if ((linkCode === null) === (reason === null)) {
    throw new AppError('invalid_body', 'Say by which share it was done, or how else.')
  }
  const { associateId } = personOf(caller)
  return await changeTask(dependencies, { caller, now, taskId }, async (tx, task) => {
    if (task.state === 'done') return
    checkOpen(task)
    const { brandId } = caller
    if (linkCode !== null) {
      const link = { brandId, associateId, linkCode, memberNo: task.lastMemberNo }
      if (!(await selectWasSentTo(tx, link))) {
        throw new AppError('task.not_sent', 'This share did not go to the customer of the task.')
      }
    }
    const at = afterLast(now, task.stateAt)
    await updateTaskState(tx, { brandId, taskId, state: 'done', reason, linkCode, by: associateId, at })
    await tellEvidence(tx, dependencies, { caller, now, task, kind: 'done', at })
    await record(tx, { caller, now, taskId, deed: 'task.done', details: { reason, linkCode } })
  })
}

/** A task is left out, with a reason. Again, it changes nothing. @throws AppError not_found, forbidden, task.not_open */
export async function skipTask(
  dependencies: TaskDependencies,
  { caller, now, taskId, reason }: Asked & { taskId: string; reason: string },
): Promise<Task> {
  return await changeTask(dependencies, { caller, now, taskId }, async (tx, task) => {
    if (task.state === 'skipped') return
    checkOpen(task)
    const { brandId } = caller
    const { associateId: by } = personOf(caller)
    const at = afterLast(now, task.stateAt)
    await updateTaskState(tx, { brandId, taskId, state: 'skipped', reason, linkCode: null, by, at })
    await record(tx, { caller, now, taskId, deed: 'task.skipped', details: { reason } })
  })
}

/**
 * A task that was done or skipped a moment ago is open again. Again, it changes nothing.
 *
 * @throws AppError not_found, forbidden; task.undo_over; conflict where its rule has made another since
 */
export async function reopenTask(
  dependencies: TaskDependencies,
  { caller, now, taskId }: Asked & { taskId: string },
): Promise<Task> {
  try {
    return await changeTask(dependencies, { caller, now, taskId }, async (tx, task) => {
      if (task.state === 'open') return
      if (!mayUndo(task, now)) throw new AppError('task.undo_over', 'This can no longer be taken back.')
      const { brandId } = caller
      const { associateId: by } = personOf(caller)
      const at = afterLast(now, task.stateAt)
      await updateTaskState(tx, { brandId, taskId, state: 'open', reason: null, linkCode: null, by, at })
      if (task.state === 'done') await tellEvidence(tx, dependencies, { caller, now, task, kind: 'undone', at })
      await record(tx, { caller, now, taskId, deed: 'task.reopened', details: {} })
    })
  } catch (error) {
    if ((error as { code?: string }).code !== '23505') throw error
    throw new AppError('conflict', 'There is another open task of this rule for the customer.')
  }
}

async function changeTask(
  { pool }: TaskDependencies,
  { caller, now, taskId }: Asked & { taskId: string },
  change: (tx: Tx, task: TaskRow) => Promise<void>,
): Promise<Task> {
  return await transact(pool, async tx => {
    await lockTask(tx, { brandId: caller.brandId, taskId })
    const task = await visibleTask(tx, caller, taskId)
    if (!mayDo(caller, task)) throw new AppError('forbidden', 'This is somebody else’s task.')
    await change(tx, task)
    return await readTask(tx, { caller, now, taskId })
  })
}

function checkOpen(task: TaskRow): void {
  if (task.state !== 'open') throw new AppError('task.not_open', 'This task is no longer open.')
}

const record = (
  tx: Tx,
  { caller, now, taskId, deed, details }: Asked & { taskId: string; deed: string; details: Record<string, unknown> },
) =>
  insertActivity(tx, {
    brandId: caller.brandId,
    now,
    actor: caller.actor,
    action: deed,
    subject: `tasks/${taskId}`,
    details,
  })

/** What plans may pay for. An associate's own follow-ups are none of it: nobody sets himself tasks that are paid. */
async function tellEvidence(
  tx: Tx,
  { vault, publicUrl }: TaskDependencies,
  { caller, now, task, kind, at }: Asked & { task: TaskRow; kind: 'done' | 'undone'; at: Instant },
): Promise<void> {
  if (task.ruleId === null) return
  // What is taken back is so of whom it was told.
  const associateId = kind === 'undone' ? (task.stateBy ?? caller.actor) : personOf(caller).associateId
  const item = {
    taskId: task.taskId,
    kind,
    at: formatInstant(at),
    associateId,
    task: task.kind,
    memberNo: task.memberNo,
  }
  const { brandId, actor, id: callerId } = caller
  const [result] = await takeItems(tx, {
    kind: 'task-events',
    brandId,
    actor,
    callerId,
    vault,
    publicUrl,
    items: [item],
    now,
  })
  if (result?.error) throw new Error(`evidence of a task was refused: ${result.error.code}`)
}

/**
 * A follow-up of the asker's own, for a customer whose card he may see. The same id again is the same task.
 *
 * @throws AppError invalid_body, not_found, forbidden; conflict where the id is another task's
 */
export async function createFollowUp(
  { pool }: TaskDependencies,
  { caller, now, body }: Asked & { body: FollowUpBody },
): Promise<{ task: Task; isNew: boolean }> {
  const { brandId, zone } = caller
  const taskId = body.taskId.toLowerCase()
  const asker = personOf(caller)
  const today = dayOf(now, zone)
  if (!isDay(body.dueDay) || body.dueDay < today) {
    throw new AppError('invalid_body', 'It must be today or a later day.', [
      { path: 'dueDay', code: 'invalid_value', message: 'It must be today or a later day.' },
    ])
  }
  const customer = await findCustomer(pool, caller, { externalUserid: body.externalUserid, now })
  if (!customer) throw new AppError('not_found', 'There is no such customer, or he is no member.')
  if (customer.sight !== 'full') throw new AppError('forbidden', 'This is a colleague’s customer.')
  return await transact(pool, async tx => {
    const made = await insertTasks(tx, {
      brandId,
      now,
      rows: [
        {
          taskId,
          kind: 'follow_up',
          ruleId: null,
          memberNo: customer.person.memberNo,
          occasion: body.dueDay,
          title: '',
          text: body.text,
          target: null,
          priority: 0,
          associateId: asker.associateId,
          storeCode: asker.storeCode,
          madeDay: today,
          dueDay: body.dueDay,
        },
      ],
    })
    if (made.length > 0)
      await record(tx, { caller, now, taskId, deed: 'task.created', details: { dueDay: body.dueDay } })
    const row = await selectTask(tx, { scope: { brandId, reach: 'self', associateId: asker.associateId }, taskId })
    if (row?.text !== body.text || row.dueDay !== body.dueDay) {
      throw new AppError('conflict', 'This taskId was used for another task.')
    }
    return { task: await readTask(tx, { caller, now, taskId }), isNew: made.length > 0 }
  })
}
