import type { AssociateDetail, StoreDetail } from '../../../server/features/people/schema.ts'
import { formatDate } from '../../../sidebar/lib/format.ts'
import { addDays } from '../../lib/span.ts'
import { startOfDay } from '../../lib/zone.ts'
import type { Kind } from './calls.ts'

/** What is filled in about a store or a person: texts, as inputs hold them; empty is "not told". */
export type Draft = Record<string, string>

export interface Field {
  name: string
  input: 'text' | 'number' | 'day' | 'choice' | 'store' | 'associate' | 'listed'
  /** Of a choice. */
  choices?: readonly string[]
  /** It is needed, and cannot be cleared. */
  isNeeded?: boolean
  /** It cannot be changed later. */
  isKey?: boolean
}

export const fields: Readonly<Record<Kind, readonly Field[]>> = {
  stores: [
    { name: 'storeCode', input: 'text', isNeeded: true, isKey: true },
    { name: 'name', input: 'text', isNeeded: true },
    { name: 'type', input: 'choice', choices: ['direct', 'franchise'], isNeeded: true },
    { name: 'region', input: 'listed' },
    { name: 'franchiseeId', input: 'listed' },
    { name: 'wecomDepartmentId', input: 'number' },
  ],
  associates: [
    { name: 'associateId', input: 'text', isNeeded: true, isKey: true },
    { name: 'name', input: 'text', isNeeded: true },
    { name: 'kind', input: 'choice', choices: ['store', 'office', 'customer'], isNeeded: true },
    { name: 'storeCode', input: 'store' },
    { name: 'role', input: 'choice', choices: ['associate', 'manager', 'franchisee', 'headquarters', 'auditor'], isNeeded: true }, // prettier-ignore
    { name: 'franchiseeId', input: 'listed' },
    { name: 'activeFrom', input: 'day', isNeeded: true },
    { name: 'lastDay', input: 'day' },
    { name: 'payeeType', input: 'choice', choices: ['employee', 'individual', 'company'] },
    { name: 'memberNo', input: 'text' },
    { name: 'invitedBy', input: 'associate' },
  ],
}

/** Fields whose change takes effect on a day. */
export const dated: Readonly<Record<Kind, readonly string[]>> = {
  stores: ['type', 'region', 'franchiseeId'],
  associates: ['kind'],
}

const dayOf = (at: string | null, timeZone: string) => (at === null ? '' : formatDate(at, timeZone))

/** The last day somebody works, of the first instant at which he does not. */
export const lastDayOf = (activeTo: string | null, timeZone: string): string =>
  activeTo === null ? '' : formatDate(new Date(Date.parse(activeTo) - 1).toISOString(), timeZone)

export function draftOfStore(store: StoreDetail | null): Draft {
  return {
    storeCode: store?.storeCode ?? '',
    name: store?.name ?? '',
    type: store?.type ?? (store ? '' : 'direct'),
    region: store?.region ?? '',
    franchiseeId: store?.franchiseeId ?? '',
    wecomDepartmentId: store?.wecomDepartmentId?.toString() ?? '',
    effectiveFrom: '',
  }
}

export function draftOfAssociate(person: AssociateDetail | null, timeZone: string, today: string): Draft {
  return {
    associateId: person?.associateId ?? '',
    name: person?.name ?? '',
    kind: person ? (person.kind ?? '') : 'store',
    storeCode: person?.storeCode ?? '',
    role: person?.role ?? 'associate',
    franchiseeId: person?.franchiseeId ?? '',
    activeFrom: person ? dayOf(person.activeFrom, timeZone) : today,
    lastDay: lastDayOf(person?.activeTo ?? null, timeZone),
    payeeType: person?.payeeType ?? '',
    memberNo: person?.memberNo ?? '',
    invitedBy: person?.invitedBy ?? '',
    effectiveFrom: '',
  }
}

/** What the service is told: the key and what is another than before; an emptied field is cleared. */
export function itemOf(kind: Kind, before: Draft | null, now: Draft, timeZone: string): Record<string, unknown> {
  const item: Record<string, unknown> = {}
  for (const { name, input, isKey } of fields[kind]) {
    const [was, is] = [before?.[name] ?? '', (now[name] ?? '').trim()]
    if (isKey) item[name] = is
    else if (was === is) continue
    else if (name === 'lastDay') item['activeTo'] = is === '' ? null : startOfDay(addDays(is, 1), timeZone)
    else if (input === 'day') item[name] = startOfDay(is, timeZone)
    else if (is === '') item[name] = null
    else item[name] = input === 'number' ? Number(is) : is
  }
  const changesDated = dated[kind].some(name => name in item)
  if (changesDated && now['effectiveFrom']) item['effectiveFrom'] = startOfDay(now['effectiveFrom'], timeZone)
  return item
}

/** Under which field of the form a fault of the service stands. */
export const formField = (path: string): string => (path === 'activeTo' ? 'lastDay' : path)
