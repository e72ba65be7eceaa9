import type { Db } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { decodeCursor, pageOf } from '../../lib/paging.ts'
import { DAY_MS, dayOf, formatInstant, instantOfLocal, parseInstant, type Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import { creditedSalesOf, listAttainment } from '../attainment/service.ts'
import type { Caller } from '../auth/domain.ts'
import { storeMembersAt } from '../community/service.ts'
import { personOf } from '../customers/service.ts'
import { worksAt } from '../handovers/domain.ts'
import { membersOfAssociate } from '../handovers/service.ts'
import { normalisePhone } from '../members/domain.ts'
import { selectStores } from '../stores/service.ts'
import { selectCustomers, selectTeam, selectWaiting, type CustomerRow, type Wanted } from './queries.ts'
import type { HomeCustomer, HomeCustomers, HomeQuery, TeamDay, TeamDayQuery } from './schema.ts'

const PAGE = 20
const ASLEEP_DAYS = 90
const LOOKED_DAYS = 7
/** More customers than anybody has; beyond them the list would end. */
const OWN_MAX = 100_000
const CARD_END_MIN = 4

interface Asked {
  caller: Caller
  now: Instant
}

/**
 * The asker's own customers, or the members of the stores that he answers for, by segment or searched for.
 *
 * @throws AppError malformed_cursor, not_found for the stores of whoever answers for none
 */
export async function ownCustomers(
  db: Db,
  { caller, now, vault, query }: Asked & { vault: Vault; query: HomeQuery },
): Promise<HomeCustomers> {
  const { brandId, zone } = caller
  const { associateId } = personOf(caller)
  const limit = query.limit ?? PAGE
  const after = positionOf(query.cursor)
  const memberNos =
    query.whose === 'store'
      ? await membersOfStores(db, { caller, now })
      : (await membersOfAssociate(db, { brandId, associateId, at: now, after: null, limit: OWN_MAX })).map(
          row => row.memberNo,
        )
  const { counts, rows } = await selectCustomers(db, {
    brandId,
    associateId,
    memberNos,
    wanted: {
      segment: query.segment ?? 'all',
      level: query.level ?? null,
      tag: query.tag ?? null,
      ...searchOf(query.q ?? '', vault),
    },
    month: Number(dayOf(now, zone).slice(5, 7)),
    asleepBefore: now - ASLEEP_DAYS * DAY_MS,
    lookedSince: now - LOOKED_DAYS * DAY_MS,
    now,
    after,
    limit: limit + 1,
  })
  return {
    asOf: formatInstant(now),
    counts,
    ...pageOf(rows, limit, row => [row.lastPaidAt, row.memberNo], shownCustomer),
  }
}

/** Whose home stores are the asker's, as his store community counts them. */
async function membersOfStores(db: Db, { caller: { brandId, scope }, now }: Asked): Promise<string[]> {
  if (scope.reach !== 'stores') throw new AppError('not_found', 'There is nothing here.')
  const [members] = await storeMembersAt(db, { brandId, storeCodes: scope.storeCodes, instants: [now + 1] })
  return members!.map(member => member.buyer)
}

/** A phone number is found as a whole, by its hash: nobody can try digit by digit. */
function searchOf(typed: string, vault: Vault): Pick<Wanted, 'name' | 'phoneHash' | 'cardEnd'> {
  const text = typed.trim()
  if (text === '') return { name: null, phoneHash: null, cardEnd: null }
  const phone = normalisePhone(text)
  return {
    name: text,
    phoneHash: phone === null ? null : vault.hash(phone),
    cardEnd: text.length >= CARD_END_MIN ? text : null,
  }
}

function positionOf(cursor: string | undefined): { paidAt: string | null; memberNo: string } | null {
  if (cursor === undefined) return null
  const [paidAt, memberNo] = decodeCursor(cursor, 2) ?? []
  const isInstant = typeof paidAt === 'string' && parseInstant(paidAt) !== null
  if (typeof memberNo !== 'string' || (paidAt !== null && !isInstant)) {
    throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  }
  return { paidAt: isInstant ? paidAt : null, memberNo }
}

const twoDigits = (value: number) => String(value).padStart(2, '0')

const shownCustomer = (row: CustomerRow): HomeCustomer => ({
  memberNo: row.memberNo,
  name: row.name,
  level: row.level,
  tags: row.tags,
  birthday:
    row.birthMonth === null || row.birthDay === null ? null : `${twoDigits(row.birthMonth)}-${twoDigits(row.birthDay)}`,
  lastPaidAt: row.lastPaidAt,
  lookedAt: row.lookedAt === null ? null : formatInstant(Date.parse(row.lookedAt)),
  externalUserid: row.externalUserid,
  isFriend: row.isFriend,
})

/**
 * The day of one store's team: of the asker's own store, or of another that he answers for.
 *
 * @throws AppError not_found where he answers for none, or not for this one
 */
export async function teamDay(db: Db, { caller, now, query }: Asked & { query: TeamDayQuery }): Promise<TeamDay> {
  const { brandId, zone, scope, person } = caller
  const codes = scope.reach === 'stores' ? scope.storeCodes : []
  const storeCode =
    query.storeCode ?? (person?.storeCode != null && codes.includes(person.storeCode) ? person.storeCode : codes[0])
  if (storeCode === undefined || !codes.includes(storeCode)) throw new AppError('not_found', 'There is no such team.')
  const today = dayOf(now, zone)
  const since = instantOfLocal(Date.parse(`${today}T00:00:00Z`), zone)
  const [stores, everybody, waiting, attainment] = await Promise.all([
    selectStores(db, { brandId, storeCodes: codes }),
    selectTeam(db, { brandId, storeCode, since, today }),
    selectWaiting(db, { brandId, storeCode }),
    listAttainment(db, { caller, now, query: { storeCode, limit: 500 } }),
  ])
  const team = everybody.filter(row => worksAt(row.employments, now))
  const credited = await creditedSalesOf(db, {
    scope,
    associateIds: team.map(row => row.associateId),
    from: since,
    to: now + DAY_MS,
  })
  const reached = new Map(attainment.items.map(item => [item.associateId, item]))
  const shownStores = stores
    .map(store => ({ storeCode: store.storeCode, name: store.name }))
    .sort((a, b) => codes.indexOf(a.storeCode) - codes.indexOf(b.storeCode))
  return {
    asOf: formatInstant(now),
    store: shownStores.find(store => store.storeCode === storeCode) ?? { storeCode, name: storeCode },
    stores: shownStores,
    ...waiting,
    team: team
      .map(({ employments: _, ...row }) => {
        const target = reached.get(row.associateId)
        const isBehindTarget = (target?.attainmentOfMonthGoneBps ?? 10_000) < 10_000
        return {
          ...row,
          creditedFen: credited.get(row.associateId) ?? 0,
          behind: [...(row.overdueTasks > 0 ? ['tasks' as const] : []), ...(isBehindTarget ? ['target' as const] : [])],
          targetBps: target?.attainmentBps ?? null,
        }
      })
      .sort((a, b) => b.behind.length - a.behind.length || a.creditedFen - b.creditedFen),
  }
}
