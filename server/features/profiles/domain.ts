import type { QuestionField } from '../../../drizzle/schema/profiles.ts'

/** What is asked about a customer, and what an answer may be: over plain values. */

export type Answer = string | number | string[]

/** Asked by every brand; the screens have the words for them. */
export const FIXED_FIELDS: readonly QuestionField[] = [
  { key: 'size', label: '', kind: 'text' },
  { key: 'style', label: '', kind: 'text' },
  { key: 'anniversary', label: '', kind: 'date' },
]

interface FieldFault {
  path: string
  code: string
  message: string
}

/** What is wrong with a questionnaire as a whole, by path. */
export function faultsOfFields(fields: readonly QuestionField[]): FieldFault[] {
  const faults: FieldFault[] = []
  const keys = new Set(FIXED_FIELDS.map(field => field.key))
  for (const [i, { key, kind, options }] of fields.entries()) {
    const say = (field: string, code: string, message: string) =>
      faults.push({ path: `fields[${i}].${field}`, code, message })
    if (keys.has(key)) say('key', 'duplicate', 'There is a field with this key.')
    keys.add(key)
    const isChosen = kind === 'choice' || kind === 'several'
    if (isChosen && !options) say('options', 'missing_field', 'Say what there is to choose from.')
    if (!isChosen && options) say('options', 'not_for_kind', 'There is nothing to choose from.')
    if (options && new Set(options).size < options.length) say('options', 'duplicate', 'An option is there twice.')
  }
  return faults
}

const TEXT_MAX = 500

/** Whether an answer is one that the field can have; also of a field that was another when it was answered. */
export function isAnswerTo(field: QuestionField, value: unknown): value is Answer {
  switch (field.kind) {
    case 'text':
      return typeof value === 'string' && value.trim() !== '' && value.length <= TEXT_MAX
    case 'choice':
      return typeof value === 'string' && (field.options ?? []).includes(value)
    case 'several':
      return (
        Array.isArray(value) &&
        value.length > 0 &&
        new Set(value).size === value.length &&
        value.every(one => (field.options ?? []).includes(one as string))
      )
    case 'date':
      return typeof value === 'string' && isDay(value)
    case 'number':
      return typeof value === 'number' && Number.isFinite(value) && Math.abs(value) <= 1_000_000_000
  }
}

function isDay(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false
  const instant = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(instant) && new Date(instant).toISOString().slice(0, 10) === text
}
