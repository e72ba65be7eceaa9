import { randomOf } from './histories.ts'

/**
 * Calls of an OpenAPI document with something wrong about them: mostly one thing, so that what is behind the check of
 * that thing is reached too. The same seed makes the same calls.
 */

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

export interface Schema {
  type?: string | string[]
  const?: Json
  enum?: Json[]
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
  items?: Schema
  minItems?: number
  maxItems?: number
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  pattern?: string
  format?: string
}

interface Parameter {
  in: 'path' | 'query'
  name: string
  schema: Schema
}

export interface OpenApi {
  paths: Record<
    string,
    Record<
      string,
      {
        tags?: string[]
        parameters?: Parameter[]
        requestBody?: { content: Record<string, { schema: Schema }> }
        responses: Record<string, { content?: Record<string, { schema: Schema }> }>
      }
    >
  >
}

export interface Operation {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  parameters: readonly Parameter[]
  body: Schema | null
  /** By status: what the document says of the answer. */
  answers: Readonly<Record<string, Schema>>
}

/** A call as it goes out. */
export interface FuzzedCall {
  operation: Operation
  url: string
  headers: Record<string, string>
  payload?: string | Buffer
}

/** Names of things that are there, by the name of the field that holds them. */
export type Known = Readonly<Record<string, readonly Json[]>>

export function operationsOf(document: OpenApi): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, said]): Operation => {
      const named = said.parameters ?? []
      const unnamed = [...path.matchAll(/\{(\w+)\}/g)]
        .filter(([, name]) => !named.some(parameter => parameter.name === name))
        .map(([, name]): Parameter => ({ in: 'path', name: name!, schema: { type: 'string' } }))
      return {
        method: method.toUpperCase() as Operation['method'],
        path,
        parameters: [...named, ...unnamed],
        body: said.requestBody?.content['application/json']?.schema ?? null,
        answers: Object.fromEntries(
          Object.entries(said.responses).flatMap(([status, { content }]) => {
            const schema = content?.['application/json']?.schema
            return schema ? [[status, schema]] : []
          }),
        ),
      }
    }),
  )
}

/** What JSON.stringify would not write as it is meant: put into the text afterwards. */
const RAW = /"@raw:([^"]*)@"/g
const raw = (text: string) => `@raw:${text.replaceAll('"', "'")}@`
/** Stands for bytes that are no UTF-8. */
const BAD_BYTES = '@bad-bytes@'

/** Characters: more than the service takes. */
const LONG_BODY = 1_500_000
const DEEP = 5000

const WRONG_TEXTS = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  'x\udfffy',
  BAD_BYTES,
  '‮\u200b\ufeff',
  '%',
  "'; --",
  '{}',
  '{1,"2"}',
  '\\',
  '../../../../etc/passwd',
  '=1+1',
  'NaN',
  'Infinity',
  '-0',
  '1e400',
  '9007199254740993',
  '-1',
  '1.5',
  'null',
  'true',
  '__proto__',
  'constructor',
  'toString',
  '𝒳'.repeat(90),
  '店'.repeat(200),
  'x'.repeat(5000),
  '2026-02-30T00:00:00+08:00',
  '2026-13-01T00:00:00Z',
  '0000-01-01T00:00:00Z',
  '0001-01-01T00:00:00+23:59',
  '0001-01-02T00:00:00Z',
  '9999-12-31T23:59:59-23:59',
  '9999-12-30T00:00:00Z',
  '+275760-09-13T00:00:00Z',
  '275760-09-13T00:00:00Z',
  '2026-03-01T10:00:00',
  '2026-03-01',
  '2026-03-01T24:00:00Z',
  '2026-06-30T23:59:60Z',
  '2026-03-01T10:00:00+24:00',
  '2026-03-01T10:00:00+23:59',
  '2026-02-30',
  '2026-02-31',
  '0000-00-00',
  '0000-01-01',
  '0001-01-01',
  '9999-12-31',
  '0000-01',
  '0001-01',
  '9999-12',
  '2026-13',
  '24:00',
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '-'.repeat(36),
  'http://127.0.0.1:1/',
  'javascript:alert(1)',
  '//evil.example',
] as const

const WRONG_NUMBERS: readonly Json[] = [
  -1,
  -0.5,
  0.1,
  0,
  1e21,
  -1e308,
  1_000_000_000_001,
  2_147_483_648,
  -2_147_483_649,
  raw('9007199254740993'),
  raw('9223372036854775808'),
  raw('1e400'),
  raw('-0'),
  raw('NaN'),
  raw('Infinity'),
  raw('01'),
]

const PATTERNED = [
  '2026-05-01',
  '2026-05',
  '09:00',
  '13800138000',
  '/sidebar/',
  'a'.repeat(64),
  '018f0000-0000-7000-8000-000000000001',
  'eHg=',
  'x',
] as const

const INSTANTS = [
  '2026-05-01T12:00:00+08:00',
  '2026-04-30T16:00:00Z',
  '2026-05-31T23:59:59.999+08:00',
  '2020-02-29T00:00:00+14:00',
  '2031-01-01T00:00:00-11:00',
] as const

export class Fuzzer {
  private readonly random: () => number
  /** Cursors that lists gave, to be sent to others. */
  private readonly cursors: string[] = []
  private readonly known: Known
  private made = 0

  constructor(seed: number, known: Known) {
    this.random = randomOf(seed)
    this.known = known
  }

  /** A cursor that some list gave. */
  keepCursor(cursor: string): void {
    if (this.cursors.length < 200) this.cursors.push(cursor)
  }

  /** A call with one thing wrong, now and then with none or with several. */
  callOf(operation: Operation): FuzzedCall {
    const query: [name: string, encoded: string][] = []
    const inPath = new Map<string, string>()
    for (const { in: place, name, schema } of operation.parameters) {
      const value = String(this.valueOf(schema, name))
      if (place === 'path') inPath.set(name, encodeURIComponent(value))
      else if (this.chance(0.35)) query.push([name, encodeURIComponent(value)])
    }
    const asks = operation.parameters.filter(parameter => parameter.in === 'query')
    const headers: Record<string, string> = {}
    let payload: string | Buffer | undefined
    const wrongs = this.pick([0, 1, 1, 1, 1, 1, 1, 2, 3])
    let body: Json | undefined = operation.body ? this.valueOf(operation.body, '') : undefined
    let wrongBody = false
    for (let i = 0; i < wrongs; i++) {
      const hasBody = operation.body !== null
      if (inPath.size > 0 && this.chance(hasBody ? 0.15 : 0.4)) {
        inPath.set(this.pick([...inPath.keys()]), this.wrongEncoded(operation.path))
      } else if (!hasBody || (asks.length > 0 && this.chance(0.3))) {
        this.spoilQuery(query, asks, operation.path)
      } else if (this.chance(0.15)) wrongBody = true
      else body = this.spoil(body!)
    }
    if (operation.method !== 'GET') {
      const text = wrongBody ? this.wrongPayload(body) : body === undefined ? undefined : textOf(body)
      if (text !== undefined) {
        headers['content-type'] = wrongBody && this.chance(0.3) ? this.pick(WRONG_TYPES) : 'application/json'
        payload = bytesOf(text)
      }
    }
    if (operation.method === 'GET' && this.chance(0.1)) {
      headers['accept'] = this.pick(['text/csv', 'application/xml', '*/*;q=0', ';;,', XLSX])
    }
    const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => inPath.get(name)!)
    const search = query.map(([name, value]) => `${name}=${value}`).join('&')
    return {
      operation,
      url: search === '' ? path : `${path}?${search}`,
      headers,
      ...(payload === undefined ? {} : { payload }),
    }
  }

  /** A body with an item between two others that has something wrong. */
  between([before, after]: readonly [Json, Json], item: Schema): string | Buffer {
    return payloadOf([before, this.spoil(this.valueOf(item, '')), after])
  }

  /** A value that the schema allows, of things that are there where their names are known. */
  valueOf(schema: Schema, name: string): Json {
    const variants = schema.anyOf ?? schema.oneOf
    if (variants) return this.valueOf(this.pick(variants), name)
    if (schema.const !== undefined) return schema.const
    if (schema.enum) return this.pick(schema.enum)
    const type = Array.isArray(schema.type) ? this.pick(schema.type) : schema.type
    const known = this.known[name]
    if (known && type === 'string' && this.chance(0.85)) return this.pick(known)
    switch (type ?? (schema.properties ? 'object' : undefined)) {
      case 'string':
        return this.textOf(schema, name)
      case 'integer':
      case 'number': {
        const { minimum = 0, maximum = 1_000_000 } = schema
        return this.pick([minimum, maximum, Math.min(maximum, minimum + Math.floor(this.random() * 1000))])
      }
      case 'boolean':
        return this.chance(0.5)
      case 'null':
        return null
      case 'array': {
        const least = schema.minItems ?? 0
        const length = Math.min(schema.maxItems ?? 3, Math.max(least, this.pick([0, 1, 1, 2])))
        return Array.from({ length }, () => this.valueOf(schema.items ?? { type: 'string' }, name))
      }
      case 'object': {
        const required = new Set(schema.required)
        const fields = Object.entries(schema.properties ?? {})
          .filter(([field]) => required.has(field) || this.chance(0.4))
          .map(([field, of]) => [field, this.valueOf(of, field)] as const)
        return Object.fromEntries(fields)
      }
      default:
        return this.pick([1, 'x', null, {}, []])
    }
  }

  private textOf(schema: Schema, name: string): string {
    if (schema.format === 'instant' || schema.format === 'date-time') return this.pick(INSTANTS)
    if (schema.format === 'uuid') return PATTERNED[6]
    if (schema.pattern !== undefined) {
      const pattern = new RegExp(schema.pattern, 'u')
      return PATTERNED.find(text => pattern.test(text)) ?? 'x'
    }
    if (name === 'cursor') return this.cursors.length > 0 ? this.pick(this.cursors) : 'W10'
    if (name === 'url') return 'https://shop.example/x'
    return `z${(this.made++).toString(36)}`.padEnd(schema.minLength ?? 1, 'x').slice(0, schema.maxLength ?? 64)
  }

  /** The body with one place of it wrong. */
  private spoil(body: Json): Json {
    const places: { holder: Json[] | Record<string, Json>; at: string | number }[] = []
    const walk = (value: Json) => {
      if (value === null || typeof value !== 'object') return
      for (const at of Array.isArray(value) ? value.keys() : Object.keys(value)) {
        const holder = value as Record<string, Json>
        places.push({ holder, at })
        walk(holder[at]!)
      }
    }
    walk(body)
    if (places.length === 0 || this.chance(0.05)) return this.wrongValue(body)
    const { holder, at } = this.pick(places)
    const slots = holder as Record<string | number, Json>
    const value = slots[at]!
    if (!Array.isArray(holder) && this.chance(0.15)) delete slots[at]
    else if (!Array.isArray(holder) && this.chance(0.15)) {
      const name = this.pick(['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'unheardOf', '', 'a\u0000b'])
      Object.defineProperty(holder, name, {
        value: this.pick([1, {}, null]),
        enumerable: true,
        writable: true,
        configurable: true,
      })
    } else if (Array.isArray(value) && this.chance(0.6)) {
      slots[at] = this.pick<() => Json>([
        () => [],
        () => Array.from({ length: 1001 }, () => value[0] ?? 'x'),
        () => [...value, ...value],
        () => [...value, this.wrongValue(value[0] ?? '')],
      ])()
    } else slots[at] = this.wrongValue(value)
    return body
  }

  private wrongValue(value: Json): Json {
    if (this.chance(0.6)) {
      if (typeof value === 'string') return this.pick(WRONG_TEXTS)
      if (typeof value === 'number') return this.pick(WRONG_NUMBERS)
    }
    return this.pick<() => Json>([
      () => null,
      () => true,
      () => [],
      () => ({}),
      () => [value],
      () => raw('['.repeat(DEEP) + ']'.repeat(DEEP)),
      () => raw('{"a":'.repeat(50) + '1' + '}'.repeat(50)),
      () => 'x'.repeat(100_000),
      () => this.pick(WRONG_NUMBERS),
      () => this.pick(WRONG_TEXTS),
    ])()
  }

  private wrongPayload(body: Json | undefined): string {
    const text = textOf(body ?? {})
    // No more of them than are kept: of a long text a thousand would be longer than a string may be.
    const copies = Math.min(1001, Math.ceil(LONG_BODY / text.length))
    return this.pick([
      '',
      ' ',
      'null',
      'not json',
      '"text"',
      '12',
      '[]',
      '{}',
      '[null]',
      text.slice(0, -1),
      `${text}x`,
      `\ufeff${text}`,
      BAD_BYTES,
      '{"__proto__":{"x":1}}',
      '['.repeat(DEEP) + ']'.repeat(DEEP),
      `[${Array.from({ length: copies }, () => text).join()}]`.slice(0, LONG_BODY),
    ])
  }

  private spoilQuery(query: [string, string][], asks: readonly Parameter[], path: string): void {
    const name = asks.length > 0 && this.chance(0.92) ? this.pick(asks).name : 'unheardOf'
    if (name === 'cursor') query.push([name, this.wrongCursor()])
    else if (name === 'limit') {
      query.push([
        name,
        this.pick(['0', '501', 'abc', '-1', '1.5', '1e2', '0x10', '', '9007199254740993', 'NaN', ' 5']),
      ])
    } else query.push([name, this.wrongEncoded(path)])
    if (this.chance(0.1)) query.push([this.pick([name, '__proto__', 'constructor', `${name}[]`]), 'x'])
  }

  /** Well-formed and of something else, of nothing, or not even that. */
  private wrongCursor(): string {
    if (this.cursors.length > 0 && this.chance(0.4)) return encodeURIComponent(this.pick(this.cursors))
    if (this.chance(0.2)) return this.pick(['x', '%00', '%FF', '=', '', 'W10', 'bnVsbA', 'e30', 'x'.repeat(4097)])
    const parts = Array.from({ length: this.pick([1, 2, 2, 3, 3, 4, 5, 6]) }, () =>
      this.pick<Json>([
        null,
        'x',
        '',
        '\u0000',
        '\ud800',
        0,
        -1,
        1.5,
        2 ** 31,
        2 ** 53,
        1e300,
        INSTANTS[0],
        '2026-02-30T00:00:00Z',
        '2026-05-01',
        '2026-13-45',
        PATTERNED[6],
        'direct',
        true,
        {},
        [],
      ]),
    )
    return Buffer.from(JSON.stringify(parts)).toString('base64url')
  }

  /** As it stands in an address. */
  private wrongEncoded(path: string): string {
    if (this.chance(0.2)) {
      return this.pick(['%00', 'a%00b', '%FF', '%ED%A0%80', '%C0%80', '%2e%2e%2f', '%', '%zz', '+', 'x'.repeat(520)])
    }
    const text: string = this.pick(WRONG_TEXTS)
    if (text === '' && path.includes('{')) return '%20'
    return text === BAD_BYTES || !text.isWellFormed() ? '%FF%FE' : encodeURIComponent(text)
  }

  private pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.random() * from.length)]!
  }

  private chance(of: number): boolean {
    return this.random() < of
  }
}

const XLSX = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'
const WRONG_TYPES = [
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/xml',
  'image/png',
  'application/json; charset=utf-16',
  'nonsense',
  ';',
]

const textOf = (body: Json) => JSON.stringify(body).replace(RAW, (_, text: string) => text.replaceAll("'", '"'))

const payloadOf = (body: Json) => bytesOf(textOf(body))

function bytesOf(text: string): string | Buffer {
  if (!text.includes(BAD_BYTES)) return text
  const parts = text.split(BAD_BYTES).map(part => Buffer.from(part))
  return Buffer.concat(parts.flatMap((part, i) => (i === 0 ? [part] : [Buffer.from([0xff, 0xc3, 0x28]), part])))
}
