import { setTimeout as sleep } from 'node:timers/promises'
import { transact, type Db, type Pool, type Tx } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { DAY_MS, formatInstant, type Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import { insertActivity } from '../activity/service.ts'
import { lockBuyers } from '../attribution/service.ts'
import type { Caller } from '../auth/domain.ts'
import { allBrands } from '../brands/service.ts'
import { markRewards } from '../commissions/service.ts'
import { erasedHash, insertBindingMarks, insertMarks, tombstone, type ErasedKind } from '../evidence/service.ts'
import { maskPhone, normalisePhone } from '../members/domain.ts'
import { camelCase, leastDays, PERSONAL_TABLES, RETENTION_UNTOLD } from './domain.ts'
import {
  erasePerson,
  forgetTouches,
  insertErasedIds,
  insertErasure,
  lockOrdersOf,
  selectByPhone,
  selectDeeds,
  selectErasures,
  selectHeadline,
  selectIds,
  selectNumbers,
  selectOpenErasures,
  selectPhoneHashes,
  selectRetention,
  selectRows,
  selectWalk,
  selectWindows,
  updateErased,
  upsertRetention,
  upsertWalk,
  type ErasureRow,
  type Person,
} from './queries.ts'
import type { Erasure, ErasureBody, ErasureQuery, FoundPerson, PersonalData, Retention, RetentionBody, SearchBody } from './schema.ts' // prettier-ignore

interface Asked {
  caller: Caller
  now: Instant
}

const NOBODY = 'There is no such member.'

async function personOf(db: Db, brandId: number, memberNo: string): Promise<Person> {
  const numbers = await selectNumbers(db, { brandId, memberNo })
  if (numbers.length === 0) throw new AppError('not_found', NOBODY)
  const memberNos = numbers.map(row => row.memberNo)
  return { memberNo: numbers[0]!.lastMemberNo, memberNos, ids: await selectIds(db, { brandId, memberNos }) }
}

/** People by a number or a phone; who looked, by which of the two, is on record. @throws AppError invalid_body */
export async function findPeople(
  pool: Pool,
  { caller, now, vault, body }: Asked & { vault: Vault; body: SearchBody },
): Promise<FoundPerson[]> {
  const { brandId, actor } = caller
  if ((body.memberNo === undefined) === (body.phone === undefined)) {
    throw new AppError('invalid_body', 'Give either memberNo or phone.')
  }
  const phone = body.phone === undefined ? null : normalisePhone(body.phone)
  const found =
    body.memberNo !== undefined
      ? [body.memberNo]
      : phone === null
        ? []
        : await selectByPhone(pool, { brandId, phoneHash: vault.hash(phone) })
  const people: FoundPerson[] = []
  for (const memberNo of found) {
    const numbers = await selectNumbers(pool, { brandId, memberNo })
    const last = numbers[0]?.lastMemberNo
    const headline = last === undefined ? null : await selectHeadline(pool, { brandId, memberNo: last })
    if (last === undefined || !headline) continue
    const { name, phoneEncrypted, joinedAt, erasedAt } = headline
    people.push({
      memberNo: last,
      memberNos: numbers.map(row => row.memberNo),
      name,
      phoneMasked: phoneEncrypted && maskPhone(vault.decrypt(phoneEncrypted)),
      joinedAt: joinedAt === null ? null : formatInstant(joinedAt),
      erasedAt: erasedAt === null ? null : formatInstant(erasedAt),
    })
  }
  const details = { by: phone === null ? 'memberNo' : 'phone' }
  for (const { memberNo } of people) {
    await insertActivity(pool, { brandId, now, actor, action: 'personal_data.found', subject: `members/${memberNo}`, details }) // prettier-ignore
  }
  return people
}

/** Everything that is kept about a person. That it was taken is on record before it is given. @throws AppError not_found */
export async function copyPersonalData(
  pool: Pool,
  { caller, now, vault, memberNo }: Asked & { vault: Vault; memberNo: string },
): Promise<PersonalData> {
  const { brandId, actor } = caller
  const person = await personOf(pool, brandId, memberNo)
  const subject = `members/${person.memberNo}`
  await insertActivity(pool, { brandId, now, actor, action: 'personal_data.copied', subject, details: {} })
  const parts: PersonalData['parts'] = {}
  for (const table of PERSONAL_TABLES) {
    const rows = await selectRows(pool, { brandId, person, table })
    parts[camelCase(table.table)] = rows.map(row => readable(row, vault))
  }
  parts['activity'] = await selectDeeds(pool, { brandId, person })
  return { ...person, madeAt: formatInstant(now), parts }
}

/** What is sealed is opened: it is his. */
function readable(row: Record<string, unknown>, vault: Vault): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => {
      const sealed = /^(.+)_encrypted$/.exec(column)
      if (!sealed) return [camelCase(column), value]
      return [
        camelCase(sealed[1]!),
        typeof value === 'string' ? vault.decrypt(Buffer.from(value.slice(2), 'hex')) : null,
      ]
    }),
  )
}

// ---------------------------------------------------------------------------------------------------- erasing

/** How long the answer waits for transactions that began before; after that the worker carries it out. */
const WAIT_MS = 5000

/**
 * Erases a person: all his numbers, all his ids. From the first transaction on what is told of him is veiled; when all
 * that could not know of it have ended, what is there is erased. It cannot be taken back. Again, it changes nothing.
 *
 * @throws AppError not_found, invalid_body where the number to confirm is another
 */
export async function erase(
  pool: Pool,
  { caller, now, vault, memberNo, body }: Asked & { vault: Vault; memberNo: string; body: ErasureBody },
): Promise<Erasure> {
  const { brandId, actor } = caller
  if (body.confirm !== memberNo) {
    throw new AppError('invalid_body', 'Repeat the number of the member.', [
      { path: 'confirm', code: 'not_repeated', message: 'It must be the number in the address.' },
    ])
  }
  const erasureId = await transact(pool, async tx => {
    const numbers = await selectNumbers(tx, { brandId, memberNo })
    if (numbers.length === 0) throw new AppError('not_found', NOBODY)
    const before = await selectErasures(tx, { brandId, after: null, limit: 500 })
    const same = before.find(row => numbers.every(number => number.erasedAt !== null && row.memberNos.includes(number.memberNo))) // prettier-ignore
    if (same) return same.erasureId
    const { memberNo: last, memberNos, ids } = await personOf(tx, brandId, memberNo)
    const row = { erasureId: uuidv7(now), memberNo: last, memberNos, reason: body.reason, askedBy: actor, askedAt: now }
    await insertErasure(tx, { brandId, row })
    await rememberErased(tx, { brandId, vault, memberNos, ids, now })
    const details = { erasureId: row.erasureId, reason: body.reason }
    await insertActivity(tx, {
      brandId,
      now,
      actor,
      action: 'personal_data.erased',
      subject: `members/${last}`,
      details,
    })
    return row.erasureId
  })
  const until = performance.now() + WAIT_MS
  while ((await carryOutErasures(pool, { vault, now })) > 0 && performance.now() < until) await sleep(20)
  const erasures = await selectErasures(pool, { brandId, after: null, limit: 500 })
  return shown(erasures.find(row => row.erasureId === erasureId)!)
}

/** From now on what is told of these is veiled. */
async function rememberErased(
  tx: Tx,
  options: { brandId: number; vault: Vault; memberNos: readonly string[]; ids: Person['ids']; now: Instant },
) {
  const { brandId, vault, memberNos, now } = options
  const phones = await selectPhoneHashes(tx, { brandId, memberNos })
  const ids = options.ids.map(({ kind, value }) => ({ kind, hash: erasedHash(vault, kind as ErasedKind, value) }))
  await insertErasedIds(tx, { brandId, ids: [...ids, ...phones.map(hash => ({ kind: 'phone', hash }))], now })
  await updateErased(tx, { brandId, memberNos, now })
}

/** Carries out what was asked for, as far as everybody has ended who could not know of it. @returns how many are left */
export async function carryOutErasures(pool: Pool, { vault, now }: { vault: Vault; now: Instant }): Promise<number> {
  let left = 0
  for (const { brandId, erasureId, memberNo, memberNos, isReady } of await selectOpenErasures(pool)) {
    if (!isReady) {
      left++
      continue
    }
    await transact(pool, async tx => {
      // Nobody decides about him meanwhile: half of his evidence would have other names than the rest.
      await lockBuyers(tx, { brandId, buyers: [memberNo] })
      await lockOrdersOf(tx, { brandId, memberNo })
      const ids = await selectIds(tx, { brandId, memberNos })
      await insertErasedIds(tx, { brandId, ids: ids.map(({ kind, value }) => ({ kind, hash: erasedHash(vault, kind as ErasedKind, value) })), now }) // prettier-ignore
      const renamed = ids.map(({ kind, value }) => ({ kind, value, tomb: tombstone(vault, kind as ErasedKind, value) }))
      await erasePerson(tx, { brandId, erasureId, ids: renamed })
      // Whoever was deciding while names changed decides again; what comes of it is the same.
      const marks = memberNos.map(key => ({ kind: 'member' as const, key }))
      await insertMarks(tx, { brandId, marks, reason: 'evidence', now })
      await insertBindingMarks(tx, { brandId, marks, now })
      await markRewards(tx, { brandId, marks, now })
    })
  }
  return left
}

/** Who was erased, the latest first. @throws AppError malformed_cursor */
export async function listErasures(db: Db, brandId: number, query: ErasureQuery) {
  const limit = query.limit ?? PAGE_DEFAULT
  const position = query.cursor === undefined ? null : decodeCursor(query.cursor, ['instant', 'uuid'])
  if (query.cursor !== undefined && !position) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  const after = position && { askedAt: String(position[0]), erasureId: String(position[1]) }
  const rows = await selectErasures(db, { brandId, after, limit: limit + 1 })
  return pageOf(rows, limit, row => [formatInstant(row.askedAt), row.erasureId], shown)
}

const shown = ({ askedAt, endedAt, ...row }: ErasureRow): Erasure => ({
  ...row,
  askedAt: formatInstant(askedAt),
  endedAt: endedAt === null ? null : formatInstant(endedAt),
})

// -------------------------------------------------------------------------------------------------- retention

export async function readRetention(db: Db, brandId: number): Promise<Retention> {
  const told = (await selectRetention(db, { brandId })) ?? RETENTION_UNTOLD
  return { ...told, leastDays: leastDays(await selectWindows(db, { brandId })) }
}

/** @throws AppError invalid_body where evidence would go that a commission may still need */
export async function tellRetention(
  pool: Pool,
  { caller, now, body }: Asked & { body: RetentionBody },
): Promise<Retention> {
  const { brandId, actor } = caller
  return await transact(pool, async tx => {
    const { leastDays: least, ...before } = await readRetention(tx, brandId)
    const faults = (['visitorDays', 'touchDays'] as const)
      .filter(path => body[path] < least)
      .map(path => ({
        path,
        code: 'too_short',
        message: `It must be ${least} days or more: a plan's window and 60 days.`,
      }))
    if (body.visitorDays > body.touchDays) {
      faults.push({ path: 'visitorDays', code: 'too_long', message: 'It must be touchDays or less.' })
    }
    if (faults.length > 0) throw new AppError('invalid_body', faults[0]!.message, faults)
    await upsertRetention(tx, { brandId, ...body, toldBy: actor, now })
    // What the walk has passed may be too old now.
    await upsertWalk(tx, { brandId, walk: { positionAt: null, positionTouch: null, finishedAt: null } })
    const details = { before, after: body }
    await insertActivity(tx, {
      brandId,
      now,
      actor,
      action: 'settings.retention',
      subject: 'settings/retention',
      details,
    })
    return { ...body, leastDays: least }
  })
}

const TOUCHES_PER_BATCH = 2000
/** It rests so many times as long as it worked: nobody waits for it. */
const REST = 3

/**
 * Takes away whose old touches were, batch by batch, through all of a brand's once a day. Touches that won an order stay
 * as they are: what was paid is explained by them. @returns how many lost something
 */
export async function forgetOldTouches(
  pool: Pool,
  now: Instant,
  work: { isStopped: () => boolean; rest: (ms: number) => Promise<void> } = {
    isStopped: () => false,
    rest: () => Promise.resolve(),
  },
): Promise<number> {
  let forgotten = 0
  for (const { brandId } of await allBrands(pool)) {
    let walk = await selectWalk(pool, { brandId })
    if (walk.finishedAt !== null && now - walk.finishedAt < DAY_MS) continue
    const { visitorDays, touchDays, leastDays: least } = await readRetention(pool, brandId)
    const before = (days: number) => now - Math.max(days, least) * DAY_MS
    for (let begun = performance.now(); !work.isStopped(); begun = performance.now()) {
      const page = await forgetTouches(pool, {
        brandId,
        visitorsBefore: before(visitorDays),
        allBefore: before(touchDays),
        walk,
        limit: TOUCHES_PER_BATCH,
      })
      forgotten += page.forgotten
      const isOver = page.positionAt === null
      walk = { positionAt: page.positionAt, positionTouch: page.positionTouch, finishedAt: isOver ? now : null }
      await upsertWalk(pool, { brandId, walk })
      if (isOver) break
      await work.rest(REST * (performance.now() - begun))
    }
  }
  return forgotten
}
