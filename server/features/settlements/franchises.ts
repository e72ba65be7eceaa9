import type { Db, Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { sumFen } from '../../lib/money.ts'
import { PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import type { Column, Table } from '../../lib/sheets.ts'
import type { Caller } from '../auth/domain.ts'
import { selectAssociates } from '../stores/service.ts'
import { exportOf, kindWord, nameWord, purposeWord, yesWord, type Exporting } from './exports.ts'
import { selectFranchiseParts, selectFranchises, selectFranchiseStores, type FranchisePartRow } from './queries.ts'
import type { Franchise, FranchiseParams, PageQuery } from './schema.ts'
import { getSettlement, positionOf } from './service.ts'

/**
 * Whose statements both ways the caller may see.
 *
 * @returns null for those of all
 * @throws AppError not_found for whoever is neither headquarters nor a franchisee
 */
async function franchiseeOf(db: Db, { brandId, scope, person }: Caller): Promise<string | null> {
  if (scope.reach === 'brand') return null
  const noFranchise = () => new AppError('not_found', 'There is nothing here.')
  if (person?.role !== 'franchisee') throw noFranchise()
  const [own] = await selectAssociates(db, { brandId, associateIds: [person.associateId] })
  if (own?.franchiseeId == null) throw noFranchise()
  return own.franchiseeId
}

/** Franchisees that are in a settlement, with what they are owed and what they bear. @throws AppError not_found */
export async function listFranchises(db: Db, caller: Caller, settlementId: string, query: PageQuery) {
  const franchiseeId = await franchiseeOf(db, caller)
  await getSettlement(db, caller, settlementId)
  const limit = query.limit ?? PAGE_DEFAULT
  const after = positionOf(query.cursor, ['text'])
  const rows = await selectFranchises(db, {
    brandId: caller.brandId,
    settlementId,
    franchiseeId,
    after: after && after[0]!,
    limit: limit + 1,
  })
  return pageOf(
    rows,
    limit,
    row => [row.franchiseeId],
    row => ({ ...row, netFen: row.owedFen - row.borneFen }),
  )
}

/** What a franchisee's stores are owed in a settlement, and what they bear. @throws AppError not_found */
export async function getFranchise(
  db: Db,
  caller: Caller,
  { settlementId, franchiseeId }: FranchiseParams,
): Promise<Franchise> {
  const own = await franchiseeOf(db, caller)
  const { status, cutoff } = await getSettlement(db, caller, settlementId)
  const key = { brandId: caller.brandId, settlementId }
  const stores = own === null || own === franchiseeId ? await selectFranchiseStores(db, { ...key, franchiseeId }) : []
  if (stores.length === 0) throw new AppError('not_found', 'There is no such franchisee.')
  const parts = await selectFranchiseParts(db, { ...key, storeCodes: stores.map(store => store.storeCode) })
  const owedOf = grouped(parts.owed, part => part.payee)
  const borneOf = grouped(parts.borne, part => part.bearer)
  const shown = stores.map(({ storeCode, name, totalFen, carried }) => {
    const owed = owedOf.get(storeCode) ?? []
    const borne = borneOf.get(storeCode) ?? []
    const owedFen = carried ? 0 : (totalFen ?? 0)
    const borneFen = sumFen(borne.filter(part => !part.carried).map(part => part.totalFen))
    return {
      storeCode,
      name,
      ...sumsOf(owedFen, borneFen),
      carried: carried ?? false,
      owed: owed.map(({ bearerKind, bearer, bearerName, ...part }) => ({
        bearerKind: bearerKind as 'headquarters' | 'store',
        bearer,
        bearerName,
        ...amountOf(part),
      })),
      borne: borne.map(({ payeeKind, payee, payeeName, ...part }) => ({
        payeeKind: payeeKind as 'associate' | 'headquarters' | 'store',
        payee,
        payeeName,
        ...amountOf(part),
      })),
    }
  })
  const sums = sumsOf(sumFen(shown.map(store => store.owedFen)), sumFen(shown.map(store => store.borneFen)))
  return { settlementId, status, cutoff, taxBasis: 'before_tax', franchiseeId, ...sums, stores: shown }
}

const sumsOf = (owedFen: number, borneFen: number) => ({ owedFen, borneFen, netFen: owedFen - borneFen })

const amountOf = ({
  purpose,
  totalFen,
  rowCount,
  carried,
}: Pick<FranchisePartRow, 'purpose' | 'totalFen' | 'rowCount' | 'carried'>) => ({
  purpose,
  totalFen,
  rowCount,
  carried,
})

function grouped<Row>(rows: readonly Row[], keyOf: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>()
  for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row])
  return groups
}

interface FranchiseLine {
  storeCode: string
  storeName: string
  isOwed: boolean
  otherKind: string
  other: string
  otherName: string | null
  purpose: string
  totalFen: number
  rowCount: number
  carried: boolean
}

const COLUMNS: readonly Column<FranchiseLine>[] = [
  { title: '门店编号', text: row => row.storeCode },
  { title: '门店名称', text: row => row.storeName },
  { title: '方向', text: row => (row.isOwed ? '应收' : '应付') },
  { title: '对方类别', text: row => kindWord(row.otherKind) },
  { title: '对方编号', text: row => row.other },
  { title: '对方名称', text: row => nameWord(row.otherKind, row.otherName) },
  { title: '项目', text: row => purposeWord(row.purpose) },
  { title: '税前金额（元，应付为负）', fen: row => (row.isOwed ? row.totalFen : 0 - row.totalFen) },
  { title: '流水笔数', count: row => row.rowCount },
  { title: '结转下期（不计入）', text: row => yesWord(row.carried) },
]

/** The same as a file, line by line. @throws AppError not_found */
export async function exportFranchise(
  pool: Pool,
  exporting: Exporting,
  params: FranchiseParams,
): Promise<Table<FranchiseLine>> {
  const { caller } = exporting
  const franchise = await getFranchise(pool, caller, params)
  const settlement = await getSettlement(pool, caller, params.settlementId)
  const lines = franchise.stores.flatMap(({ storeCode, name: storeName, owed, borne }): FranchiseLine[] => [
    ...owed.map(({ bearerKind, bearer, bearerName, ...part }) => ({
      ...part,
      storeCode,
      storeName,
      isOwed: true,
      otherKind: bearerKind,
      other: bearer,
      otherName: bearerName,
    })),
    ...borne.map(({ payeeKind, payee, payeeName, ...part }) => ({
      ...part,
      storeCode,
      storeName,
      isOwed: false,
      otherKind: payeeKind,
      other: payee,
      otherName: payeeName,
    })),
  ])
  async function* rows() {
    yield* lines
  }
  const what = `franchises/${params.franchiseeId}`
  return await exportOf(pool, exporting, { settlement, what, columns: COLUMNS, rows: rows() })
}
