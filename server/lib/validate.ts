import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import type { TSchema } from 'typebox'
import { isStorableKey, isStorableText } from './text.ts'
import { parseInstant } from './time.ts'

/** One thing wrong with a value: where, which rule, in words. */
export interface ValueFault {
  /** `lines[0].paidFen`; empty for the value itself. */
  path: string
  code: string
  message: string
}

const ajv = new Ajv({ allErrors: true, strict: true, strictTypes: false, allowUnionTypes: true })
ajv.addFormat('instant', { type: 'string', validate: (text: string) => parseInstant(text) !== null })
ajv.addFormat('text', { type: 'string', validate: isStorableText })
ajv.addFormat('key', { type: 'string', validate: isStorableKey })
ajv.addFormat('uuid', /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i)

/** Which fault is told first where a value has several: a misspelt name explains the missing one beside it. */
const FIRST = ['additionalProperties', 'required', 'type', 'enum', 'format']

/**
 * Compiles a schema into a check that changes nothing: no coercion, no defaults, no fields dropped.
 *
 * @returns a function that lists the faults of a value, the most telling first; empty where it is right
 */
export function compileCheck(schema: TSchema): (value: unknown) => ValueFault[] {
  let validate: ValueFunction | null = null
  return value => {
    validate ??= ajv.compile(schema)
    if (validate(value)) return []
    return [...(validate.errors ?? [])].sort((a, b) => rank(a) - rank(b)).map(faultOf)
  }
}

type ValueFunction = ValidateFunction<unknown>

const rank = (error: ErrorObject) => {
  const index = FIRST.indexOf(error.keyword)
  return index === -1 ? FIRST.length : index
}

/** `/lines/0/paidFen` → `lines[0].paidFen`. */
function pathOf(pointer: string, last?: string): string {
  const parts = pointer
    .split('/')
    .slice(1)
    .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  if (last !== undefined) parts.push(last)
  return parts.reduce(
    (path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`),
    '',
  )
}

function faultOf(error: ErrorObject): ValueFault {
  const params = error.params as Record<string, unknown>
  const at = (code: string, message: string, last?: string) => ({
    path: pathOf(error.instancePath, last),
    code,
    message,
  })
  switch (error.keyword) {
    case 'additionalProperties': {
      const name = String(params['additionalProperty'])
      return at('unknown_field', `The field ${JSON.stringify(name)} is not known here.`, name)
    }
    case 'required': {
      const name = String(params['missingProperty'])
      return at('missing_field', `The field ${name} is needed.`, name)
    }
    case 'type':
      return at('invalid_type', `It must be of type ${[params['type']].flat().join(' or ')}.`)
    case 'enum':
      return at('invalid_value', `It must be one of ${(params['allowedValues'] as unknown[]).join(', ')}.`)
    case 'format':
      return params['format'] === 'instant'
        ? at('invalid_instant', 'It must be an RFC 3339 instant with an offset, such as 2026-03-01T10:00:00+08:00.')
        : at('invalid_text', 'It holds characters that cannot be kept, or is a key of more than 384 bytes.')
    case 'minimum':
    case 'maximum':
      return at('out_of_range', `It must be ${String(params['comparison'])} ${String(params['limit'])}.`)
    default:
      return at('invalid_value', `It ${error.message ?? 'is not valid'}.`)
  }
}
