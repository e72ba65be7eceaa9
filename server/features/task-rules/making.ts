import { transact, type Db, type Pool, type Tx } from '../../database.ts'
import { valueInForce } from '../../lib/dated.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { compareBytes } from '../../lib/text.ts'
import { dayOf, type Instant } from '../../lib/time.ts'
import { standingsOf } from '../attribution/service.ts'
import { zoneOf } from '../commissions/service.ts'
import { takeTurns } from '../evidence/service.ts'
import { worksAt } from '../handovers/domain.ts'
import { noteMessages, type Note } from '../messages/service.ts'
import { readHistory, selectAssociates } from '../stores/service.ts'
import {
  bearerOf,
  capKey,
  changesFor,
  withinCaps,
  type CustomerFacts,
  type NewTask,
  type TaskChanges,
} from './domain.ts'
import {
  closeTasks,
  insertTasks,
  moveTasks,
  selectBrandIds,
  selectFriendships,
  selectListings,
  selectLivingRules,
  selectMadeOn,
  selectManagers,
  selectMemberFacts,
  selectMemberNos,
  selectMembersWithTasks,
  selectTasksOf,
  takeRun,
  updateRun,
  type FriendshipRow,
  type NewTaskRow,
  type RuleRow,
} from './queries.ts'

/**
 * The rules, run over the members page by page: all of them once a day, and those with open tasks every few minutes. A
 * task has a natural key, so whoever does the same again, or at the same moment, changes nothing.
 */

const MEMBERS_PER_PAGE = 200
/** How long a process that makes tasks is believed to live after its last page. */
const LEASE_MS = 60_000

interface Page {
  brandId: number
  zone: string
  today: string
  now: Instant
  rules: readonly RuleRow[]
}

/** One look at every brand: closes what has no reason any more, and makes the day's tasks where nobody has yet. */
export async function tendTasks(
  pool: Pool,
  options: { clock: () => Instant; isStopped: () => boolean },
): Promise<void> {
  for (const brandId of await selectBrandIds(pool)) {
    if (options.isStopped()) return
    await tendBrand(pool, { brandId, ...options })
  }
}

async function tendBrand(
  pool: Pool,
  { brandId, clock, isStopped }: { brandId: number; clock: () => Instant; isStopped: () => boolean },
): Promise<void> {
  const [zone, rules] = await Promise.all([zoneOf(pool, brandId), selectLivingRules(pool, { brandId })])
  const pageAt = (now: Instant): Page => ({ brandId, zone, today: dayOf(now, zone), now, rules })
  for (let after: string | null = ''; after !== null && !isStopped();) {
    const rows: Awaited<ReturnType<typeof selectMembersWithTasks>> = await selectMembersWithTasks(pool, {
      brandId,
      after,
      limit: MEMBERS_PER_PAGE,
    })
    const memberNos = [...new Set(rows.map(row => row.lastMemberNo))]
    await tendPage(pool, { ...pageAt(clock()), memberNos, isMaking: false })
    after = rows.length < MEMBERS_PER_PAGE ? null : rows.at(-1)!.memberNo
  }
  if (rules.length > 0 && !isStopped()) await makeDay(pool, { brandId, pageAt, clock, isStopped })
}

async function makeDay(
  pool: Pool,
  options: { brandId: number; pageAt: (now: Instant) => Page; clock: () => Instant; isStopped: () => boolean },
): Promise<void> {
  const { brandId, pageAt, clock, isStopped } = options
  const start = pageAt(clock())
  const day = start.today
  let after = await takeRun(pool, { brandId, day, now: start.now, until: start.now + LEASE_MS })
  while (after !== null && !isStopped()) {
    const memberNos: string[] = await selectMemberNos(pool, { brandId, after, limit: MEMBERS_PER_PAGE })
    await tendPage(pool, { ...start, memberNos, isMaking: true })
    const isLast = memberNos.length < MEMBERS_PER_PAGE
    const now = clock()
    const position = memberNos.at(-1) ?? after
    await updateRun(pool, { brandId, day, position, until: now + LEASE_MS, finishedAt: isLast ? now : null })
    after = isLast ? null : position
  }
}

async function tendPage(
  pool: Pool,
  options: Page & { memberNos: readonly string[]; isMaking: boolean },
): Promise<void> {
  const { brandId, now, today, rules, memberNos, isMaking } = options
  if (memberNos.length === 0) return
  const facts = await factsOf(pool, options)
  const changes = facts.map(one => changesFor(one, rules, today)).filter(one => isChange(one, isMaking))
  if (changes.length === 0) return
  await transact(pool, async tx => {
    await takeTurns(tx, brandId, 'tasks')
    await closeTasks(tx, {
      brandId,
      now,
      rows: changes.flatMap(({ close }) =>
        close.map(({ task, because }) => ({ taskId: task.taskId, reason: because })),
      ),
    })
    await moveTasks(tx, {
      brandId,
      rows: changes.flatMap(({ move }) =>
        move.map(({ task, facts }) => ({
          taskId: task.taskId,
          associateId: facts.associateId,
          storeCode: facts.storeCode,
        })),
      ),
    })
    const wanted = isMaking ? changes.flatMap(({ make }) => make ?? []) : []
    const made = withinCaps(wanted, await countsOfNight(tx, { brandId, rules, today }))
    const tasks = await insertTasks(tx, { brandId, now, rows: made.map(task => rowOf(task, { today, now })) })
    const nobodys = tasks.flatMap(task => (task.associateId === null ? (task.storeCode ?? []) : []))
    const managers = await selectManagers(tx, { brandId, storeCodes: [...new Set(nobodys)] })
    await noteMessages(tx, { brandId, now, notes: tasks.flatMap(task => notesOf(task, managers, now)) })
  })
}

/** What the capped rules have made tonight, as `withinCaps` takes it. */
async function countsOfNight(
  tx: Tx,
  { brandId, rules, today }: { brandId: number; rules: readonly RuleRow[]; today: string },
): Promise<Map<string, number>> {
  const ruleIds = rules.filter(rule => rule.nightlyMax !== null).map(rule => rule.ruleId)
  const rows = await selectMadeOn(tx, { brandId, ruleIds, day: today })
  return new Map(rows.map(row => [capKey(row.ruleId, bearerOf(row)), row.count]))
}

/** What its associate is told; of a task that is nobody's the managers of its store. */
function notesOf(
  { taskId, associateId, storeCode }: { taskId: string; associateId: string | null; storeCode: string | null },
  managers: readonly { associateId: string; storeCode: string }[],
  now: Instant,
): Note[] {
  const own = managers.filter(manager => manager.storeCode === storeCode).map(manager => manager.associateId)
  const told = associateId === null ? own : [associateId]
  return told.map(id => ({ kind: 'task_new', associateId: id, occasion: taskId, at: now, details: { taskId } }))
}

const isChange = ({ close, move, make }: TaskChanges, isMaking: boolean) =>
  close.length > 0 || move.length > 0 || (isMaking && make !== null)

const rowOf = (
  { rule, facts, occasion, dueDay }: NewTask,
  { today, now }: { today: string; now: Instant },
): NewTaskRow => ({
  taskId: uuidv7(now),
  kind: rule.kind,
  ruleId: rule.ruleId,
  memberNo: facts.memberNo,
  occasion,
  title: rule.title,
  text: rule.text,
  target: rule.target,
  priority: rule.priority,
  associateId: facts.associateId,
  storeCode: facts.storeCode,
  madeDay: today,
  dueDay,
})

/** What rules ask of a page of members, in a fixed number of statements. */
export async function factsOf(
  pool: Db,
  { brandId, zone, now, memberNos }: Omit<Page, 'rules' | 'today'> & { memberNos: readonly string[] },
): Promise<CustomerFacts[]> {
  const [members, standings, friendships, tasks, listings] = await Promise.all([
    selectMemberFacts(pool, { brandId, memberNos, zone, now }),
    standingsOf(pool, { brandId, memberNos, now }),
    selectFriendships(pool, { brandId, memberNos }),
    selectTasksOf(pool, { brandId, memberNos }),
    selectListings(pool, { brandId, memberNos }),
  ])
  const candidates = [
    ...friendships.map(row => row.associateId),
    ...[...standings.values()].flatMap(({ attributedAssociate }) => attributedAssociate ?? []),
  ]
  const associates = await selectAssociates(pool, { brandId, associateIds: [...new Set(candidates)] })
  const working = new Map(
    associates.filter(row => worksAt(row.employments, now)).map(row => [row.associateId, row] as const),
  )
  return members.map(member => {
    const own = friendships.filter(row => row.memberNo === member.memberNo)
    const attributed = standings.get(member.memberNo)?.attributedAssociate ?? null
    const lostBy = goneBy(own)
    const friends = own
      .filter(row => !row.isOver)
      .sort((a, b) => b.at - a.at || compareBytes(a.associateId, b.associateId))
    const associate = [attributed, ...friends.map(row => row.associateId)]
      .filter(id => id !== null && !lostBy.includes(id))
      .map(id => working.get(id!))
      .find(row => row !== undefined)
    return {
      memberNo: member.memberNo,
      birthMonth: member.birthMonth,
      birthDay: member.birthDay,
      level: valueInForce(readHistory<string>(member.levels), now),
      tags: member.tags,
      consentMarketing: member.consentMarketing,
      lastPurchaseDay: member.lastPurchaseDay,
      associateId: associate?.associateId ?? null,
      storeCode: associate?.storeCode ?? member.homeStore,
      lostBy,
      listedBy: listings.filter(row => row.memberNo === member.memberNo).map(row => row.ruleId),
      tasks: tasks.filter(task => task.memberNo === member.memberNo),
    }
  })
}

/** Who was a friend, and is none now under any of the customer's ids. */
function goneBy(friendships: readonly FriendshipRow[]): string[] {
  const still = new Set(friendships.filter(row => !row.isOver).map(row => row.associateId))
  return friendships.filter(row => row.isOver && !still.has(row.associateId)).map(row => row.associateId)
}
