/**
 * Reads and checks a mapping file. Every fault is named by its path in the mapping, all at once: a mapping is written
 * by hand, and being told of one fault a run is how people give up.
 */
import { Value } from 'typebox/value'
import type { TSchema } from 'typebox'
import { compileDateFormat, isTimeZone } from './dates.ts'
import { numberFormats, parseDecimal } from './decimal.ts'
import {
  ColumnSource,
  ConstantSource,
  FenSource,
  IntegerSource,
  Mapping,
  RowNumberSource,
  TemplateSource,
  YuanSource,
  fieldsByKind,
  itemKinds,
  kindsWithLines,
  type Amount,
  type Conversion,
  type Source,
  type Term,
} from './schema.ts'

export type MappingFault = { path: string; message: string }

export class MappingError extends Error {
  readonly faults: readonly MappingFault[]

  constructor(faults: readonly MappingFault[]) {
    super(faults.map(({ path, message }) => `${path === '' ? 'mapping' : path}: ${message}`).join('\n'))
    this.name = 'MappingError'
    this.faults = faults
  }
}

/**
 * @param expectedKind what the command line says it imports; a mapping for something else is a mistake, not a wish
 * @throws MappingError naming every fault that shows without looking into the CSV file
 */
export function readMapping(text: string, expectedKind?: string): Mapping {
  let json: unknown
  try {
    json = JSON.parse(text.replace(/^\ufeff/, ''))
  } catch (error) {
    throw new MappingError([
      { path: '', message: `is not JSON: ${error instanceof Error ? error.message : 'unreadable'}` },
    ])
  }
  const faults = mappingFaults(json)
  if (faults.length > 0) throw new MappingError(faults)
  const mapping = json as Mapping
  if (expectedKind !== undefined && mapping.kind !== expectedKind) {
    throw new MappingError([
      { path: 'kind', message: `is "${mapping.kind}", but "${expectedKind}" were to be imported` },
    ])
  }
  return mapping
}

function mappingFaults(json: unknown): MappingFault[] {
  if (!isObject(json)) return [{ path: '', message: 'must be a JSON object' }]
  const { fields, ...rest } = json
  const faults = schemaFaults(Mapping, { ...rest, fields: {} }, '')
  const kind = itemKinds.find(known => known === json['kind'])
  if (kind === undefined) {
    return [
      ...faults.filter(fault => fault.path !== 'kind'),
      { path: 'kind', message: `must be one of ${itemKinds.join(', ')}` },
    ]
  }
  if (!isObject(fields) || Object.keys(fields).length === 0) {
    return [...faults, { path: 'fields', message: 'must name at least one field' }]
  }
  const known: string[] = fieldsByKind[kind].split(' ')
  for (const [field, source] of Object.entries(fields)) {
    const path = `fields.${field}`
    if (!known.includes(field)) {
      const meant = known.find(
        name => name.toLowerCase().replace(/^lines\./, '') === field.toLowerCase().replace(/^lines(\.\*)?\./, ''),
      )
      faults.push({ path, message: `${kind} have no such field${meant === undefined ? '' : `; "${meant}" is meant?`}` })
    }
    faults.push(...sourceFaults(source, path, field.startsWith('lines.')))
  }
  const hasLines = kindsWithLines.includes(kind)
  if (hasLines && json['groupBy'] === undefined) {
    faults.push({ path: 'groupBy', message: `${kind} need it: the columns that say which rows are one item` })
  }
  if (!hasLines && json['groupBy'] !== undefined) {
    faults.push({ path: 'groupBy', message: `only for ${kindsWithLines.join(' and ')}: ${kind} have no lines` })
  }
  if (typeof json['timeZone'] === 'string' && !isTimeZone(json['timeZone'])) {
    faults.push({ path: 'timeZone', message: `"${json['timeZone']}" is no IANA time zone` })
  }
  return faults
}

const sourceSchemas: [key: string, schema: TSchema][] = [
  ['column', ColumnSource],
  ['value', ConstantSource],
  ['rowNumber', RowNumberSource],
  ['template', TemplateSource],
  ['yuan', YuanSource],
  ['fen', FenSource],
  ['integer', IntegerSource],
]

/** Chosen by its telling key first, so that a fault is named within the form that was meant and not for all eight. */
function sourceFaults(source: unknown, path: string, isLineField: boolean): MappingFault[] {
  if (typeof source === 'string') return source === '' ? [{ path, message: 'names no column' }] : []
  const telling = isObject(source) ? sourceSchemas.filter(([key]) => key in source) : []
  const [chosen] = telling
  if (!isObject(source) || chosen === undefined) {
    return [
      {
        path,
        message: `must be a column name or an object with one of ${sourceSchemas.map(([key]) => key).join(', ')}`,
      },
    ]
  }
  if (telling.length > 1) return [{ path, message: `has more than one of ${telling.map(([key]) => key).join(', ')}` }]
  const faults = schemaFaults(chosen[1], source, path)
  if (faults.length > 0) return faults
  if ('rowNumber' in source && !isLineField) return [{ path, message: 'rowNumber is for fields of lines' }]
  if ('template' in source) return templateFaults(String(source['template']), path)
  if ('column' in source) return columnFaults(source as ColumnSource, path)
  return amountTerms(source as Source).flatMap(([term, where]) => termFaults(term, `${path}.${where}`))
}

function columnFaults(source: ColumnSource, path: string): MappingFault[] {
  const faults: MappingFault[] = []
  const as = source.as ?? 'text'
  if (source.decimals !== undefined && as !== 'decimal') {
    faults.push({ path: `${path}.decimals`, message: 'is for "as": "decimal"' })
  }
  if (source.format !== undefined) {
    if (isNumeric(as) && !numberFormats.some(format => format === source.format)) {
      faults.push({
        path: `${path}.format`,
        message: `must be one of ${numberFormats.map(format => `"${format}"`).join(', ')}`,
      })
    }
    if (isTemporal(as)) {
      const reader = compileDateFormat(source.format)
      if (typeof reader === 'string') faults.push({ path: `${path}.format`, message: reader })
    }
    if (as === 'text' || as === 'boolean') faults.push({ path: `${path}.format`, message: `means nothing for ${as}` })
  }
  if (source.required === true && source.default !== undefined) {
    faults.push({ path: `${path}.required`, message: 'and default contradict each other' })
  }
  return faults
}

function templateFaults(template: string, path: string): MappingFault[] {
  return templateColumns(template) === undefined
    ? [{ path: `${path}.template`, message: 'has a brace without its partner ({{ and }} for a brace itself)' }]
    : []
}

function termFaults(term: Term, path: string): MappingFault[] {
  if (typeof term === 'string') return []
  if ('value' in term) {
    return parseDecimal(term.value) === undefined
      ? [{ path: `${path}.value`, message: `"${term.value}" is no number` }]
      : []
  }
  return term.default !== undefined && parseDecimal(term.default) === undefined
    ? [{ path: `${path}.default`, message: `"${term.default}" is no number` }]
    : []
}

const amountKeys = ['column', 'format', 'default', 'value', 'multiply', 'less', 'add', 'subtract']

/**
 * Where a value fits none of several forms, each form complains of each part within; told is instead the place, and
 * any key that belongs to no form, which is then the misspelt one.
 */
function schemaFaults(schema: TSchema, value: unknown, path: string): MappingFault[] {
  const errors = Value.Errors(schema, value).map(error => ({
    error,
    at: [path, ...error.instancePath.split('/').slice(1)].filter(part => part !== '').join('.'),
    isWithinChoice: error.schemaPath.includes('/anyOf/'),
  }))
  const faults = new Map<string, string>()
  for (const { error, at, isWithinChoice } of errors) {
    if (error.keyword === 'additionalProperties') {
      for (const name of error.params.additionalProperties) {
        const isMisspelt = !isWithinChoice || !amountKeys.includes(name)
        if (isMisspelt) faults.set(at === '' ? name : `${at}.${name}`, 'is no key that a mapping has here')
      }
    } else if (error.keyword === 'enum') {
      faults.set(at, `must be one of ${error.params.allowedValues.map(allowed => JSON.stringify(allowed)).join(', ')}`)
    } else if (error.keyword !== 'boolean' && error.keyword !== 'anyOf' && !isWithinChoice) {
      faults.set(at, error.message)
    }
  }
  for (const { error, at } of errors) {
    const isToldWithin = [...faults.keys()].some(told => told === at || told.startsWith(`${at}.`))
    if (error.keyword === 'anyOf' && !isToldWithin) faults.set(at, 'has none of the forms that are allowed here')
  }
  return [...faults].map(([at, message]) => ({ path: at, message }))
}

/** The columns that a template names, undefined where its braces do not pair. */
export function templateColumns(template: string): string[] | undefined {
  const parts = template.replaceAll('{{', '').replaceAll('}}', '')
  if (/[{}]/.test(parts.replace(/\{[^{}]+\}/g, ''))) return undefined
  return [...parts.matchAll(/\{([^{}]+)\}/g)].map(match => match[1] ?? '')
}

export function amountTerms(source: Source): [Term, string][] {
  if (typeof source === 'string') return []
  for (const key of ['yuan', 'fen', 'integer'] as const) {
    if (key in source) return termsOf(Reflect.get(source, key) as Amount, key)
  }
  return []
}

function termsOf(amount: Amount, path: string): [Term, string][] {
  if (typeof amount === 'string' || 'column' in amount || 'value' in amount) return [[amount, path]]
  if ('multiply' in amount) {
    const less: [Term, string][] = amount.less === undefined ? [] : [[amount.less, `${path}.less`]]
    return [...amount.multiply.map((term, i): [Term, string] => [term, `${path}.multiply.${i}`]), ...less]
  }
  return [
    ...amount.add.flatMap((part, i) => termsOf(part, `${path}.add.${i}`)),
    ...(amount.subtract ?? []).flatMap((part, i) => termsOf(part, `${path}.subtract.${i}`)),
  ]
}

const isNumeric = (as: Conversion) => as === 'integer' || as === 'yuan' || as === 'fen' || as === 'decimal'
const isTemporal = (as: Conversion) => as === 'instant' || as === 'date' || as === 'month'

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
