import { AppError } from '../../errors.ts'
import {
  compileMapping,
  createAssembler,
  createCsvReader,
  decodeBytes,
  MappingError,
  type Encoding,
  type Mapping,
  type Unit,
} from '../imports/service.ts'
import { LINES_MAX } from './schema.ts'

/** A file of stores or associates as the console takes it: the columns that it exports, in any sequence. */

export type PeopleKind = 'stores' | 'associates'

interface TitledColumn {
  title: string
  source?: Record<string, unknown>
}

const instant = { as: 'instant' }

/** What each column is called in Chinese, beside its own name, and how its cells are read. */
export const COLUMNS: Readonly<Record<PeopleKind, Readonly<Record<string, TitledColumn>>>> = {
  stores: {
    storeCode: { title: '门店编号', source: { required: true } },
    name: { title: '门店名称' },
    type: { title: '类型', source: { values: { 直营: 'direct', 加盟: 'franchise', direct: 'direct', franchise: 'franchise' } } }, // prettier-ignore
    region: { title: '大区' },
    franchiseeId: { title: '加盟商' },
    wecomDepartmentId: { title: '企业微信部门', source: { as: 'integer' } },
    effectiveFrom: { title: '生效时间', source: instant },
  },
  associates: {
    associateId: { title: '账号', source: { required: true } },
    name: { title: '姓名' },
    storeCode: { title: '门店编号' },
    kind: {
      title: '类别',
      source: { values: { 门店: 'store', 办公室: 'office', 顾客: 'customer', store: 'store', office: 'office', customer: 'customer' } }, // prettier-ignore
    },
    role: {
      title: '角色',
      source: {
        values: {
          导购: 'associate',
          店长: 'manager',
          加盟商: 'franchisee',
          总部: 'headquarters',
          审计: 'auditor',
          associate: 'associate',
          manager: 'manager',
          franchisee: 'franchisee',
          headquarters: 'headquarters',
          auditor: 'auditor',
        },
      },
    },
    franchiseeId: { title: '加盟商' },
    memberNo: { title: '会员号' },
    activeFrom: { title: '入职时间', source: instant },
    activeTo: { title: '离职时间', source: instant },
    invitedBy: { title: '邀请人' },
    payeeType: {
      title: '结算身份',
      source: { values: { 员工: 'employee', 个人: 'individual', 公司: 'company', employee: 'employee', individual: 'individual', company: 'company' } }, // prettier-ignore
    },
    effectiveFrom: { title: '生效时间', source: instant },
  },
}

export interface ReadFile {
  encoding: Encoding
  columns: { title: string; field: string | null }[]
  units: Unit[]
}

/**
 * The items of a file, each with its line, and what is wrong with the others.
 *
 * @throws AppError invalid_body where it cannot be read as a table, too_many_items
 */
export function readFile(bytes: Buffer, { kind, zone }: { kind: PeopleKind; zone: string }): ReadFile {
  const { encoding, text } = decode(bytes)
  const delimiter = delimiterOf(text)
  const reader = createCsvReader(delimiter)
  const [header, ...rest] = [...reader.push(text), ...reader.end()]
  if (!header || !('cells' in header)) throw unreadable('no_header', 'The file has no line that names its columns.')
  if (rest.length > LINES_MAX) {
    throw new AppError('too_many_items', `The file may have ${LINES_MAX} lines at most; it has ${rest.length}.`)
  }
  const titles = header.cells.map(cell => cell.trim())
  const columns = titles.map(title => ({ title, field: fieldOf(kind, title) }))
  const fields = Object.fromEntries(
    columns.flatMap(({ title, field }) =>
      field === null ? [] : [[field, { column: title, ...COLUMNS[kind][field]!.source }]],
    ),
  )
  const key = Object.keys(COLUMNS[kind])[0]!
  if (!(key in fields)) {
    throw unreadable('no_key_column', `There is no column ${COLUMNS[kind][key]!.title} (${key}).`)
  }
  try {
    const assembler = createAssembler(compileMapping({ kind, delimiter, fields } as Mapping, titles, zone))
    return { encoding, columns, units: [...rest.flatMap(read => assembler.push(read)), ...assembler.end()] }
  } catch (error) {
    if (error instanceof MappingError) throw unreadable('column_twice', error.message)
    throw error
  }
}

function decode(bytes: Buffer) {
  try {
    return decodeBytes(bytes)
  } catch {
    throw unreadable('no_text', 'These bytes are no text in UTF-8 or GB18030: save the table as CSV.')
  }
}

const unreadable = (code: string, message: string) =>
  new AppError('invalid_body', message, [{ path: 'file', code, message }])

function fieldOf(kind: PeopleKind, title: string): string | null {
  const found = Object.entries(COLUMNS[kind]).find(([field, column]) => field === title || column.title === title)
  return found?.[0] ?? null
}

/** Whichever the first line has most of. */
function delimiterOf(text: string): string {
  const [first = ''] = text.split(/\r\n|\n|\r/, 1)
  const counts = [',', ';', '\t'].map(delimiter => ({ delimiter, count: first.split(delimiter).length }))
  return counts.reduce((most, one) => (one.count > most.count ? one : most)).delimiter
}
