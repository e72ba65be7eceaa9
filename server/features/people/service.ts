import { transact, type Db, type Pool, type Tx } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { valueInForce } from '../../lib/dated.ts'
import { rejected, type ItemResult } from '../../lib/items.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { inPages, localTime, type SheetFormat, type Table } from '../../lib/sheets.ts'
import { formatInstant, parseInstant, type Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import { balanceOf } from '../accounts/service.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller } from '../auth/domain.ts'
import { countMembersOf, storesSeen } from '../handovers/service.ts'
import { checkIngestItem, takeItems } from '../ingest/service.ts'
import {
  readHistory,
  selectAssociates,
  selectStores,
  type AssociateItem,
  type AssociateRow,
  type StoreRow,
} from '../stores/service.ts'
import { effectsOfHistory, spellOf, spellsText, workChangesFrom, type PlainEffect } from './domain.ts'
import { COLUMNS, readFile, type PeopleKind } from './file.ts'
import {
  countOrders,
  selectAssociatePage,
  selectHouses,
  selectOpen,
  selectStorePage,
  type ListedAssociate,
  type ListedStore,
} from './queries.ts'
import type {
  AssociateDetail,
  AssociateQuery,
  FileBody,
  FileTold,
  Houses,
  Result,
  ShownAssociate,
  ShownStore,
  StoreDetail,
  StoreQuery,
  TellBody,
} from './schema.ts'

export type { PeopleKind } from './file.ts'

interface Asked {
  caller: Caller
  now: Instant
}

// --------------------------------------------------------------------------------------------------- reads

/** @throws AppError malformed_cursor */
function afterOf(cursor: string | undefined): string | null {
  if (cursor === undefined) return null
  const position = decodeCursor(cursor, ['text'])
  if (!position) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  return String(position[0])
}

const wordOf = (text: string | undefined) => text?.trim() || null

const filtersOfStores = (query: StoreQuery) => ({
  storeCode: null,
  search: wordOf(query.search),
  region: query.region ?? null,
  type: query.type ?? null,
  franchisee: query.franchisee ?? null,
})

/** Stores that somebody answers for, by code. @throws AppError not_found for an associate; malformed_cursor */
export async function listStores(db: Db, { caller, now, query }: Asked & { query: StoreQuery }) {
  const limit = query.limit ?? PAGE_DEFAULT
  const rows = await selectStorePage(db, {
    brandId: caller.brandId,
    storeCodes: storesSeen(caller.scope),
    now,
    ...filtersOfStores(query),
    after: afterOf(query.cursor),
    limit: limit + 1,
  })
  return pageOf(
    rows,
    limit,
    row => [row.storeCode],
    row => shownStore(row, now),
  )
}

/** @throws AppError not_found */
export async function readStore(
  db: Db,
  { caller, now, storeCode }: Asked & { storeCode: string },
): Promise<StoreDetail> {
  const [row] = await selectStorePage(db, {
    brandId: caller.brandId,
    storeCodes: storesSeen(caller.scope),
    now,
    ...filtersOfStores({}),
    storeCode,
    after: null,
    limit: 1,
  })
  if (!row) throw new AppError('not_found', 'There is no such store.')
  const { types, regions, franchisees } = row
  return { ...shownStore(row, now), types, regions, franchisees }
}

function shownStore(row: ListedStore, now: Instant): ShownStore {
  const { storeCode, name, wecomDepartmentId, associateCount, memberCount } = row
  return {
    storeCode,
    name,
    type: valueInForce(readHistory<string>(row.types), now),
    region: valueInForce(readHistory<string>(row.regions), now),
    franchiseeId: valueInForce(readHistory<string>(row.franchisees), now),
    wecomDepartmentId,
    associateCount,
    memberCount,
  }
}

/** What stores are grouped by, of those that somebody answers for. @throws AppError not_found */
export const readHouses = (db: Db, { brandId, scope }: Caller): Promise<Houses> =>
  selectHouses(db, { brandId, storeCodes: storesSeen(scope) })

const filtersOfAssociates = (query: AssociateQuery) => ({
  associateId: null,
  search: wordOf(query.search),
  storeCode: query.storeCode ?? null,
  kind: query.kind ?? null,
  role: query.role ?? null,
  payeeType: query.payeeType ?? null,
  work: query.work ?? null,
  invitedBy: query.invitedBy ?? null,
})

/** Associates whom somebody answers for, by id. @throws AppError not_found for an associate; malformed_cursor */
export async function listAssociates(db: Db, { caller, now, query }: Asked & { query: AssociateQuery }) {
  const limit = query.limit ?? PAGE_DEFAULT
  const rows = await selectAssociatePage(db, {
    brandId: caller.brandId,
    storeCodes: storesSeen(caller.scope),
    now,
    ...filtersOfAssociates(query),
    after: afterOf(query.cursor),
    limit: limit + 1,
  })
  return pageOf(
    rows,
    limit,
    row => [row.associateId],
    row => shownAssociate(row, now),
  )
}

/** Somebody, and what would be left behind if he went. @throws AppError not_found */
export async function readAssociate(
  db: Db,
  { caller, now, associateId }: Asked & { associateId: string },
): Promise<AssociateDetail> {
  const { brandId, scope } = caller
  const [row] = await selectAssociatePage(db, {
    brandId,
    storeCodes: storesSeen(scope),
    now,
    ...filtersOfAssociates({}),
    associateId,
    after: null,
    limit: 1,
  })
  if (!row) throw new AppError('not_found', 'There is no such associate.')
  const [open, members, balance] = await Promise.all([
    selectOpen(db, { brandId, associateId }),
    countMembersOf(db, { brandId, associateId, at: now }),
    balanceOf(db, scope, { payeeKind: 'associate', payee: associateId }, now),
  ])
  const { pendingFen, availableFen } = balance
  const { kinds, employments } = row
  return { ...shownAssociate(row, now), kinds, employments, open: { ...open, members, pendingFen, availableFen } }
}

function shownAssociate(row: ListedAssociate, now: Instant): ShownAssociate {
  const { kinds, employments, role, ...rest } = row
  return {
    ...rest,
    role: role as ShownAssociate['role'],
    kind: valueInForce(readHistory<string>(kinds), now),
    ...spellOf(employments, now),
  }
}

// -------------------------------------------------------------------------------------------------- exports

const WORDS: Readonly<Record<string, string>> = {
  direct: '直营',
  franchise: '加盟',
  store: '门店',
  office: '办公室',
  customer: '顾客',
  associate: '导购',
  manager: '店长',
  franchisee: '加盟商',
  headquarters: '总部',
  auditor: '审计',
  employee: '员工',
  individual: '个人',
  company: '公司',
}
const word = (value: string | null) => (value === null ? null : (WORDS[value] ?? value))

/** All that the list would show, in the columns that are taken back. @throws AppError not_found */
export async function exportStores(
  pool: Pool,
  { caller, now, query, format }: Asked & { query: StoreQuery; format: SheetFormat },
): Promise<Table<ShownStore>> {
  const storeCodes = storesSeen(caller.scope)
  await recordExport(pool, { caller, now, kind: 'stores', format })
  const titles = COLUMNS.stores
  return {
    name: 'stores',
    columns: [
      { title: titles['storeCode']!.title, text: row => row.storeCode },
      { title: titles['name']!.title, text: row => row.name },
      { title: titles['type']!.title, text: row => word(row.type) },
      { title: titles['region']!.title, text: row => row.region },
      { title: titles['franchiseeId']!.title, text: row => row.franchiseeId },
      { title: titles['wecomDepartmentId']!.title, count: row => row.wecomDepartmentId },
      { title: '在职人数', count: row => row.associateCount },
      { title: '店会员', count: row => row.memberCount },
    ],
    rows: inPages(async (after: ShownStore | null, limit) => {
      const rows = await selectStorePage(pool, {
        brandId: caller.brandId,
        storeCodes,
        now,
        ...filtersOfStores(query),
        after: after?.storeCode ?? null,
        limit,
      })
      return rows.map(row => shownStore(row, now))
    }),
  }
}

/** The same for associates. @throws AppError not_found */
export async function exportAssociates(
  pool: Pool,
  { caller, now, query, format }: Asked & { query: AssociateQuery; format: SheetFormat },
): Promise<Table<ShownAssociate>> {
  const storeCodes = storesSeen(caller.scope)
  await recordExport(pool, { caller, now, kind: 'associates', format })
  const local = localTime(caller.zone)
  const time = (at: string | null) => (at === null ? null : local(parseInstant(at)!))
  const titles = COLUMNS.associates
  return {
    name: 'associates',
    columns: [
      { title: titles['associateId']!.title, text: row => row.associateId },
      { title: titles['name']!.title, text: row => row.name },
      { title: titles['storeCode']!.title, text: row => row.storeCode },
      { title: '门店', text: row => row.storeName },
      { title: titles['kind']!.title, text: row => word(row.kind) },
      { title: titles['role']!.title, text: row => word(row.role) },
      { title: titles['franchiseeId']!.title, text: row => row.franchiseeId },
      { title: titles['memberNo']!.title, text: row => row.memberNo },
      { title: titles['activeFrom']!.title, text: row => time(row.activeFrom) },
      { title: titles['activeTo']!.title, text: row => time(row.activeTo) },
      { title: titles['invitedBy']!.title, text: row => row.invitedBy },
      { title: titles['payeeType']!.title, text: row => word(row.payeeType) },
    ],
    rows: inPages(async (after: ShownAssociate | null, limit) => {
      const rows = await selectAssociatePage(pool, {
        brandId: caller.brandId,
        storeCodes,
        now,
        ...filtersOfAssociates(query),
        after: after?.associateId ?? null,
        limit,
      })
      return rows.map(row => shownAssociate(row, now))
    }),
  }
}

const recordExport = (
  db: Db,
  { caller, now, kind, format }: Asked & { kind: PeopleKind; format: SheetFormat },
): Promise<unknown> =>
  insertActivity(db, {
    brandId: caller.brandId,
    now,
    actor: caller.actor,
    action: `${kind}.exported`,
    subject: kind,
    details: { format },
  })

// -------------------------------------------------------------------------------------------------- changes

/** What changes of people are written with: they are master data like any other. */
export interface PeopleDependencies {
  pool: Pool
  vault: Vault
  publicUrl: string
}

/** Ends a transaction in which everything was done, so that nothing of it was. */
class Rehearsed<T> extends Error {
  readonly outcome: T
  constructor(outcome: T) {
    super('It was a rehearsal.')
    this.outcome = outcome
  }
}

/** Does it, and takes it back where it was only to be tried: a dry run follows the same rules since it is the same. */
async function rehearse<T>(pool: Pool, isDryRun: boolean, work: (tx: Tx) => Promise<T>): Promise<T> {
  try {
    return await transact(pool, async tx => {
      const outcome = await work(tx)
      if (isDryRun) throw new Rehearsed(outcome)
      return outcome
    })
  } catch (error) {
    if (error instanceof Rehearsed) return error.outcome as T
    throw error
  }
}

/** Takes stores or associates as the ingest does, item by item, and says what each changes about commission. */
export async function tellPeople(
  dependencies: PeopleDependencies,
  { caller, now, kind, body }: Asked & { kind: PeopleKind; body: TellBody },
): Promise<{ results: Result[] }> {
  const { items, isDryRun = false } = body
  const results = await rehearse(dependencies.pool, isDryRun, async tx => {
    const before = await rowsOf(tx, { brandId: caller.brandId, kind, items })
    const told = await take(tx, dependencies, { caller, now, kind, items })
    const after = await rowsOf(tx, { brandId: caller.brandId, kind, items })
    const effects = await Promise.all(
      told.map(async ({ key, status }) =>
        key !== null && (status === 'updated' || status === 'created')
          ? await effectsOf(tx, {
              brandId: caller.brandId,
              kind,
              key,
              before: before.get(key),
              after: after.get(key)!,
              now,
            })
          : [],
      ),
    )
    return told.map((result, i) => ({ ...result, effects: effects[i]! }))
  })
  return { results }
}

/** The same for the lines of a CSV file; the lines that are refused come back as they stand. */
export async function tellFile(
  dependencies: PeopleDependencies,
  { caller, now, kind, body }: Asked & { kind: PeopleKind; body: FileBody },
): Promise<FileTold> {
  const { encoding, columns, units } = readFile(Buffer.from(body.file, 'base64'), { kind, zone: caller.zone })
  const good = units.flatMap(unit => (unit.item === undefined ? [] : [unit.item]))
  const told =
    good.length === 0
      ? []
      : await rehearse(dependencies.pool, body.isDryRun ?? false, tx =>
          take(tx, dependencies, { caller, now, kind, items: good }),
        )
  let next = 0
  const lines = units.map(unit => {
    const [row] = unit.rows
    const at = { line: row!.line, cells: [...row!.cells] }
    if (unit.item === undefined) {
      return {
        ...at,
        key: null,
        status: 'rejected' as const,
        errors: unit.errors.map(({ line: _, ...error }) => error),
      }
    }
    const { key, status, error } = told[next++]!
    return { ...at, key, status, errors: error ? [error] : [], cells: error ? at.cells : [] }
  })
  return { encoding, columns, lines }
}

/** Looks at each item, takes those that are right, and writes down what was changed. */
async function take(
  tx: Tx,
  { vault, publicUrl }: PeopleDependencies,
  { caller, now, kind, items }: Asked & { kind: PeopleKind; items: readonly unknown[] },
): Promise<ItemResult[]> {
  const { brandId, actor, id: callerId } = caller
  const faults = items.map(item => checkIngestItem(kind, item) ?? faultOfOwnRole(caller, kind, item))
  const valid = items.filter((_, i) => !faults[i]) as object[]
  const taken =
    valid.length === 0
      ? []
      : await takeItems(tx, { kind, brandId, actor, callerId, vault, publicUrl, items: valid, now })
  let next = 0
  const results = faults.map(fault => fault ?? taken[next++]!)
  const noun = kind === 'stores' ? 'store' : 'associate'
  for (const [i, { key, status }] of results.entries()) {
    if (status !== 'created' && status !== 'updated') continue
    const action = `${noun}.${status === 'created' ? 'created' : 'changed'}`
    await insertActivity(tx, { brandId, now, actor, action, subject: `${kind}/${key}`, details: { ...(items[i] as object) } }) // prettier-ignore
  }
  return results
}

/** Whoever took his own role away could not give it back. */
function faultOfOwnRole({ person }: Caller, kind: PeopleKind, item: unknown): ItemResult | null {
  if (kind !== 'associates' || !person) return null
  const { associateId, role } = item as AssociateItem
  if (associateId !== person.associateId || role === undefined || role === person.role) return null
  return rejected(associateId, 'own_role', 'Nobody changes his own role: ask a colleague.', 'role')
}

type Row = StoreRow | AssociateRow

async function rowsOf(
  db: Db,
  { brandId, kind, items }: { brandId: number; kind: PeopleKind; items: readonly unknown[] },
): Promise<Map<string, Row>> {
  const key = kind === 'stores' ? 'storeCode' : 'associateId'
  const keys = items.flatMap(item => {
    const value = (item as Record<string, unknown> | null)?.[key]
    return typeof value === 'string' ? [value] : []
  })
  if (kind === 'stores') {
    const rows = await selectStores(db, { brandId, storeCodes: keys })
    return new Map<string, Row>(rows.map(row => [row.storeCode, row]))
  }
  const rows = await selectAssociates(db, { brandId, associateIds: keys })
  return new Map<string, Row>(rows.map(row => [row.associateId, row]))
}

/** What of a change makes orders be decided anew, and how many there are so far. Something new changes nothing yet. */
async function effectsOf(
  db: Db,
  options: { brandId: number; kind: PeopleKind; key: string; before: Row | undefined; after: Row; now: Instant },
) {
  const { brandId, kind, key, before, after, now } = options
  if (!before) return []
  const plain =
    'types' in after ? storeEffects(before as StoreRow, after) : associateEffects(before as AssociateRow, after)
  return await Promise.all(
    plain.map(async ({ what, before: was, after: is, from, until }) => ({
      what,
      before: was,
      after: is,
      from: from === null ? null : formatInstant(from),
      until: until === null ? null : formatInstant(until),
      orders: from !== null && from > now ? 0 : await countOrders(db, { brandId, kind, key, from }),
    })),
  )
}

const storeEffects = (before: StoreRow, after: StoreRow): PlainEffect[] => [
  ...effectsOfHistory('type', before.types, after.types),
  ...effectsOfHistory('region', before.regions, after.regions),
  ...effectsOfHistory('franchiseeId', before.franchisees, after.franchisees),
]

function associateEffects(before: AssociateRow, after: AssociateRow): PlainEffect[] {
  const from = workChangesFrom(before.employments, after.employments)
  const plain = (what: 'memberNo' | 'invitedBy'): PlainEffect[] =>
    before[what] === after[what] ? [] : [{ what, before: before[what], after: after[what], from: null, until: null }]
  return [
    ...effectsOfHistory('kind', before.kinds, after.kinds),
    ...(from === null
      ? []
      : [
          {
            what: 'employment' as const,
            before: spellsText(before.employments),
            after: spellsText(after.employments),
            from,
            until: null,
          },
        ]),
    ...plain('memberNo'),
    ...plain('invitedBy'),
  ]
}
