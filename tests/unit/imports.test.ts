import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TextDecoder } from 'node:util'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest'
import { ExitError } from '../../server/errors.ts'
import { createCsvReader, formatCsvRow, type CsvRead } from '../../server/features/imports/csv.ts'
import { compileDateFormat, instantOf, readIsoLike } from '../../server/features/imports/dates.ts'
import { parseDecimal, roundHalfUp, type NumberFormat } from '../../server/features/imports/decimal.ts'
import { surveyFile } from '../../server/features/imports/encoding.ts'
import { compileMapping } from '../../server/features/imports/compile.ts'
import { guardCell, unguardCell } from '../../server/features/imports/rejects.ts'
import {
  fieldsByKind,
  itemKinds,
  type Item,
  type ItemKind,
  type LineError,
  type Source,
} from '../../server/features/imports/schema.ts'
import { INGEST_KINDS } from '../../server/features/ingest/service.ts'
import {
  MappingError,
  readBatches,
  readMapping,
  runImport,
  type ImportOptions,
} from '../../server/features/imports/service.ts'
import type { ItemResult } from '../../server/lib/items.ts'
import { instantOfLocal } from '../../server/lib/time.ts'
import { createStateFile, type ImportState } from '../../server/features/imports/state.ts'
import { readArguments } from '../../server/cli/import.ts'

const zone = 'Asia/Shanghai'

describe('decimal numbers', () => {
  test.each<[string, NumberFormat, string | undefined]>([
    ['12.34', '1,234.56', '1234'],
    ['1,234.56', '1,234.56', '123456'],
    ['.5', '1,234.56', '50'],
    ['5.', '1,234.56', '500'],
    ['-1.005', '1,234.56', '-100'],
    ['1.005', '1,234.56', '101'],
    ['12,34', '1,234.56', undefined],
    ['1,23,456', '1,234.56', undefined],
    ['1.2.3', '1,234.56', undefined],
    ['', '1,234.56', undefined],
    ['.', '1,234.56', undefined],
    ['1e3', '1,234.56', undefined],
    ['0x10', '1,234.56', undefined],
    ['１２', '1,234.56', undefined],
    ['9'.repeat(41), '1,234.56', undefined],
    ['1.234,56', '1.234,56', '123456'],
    ['1.234', '1.234,56', '123400'],
    ['1 234,5', '1 234,56', '123450'],
  ])('%s as %s counts %s fen', (text, format, fen) => {
    const number = parseDecimal(text, format)
    expect(number === undefined ? undefined : String(roundHalfUp(number, 2))).toBe(fen)
  })

  it('multiplies, takes off a discount and rounds once, as rationals do', () => {
    const decimal = fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 9n }), fc.integer({ min: 0, max: 6 }))
    const share = fc.tuple(fc.bigInt({ min: 0n, max: 10_000n }), fc.constant(4))
    fc.assert(
      fc.property(decimal, decimal, share, (price, quantity, discount) => {
        const header = ['price', 'quantity', 'discount']
        const compiled = compileMapping(
          readMapping(
            JSON.stringify({
              kind: 'products',
              fields: { priceFen: { yuan: { multiply: ['price', 'quantity'], less: 'discount' } } },
            }),
          ),
          header,
          zone,
        )
        const { head, errors } = compiled.readRow([price, quantity, discount].map(written), 1)
        const numerator = 100n * price[0] * quantity[0] * (10_000n - discount[0])
        const denominator = 10n ** BigInt(price[1] + quantity[1] + 4)
        const expected = (2n * numerator + denominator) / (2n * denominator)
        if (expected <= BigInt(Number.MAX_SAFE_INTEGER)) expect(head).toEqual({ priceFen: Number(expected) })
        else expect(errors).toMatchObject([{ code: 'out_of_range', field: 'priceFen' }])
      }),
    )
  })

  function written([units, scale]: [bigint, number]): string {
    const digits = String(units).padStart(scale + 1, '0')
    return scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  }
})

describe('dates', () => {
  test.each<[string, string | undefined, string, string | undefined]>([
    ['2026-03-01', undefined, zone, '2026-02-28T16:00:00.000Z'],
    ['2026/3/1', undefined, zone, '2026-02-28T16:00:00.000Z'],
    ['2026-03-01 09:05', undefined, zone, '2026-03-01T01:05:00.000Z'],
    ['2026-03-01T09:05:06.7899+08:00', undefined, 'Europe/Berlin', '2026-03-01T01:05:06.789Z'],
    ['2026-03-01T01:05:06Z', undefined, zone, '2026-03-01T01:05:06.000Z'],
    ['1988-07-01 12:00', undefined, zone, '1988-07-01T03:00:00.000Z'], // summer time in Shanghai
    ['2026-02-29', undefined, zone, undefined],
    ['2028-02-29', undefined, 'UTC', '2028-02-29T00:00:00.000Z'],
    ['2026-03-01 24:00', undefined, zone, undefined],
    ['2026-3/1', undefined, zone, undefined],
    ['01.03.2026', undefined, zone, undefined],
    ['01.03.2026', 'dd.MM.yyyy', zone, '2026-02-28T16:00:00.000Z'],
    ['2026/3/1 9:05', 'yyyy/M/d H:mm', zone, '2026-03-01T01:05:00.000Z'],
    ['2026年3月1日 21:05', 'yyyy年M月d日 H:mm', zone, '2026-03-01T13:05:00.000Z'],
    ['3/1/2026 12:05 AM', 'M/d/yyyy h:mm a', zone, '2026-02-28T16:05:00.000Z'],
    ['20260301090506', 'yyyyMMddHHmmss', zone, '2026-03-01T01:05:06.000Z'],
    ['1772327106', 'epoch_seconds', 'America/New_York', '2026-03-01T01:05:06.000Z'],
    ['1772327106789', 'epoch_milliseconds', zone, '2026-03-01T01:05:06.789Z'],
    // The clocks of Berlin skip 02:00 to 03:00 on 29 March 2026 and show 02:00 to 03:00 twice on 25 October.
    ['2026-03-29 01:59:59', undefined, 'Europe/Berlin', '2026-03-29T00:59:59.000Z'],
    ['2026-03-29 02:30', undefined, 'Europe/Berlin', '2026-03-29T01:30:00.000Z'],
    ['2026-03-29 03:00', undefined, 'Europe/Berlin', '2026-03-29T01:00:00.000Z'],
    ['2026-10-25 02:30', undefined, 'Europe/Berlin', '2026-10-25T00:30:00.000Z'],
    ['2026-10-25 03:00', undefined, 'Europe/Berlin', '2026-10-25T02:00:00.000Z'],
  ])('%s (%s) in %s is %s', (text, format, inZone, expected) => {
    const read = format === undefined ? readIsoLike : compileDateFormat(format)
    if (typeof read === 'string') throw new Error(read)
    const local = read(text)
    expect(local === undefined ? undefined : new Date(instantOf(local, inZone)).toISOString()).toBe(expected)
  })

  it('agree with the zone tables at every moment of every zone', () => {
    const zones = [zone, 'Europe/Berlin', 'America/Sao_Paulo', 'Australia/Lord_Howe', 'Asia/Kolkata', 'Pacific/Apia']
    const moment = fc.date({ min: new Date('1985-01-01'), max: new Date('2030-01-01'), noInvalidDate: true })
    const aroundChange = fc.nat({ max: 4 * 86_400_000 }).map(ms => new Date(Date.parse('2026-03-27T00:00:00Z') + ms))
    fc.assert(
      fc.property(fc.oneof(moment, aroundChange), fc.constantFrom(...zones), (at, inZone) => {
        const local = readIsoLike(at.toISOString().slice(0, 23))
        expect(local && instantOf(local, inZone)).toBe(instantOfLocal(at.getTime(), inZone))
      }),
      { numRuns: 500 },
    )
  })

  test.each(['dd.MM', 'yyyy-MM-dd qq', 'yyyy-MM-dd h:mm', 'yyyy-MM-dd H:mm a', 'yyyy-MM-MM'])(
    '%s is no format',
    format => {
      expect(compileDateFormat(format)).toBeTypeOf('string')
    },
  )
})

describe('CSV', () => {
  const readAll = (text: string) => {
    const reader = createCsvReader(',')
    return [...reader.push(text), ...reader.end()]
  }

  test.each<[string, string, CsvRead[]]>([
    ['CRLF in quotes is one line', 'a\r\n"x\r\ny"\r\nz\r\n', [row(1, 'a'), row(2, 'x\r\ny'), row(4, 'z')]],
    ['empty lines count and are passed over', 'a\n\n,,\nb', [row(1, 'a'), row(4, 'b')]],
    ['doubled quotes', '"say ""hi""",2\n', [row(1, 'say "hi"', '2')]],
    ['a quote in mid-field is a character', '13" TV,2\n', [row(1, '13" TV', '2')]],
    ['an empty last cell', 'a,b\n1,', [row(1, 'a', 'b'), row(2, '1', '')]],
    ['a lone CR ends a line', 'a\rb\r', [row(1, 'a'), row(2, 'b')]],
    [
      'text after a closing quote rejects its line alone',
      'a\n"x"y\nb\n',
      [row(1, 'a'), { line: 2, code: 'broken_quote', text: '"x"y' }, row(3, 'b')],
    ],
    [
      'a quote that is never closed rejects its line alone',
      'a\n1,"x\n2,y\n',
      [row(1, 'a'), { line: 2, code: 'broken_quote', text: '1,"x' }, row(3, '2', 'y')],
    ],
  ])('%s', (_, text, expected) => {
    expect(readAll(text)).toEqual(expected)
  })

  it('reads what a parser library reads', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r\n', '中', ' ', '😀') })
    fc.assert(
      fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1 }), rows => {
        const text = rows.map(cells => formatCsvRow(cells, ',')).join('')
        const expected = (parse(text, { relax_column_count: true }) as string[][]).filter(cells =>
          cells.some(each => each.trim() !== ''),
        )
        expect(readAll(text).map(read => ('cells' in read ? read.cells : read))).toEqual(expected)
        expect(expected).toEqual(rows.filter(cells => cells.some(each => each.trim() !== '')))
      }),
    )
  })

  it('gives up a line of any length at a limit, alone, however the text is cut', () => {
    const long = `1,"${'x'.repeat(3 << 20)}`
    const text = `a\n${long}\r\n2,y\n${long.slice(0, 9)}",z`
    const reader = createCsvReader(',')
    const reads: CsvRead[] = []
    for (let at = 0; at < text.length; at += 65_537) reads.push(...reader.push(text.slice(at, at + 65_537)))
    reads.push(...reader.end())
    expect(reads).toEqual(readAll(text))
    expect(reads.map(read => [read.line, 'code' in read ? read.code : read.cells])).toEqual([
      [1, ['a']],
      [2, 'row_too_long'],
      [3, ['2', 'y']],
      [4, ['1', 'xxxxxx', 'z']],
    ])
  })

  it('yields the same rows however the text is cut', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '"', '""', ',', '\n', '\r', '\r\n', '中'), maxLength: 60 })
    fc.assert(
      fc.property(text, fc.array(fc.nat({ max: 8 })), (whole, sizes) => {
        const reader = createCsvReader(',')
        const reads: CsvRead[] = []
        let at = 0
        for (const size of [...sizes, whole.length]) {
          reads.push(...reader.push(whole.slice(at, at + size)))
          at += size
        }
        expect([...reads, ...reader.end()]).toEqual(readAll(whole))
      }),
    )
  })

  function row(line: number, ...cells: string[]): CsvRead {
    return { line, cells }
  }
})

describe('a mapping', () => {
  const faultsOf = (mapping: unknown) => {
    try {
      readMapping(typeof mapping === 'string' ? mapping : JSON.stringify(mapping))
      return []
    } catch (error) {
      if (!(error instanceof MappingError)) throw error
      return error.faults.map(({ path, message }) => `${path}: ${message}`)
    }
  }

  test.each<[unknown, RegExp]>([
    ['{', /^: is not JSON/],
    [[], /^: must be a JSON object/],
    [{ kind: 'order', fields: { a: 'b' } }, /^kind: must be one of stores,/],
    [{ kind: 'stores' }, /^fields: must name at least one/],
    [
      { kind: 'stores', fields: { storecode: 'x' } },
      /^fields.storecode: stores have no such field; "storeCode" is meant\?/,
    ],
    [{ kind: 'stores', fields: { storeCode: 'x' }, fileds: 1 }, /^fileds: is no key/],
    [
      { kind: 'stores', fields: { storeCode: { colum: 'x' } } },
      /^fields.storeCode: must be a column name or an object/,
    ],
    [{ kind: 'stores', fields: { storeCode: { column: 'x', az: 1 } } }, /^fields.storeCode.az: is no key/],
    [
      { kind: 'stores', fields: { storeCode: { column: 'x', as: 'int' } } },
      /^fields.storeCode.as: must be one of "text"/,
    ],
    [{ kind: 'stores', fields: { storeCode: { column: 'x', value: 1 } } }, /^fields.storeCode: has more than one of/],
    [
      { kind: 'stores', fields: { storeCode: { rowNumber: true } } },
      /^fields.storeCode: rowNumber is for fields of lines/,
    ],
    [{ kind: 'stores', fields: { storeCode: { template: '{a' } } }, /^fields.storeCode.template: has a brace/],
    [
      { kind: 'products', fields: { priceFen: { yuan: { multply: ['a'] } } } },
      /^fields.priceFen.yuan.multply: is no key/,
    ],
    [
      { kind: 'products', fields: { priceFen: { yuan: { value: 'x' } } } },
      /^fields.priceFen.yuan.value: "x" is no number/,
    ],
    [
      { kind: 'products', fields: { priceFen: { column: 'a', as: 'yuan', format: '1.2' } } },
      /format: must be one of "1,234/,
    ],
    [
      { kind: 'members', fields: { joinedAt: { column: 'a', as: 'instant', format: 'dd.MM' } } },
      /does not say the year/,
    ],
    [{ kind: 'orders', fields: { orderNo: 'a' } }, /^groupBy: orders need it/],
    [{ kind: 'stores', fields: { storeCode: 'a' }, groupBy: ['a'] }, /^groupBy: only for orders and refunds/],
    [{ kind: 'stores', fields: { storeCode: 'a' }, timeZone: 'Mars' }, /^timeZone: "Mars" is no IANA/],
    [{ kind: 'stores', fields: { storeCode: 'a' }, encoding: 'latin1' }, /^encoding: must be one of "utf-8"/],
  ])('%j is refused by path', (mapping, expected) => {
    const faults = faultsOf(mapping)
    expect(faults).toHaveLength(1)
    expect(faults[0]).toMatch(expected)
  })

  it('has all its faults named at once', () => {
    expect(faultsOf({ kind: 'stores', x: 1, fields: { a: 'b', storeCode: { template: '}' } } })).toHaveLength(3)
  })

  it('is refused where the header lacks a column, or has one twice', () => {
    const mapping = readMapping(
      JSON.stringify({ kind: 'stores', fields: { storeCode: 'code', name: { template: '{x}' } } }),
    )
    expect(() => compileMapping(mapping, ['code', 'b', 'b', '', ''], zone)).toThrow(
      /"b" is there twice\nfields.name: .*"x"/,
    )
    expect(() => compileMapping(mapping, ['code;x'], zone)).toThrow(/is its delimiter ";"\?/)
  })

  test.each<[string, Source, string, unknown]>([
    ['text is trimmed', { column: 'c' }, '\t 00123 \t', '00123'],
    ['a spreadsheet wrapping is taken off', { column: 'c' }, '="00123"', '00123'],
    ['a cut number is refused', { column: 'c' }, '1.23457E+17', 'spreadsheet_number'],
    ['a whole number', { column: 'c', as: 'integer' }, '12.00', 12],
    ['a fraction is no integer', { column: 'c', as: 'integer' }, '12.5', 'not_whole'],
    ['yuan', { column: 'c', as: 'yuan' }, '¥1,299.005', 129901],
    ['yuan with a unit', { column: 'c', as: 'yuan' }, '12 元', 1200],
    ['yuan with a comma', { column: 'c', as: 'yuan', format: '1.234,56' }, '1.299,5', 129950],
    ['fen', { column: 'c', as: 'fen' }, '129900', 129900],
    ['beyond 2^53', { column: 'c', as: 'fen' }, '9007199254740993', 'out_of_range'],
    ['a share in basis points', { column: 'c', as: 'decimal', decimals: 4 }, '0.15', 1500],
    ['an instant', { column: 'c', as: 'instant' }, '2026-03-01', '2026-02-28T16:00:00.000Z'],
    ['a date', { column: 'c', as: 'date', format: 'd.M.yyyy' }, '1.3.1990', '1990-03-01'],
    ['a month', { column: 'c', as: 'month' }, '2026/3', '2026-03'],
    ['no date', { column: 'c', as: 'date' }, '2026-02-30', 'not_a_date'],
    ['yes', { column: 'c', as: 'boolean' }, '是', true],
    ['no', { column: 'c', as: 'boolean' }, '0', false],
    ['neither', { column: 'c', as: 'boolean' }, 'maybe', 'not_a_boolean'],
    ['a list', { column: 'c', as: 'list' }, '高客单；周末, 羊毛', ['高客单', '周末', '羊毛']],
    ['a list with its separator', { column: 'c', as: 'list', format: '/' }, 'a,b/c', ['a,b', 'c']],
    ['a translation', { column: 'c', values: { 直营: 'direct' } }, '直营', 'direct'],
    ['no translation', { column: 'c', values: { 直营: 'direct' } }, '联营', 'unknown_value'],
    ['any other', { column: 'c', values: { 直营: 'direct', '*': null } }, '联营', null],
    ['an empty cell is absent', { column: 'c', as: 'yuan' }, ' ', undefined],
    ['an empty cell that must not be', { column: 'c', required: true }, '', 'required'],
    ['a default', { column: 'c', default: null }, '', null],
    ['a template', { template: '{{x}} {c}-{d}' }, 'A', '{x} A-7'],
    ['a template without its cell', { template: '{c}-{d}' }, '', undefined],
    ['a sum', { yuan: { add: [{ multiply: ['c', 'd'] }, 'd'], subtract: [{ value: '0.5' }] } }, '2', 2050],
    ['a percentage', { yuan: { multiply: ['d'], less: 'c' } }, '15', 'out_of_range'],
    ['a missing factor', { yuan: { multiply: ['c', 'd'] } }, '', undefined],
    ['a missing factor with a default', { yuan: { multiply: ['d', { column: 'c', default: '1' }] } }, '', 700],
    ['an exact integer', { integer: { multiply: ['c', 'd'] } }, '0.5', 'not_whole'],
  ])('%s', (_, source, cell, expected) => {
    const mapping = readMapping(JSON.stringify({ kind: 'members', fields: { name: source } }))
    const { head, errors } = compileMapping(mapping, ['c', 'd'], zone).readRow([cell, '7'], 1)
    expect(errors[0]?.code ?? head['name']).toEqual(expected)
  })

  it.each(itemKinds)('for %s knows the fields that the ingest knows, and no others', kind => {
    expect(fieldsByKind[kind].split(' ').sort()).toEqual(namesOf(INGEST_KINDS[kind].schema).sort())
  })

  type Shape = { properties?: Record<string, Shape>; items?: Shape; anyOf?: Shape[] }

  /** The leaves of a schema, dotted, those of array items like those of objects. */
  function namesOf(schema: Shape): string[] {
    const shapes = [schema, ...(schema.anyOf ?? [])].map(each => each.items ?? each)
    const { properties } = shapes.find(each => each.properties !== undefined) ?? {}
    return Object.entries(properties ?? {}).flatMap(([name, inner]) => {
      const names = namesOf(inner)
      return names.length === 0 ? [name] : names.map(each => `${name}.${each}`)
    })
  }

  it('puts dotted fields into objects', () => {
    const mapping = readMapping(
      JSON.stringify({
        kind: 'members',
        fields: {
          memberNo: 'a',
          'consents.tracking': { value: true },
          'consents.marketing': { column: 'b', as: 'boolean' },
        },
      }),
    )
    expect(compileMapping(mapping, ['a', 'b'], zone).readRow(['M1', 'n'], 1).head).toEqual({
      memberNo: 'M1',
      consents: { tracking: true, marketing: false },
    })
  })
})

const orderMapping = readMapping(
  JSON.stringify({
    kind: 'orders',
    groupBy: ['order'],
    fields: {
      source: { value: 'pos' },
      orderNo: 'order',
      paidAt: { column: 'date', as: 'instant' },
      'lines.lineNo': { rowNumber: true },
      'lines.sku': { column: 'sku', required: true },
      'lines.paidFen': { column: 'paid', as: 'yuan' },
    },
  }),
)

describe('grouping', () => {
  const header = 'order,date,sku,paid\n'

  async function unitsOf(text: string, batchSize = 1000) {
    const items: Item[] = []
    const errors: LineError[] = []
    for await (const batch of readBatches({ pieces: [text], mapping: orderMapping, zone, batchSize })) {
      expect(batch.units.length).toBeLessThanOrEqual(batchSize)
      for (const unit of batch.units) {
        if (unit.item !== undefined) items.push(unit.item)
        else errors.push(...unit.errors)
      }
    }
    return {
      orders: items.map(item => item['orderNo']),
      items,
      errors: errors.map(({ line, code }) => `${line} ${code}`),
    }
  }

  test.each<[string, string, string[], string[]]>([
    [
      'rows that follow each other are one order',
      'A,2026-03-01,x,1\nA,2026-03-01,y,2\nB,2026-03-01,x,1',
      ['A', 'B'],
      [],
    ],
    [
      'one bad row refuses its whole order',
      'A,2026-03-01,x,1\nA,2026-03-01,y,?\nB,2026-03-01,x,1',
      ['B'],
      ['2 group_rejected', '3 not_a_number'],
    ],
    [
      'a key that turns up again is refused',
      'A,2026-03-01,x,1\nB,2026-03-01,x,1\nA,2026-03-01,y,1',
      ['A', 'B'],
      ['4 group_split'],
    ],
    [
      'rows that disagree are refused',
      'A,2026-03-01,x,1\nA,2026-03-02,y,1',
      [],
      ['2 group_rejected', '3 group_differs'],
    ],
    [
      'a ragged row within an order refuses it',
      'A,2026-03-01,x,1\nA,2026-03-01,y\nA,2026-03-01,z,1\nB,2026-03-01,x,1',
      ['B'],
      ['2 group_rejected', '3 ragged_row', '4 group_rejected'],
    ],
    [
      'a ragged row goes to the order that it names',
      'A,2026-03-01,x,1\nB,2026-03-01,y\nB,2026-03-01,z,1',
      ['A'],
      ['3 ragged_row', '4 group_rejected'],
    ],
    [
      'a ragged row of neither refuses both',
      'A,2026-03-01,x,1\n?,2026-03-01,y\nB,2026-03-01,z,1\nC,2026-03-01,z,1',
      ['C'],
      ['2 group_rejected', '3 ragged_row', '4 group_rejected'],
    ],
    [
      'a broken quote refuses both sides',
      'A,2026-03-01,x,1\n"A"!,2026-03-01,y,1\nB,2026-03-01,z,1',
      [],
      ['2 group_rejected', '3 broken_quote', '4 group_rejected'],
    ],
    [
      'a row without a key refuses both sides',
      'A,2026-03-01,x,1\n,2026-03-01,y,1\nB,2026-03-01,z,1',
      [],
      ['2 group_rejected', '3 required', '4 group_rejected'],
    ],
  ])('%s', async (_, rows, orders, errors) => {
    expect(await unitsOf(header + rows)).toMatchObject({ orders, errors })
  })

  it('refuses a group beyond the limit, and all of it', async () => {
    const rows = Array.from({ length: 2500 }, (_, i) => `A,2026-03-01,s${i},1\n`).join('')
    const { orders, errors } = await unitsOf(`${header}${rows}B,2026-03-01,x,1`)
    expect(orders).toEqual(['B'])
    expect(new Set(errors.map(error => error.split(' ')[0])).size).toBe(2500)
  })

  it('yields the same items in the same batches however the stream is cut', async () => {
    const cell = fc.constantFrom('A', 'B', 'C', '', '"q"', '"l\r\n2"', 'x"y', '"', '1', '2026-03-01')
    const text = fc.array(fc.array(cell, { minLength: 3, maxLength: 5 }), { maxLength: 12 })
    const gather = async (pieces: string[]) => {
      const found: unknown[] = []
      for await (const { units, lastLine } of readBatches({ pieces, mapping: orderMapping, zone, batchSize: 2 }))
        found.push({ units, lastLine })
      return found
    }
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat({ max: 20 })), async (rows, sizes) => {
        const whole = header + rows.map(cells => cells.join(',')).join('\r\n')
        const pieces: string[] = []
        let at = 0
        for (const size of sizes) pieces.push(whole.slice(at, (at += size)))
        expect(await gather([...pieces, whole.slice(at)])).toEqual(await gather([whole]))
      }),
    )
  })

  it('takes each row into exactly one unit', async () => {
    const key = fc.constantFrom('A', 'B', 'C', '')
    const rows = fc.array(fc.tuple(key, fc.constantFrom(',2026-03-01,x,1', ',2026-03-01,x', ',?,x,1')), {
      maxLength: 20,
    })
    await fc.assert(
      fc.asyncProperty(rows, async pairs => {
        const lines: number[] = []
        const text = header + pairs.map(([each, rest]) => `${each}${rest}\n`).join('')
        for await (const { units } of readBatches({ pieces: [text], mapping: orderMapping, zone, batchSize: 3 })) {
          for (const unit of units) {
            const own = unit.rows.map(row => row.line)
            lines.push(...own)
            if (unit.errors !== undefined)
              expect([...new Set(unit.errors.map(error => error.line))].sort()).toEqual([...own].sort())
          }
        }
        expect(lines.sort((a, b) => a - b)).toEqual(pairs.map((_, i) => i + 2))
      }),
    )
  })
})

describe('encodings', () => {
  const encodeGb18030 = createGb18030Encoder()
  let folder = ''
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'imports-'))))
  afterEach(async () => rm(folder, { recursive: true }))

  const named = readMapping(JSON.stringify({ kind: 'stores', fields: { storeCode: 'code', name: '名称' } }))
  const names = fc.array(
    fc.string({ unit: fc.constantFrom('羊', '毛', '大', '衣', '店', 'é', 'ü', '€', '镕', 'A', '1'), minLength: 1 }),
    { minLength: 1, maxLength: 30 },
  )

  test.each<[string, (text: string) => Buffer]>([
    ['UTF-8', text => Buffer.from(text)],
    ['UTF-8 with a mark', text => Buffer.from(`\ufeff${text}`)],
    ['GB18030', encodeGb18030],
    ['UTF-16 with a mark', text => Buffer.from(`\ufeff${text}`, 'utf16le')],
  ])('%s is recognised and read', async (_, encode) => {
    await fc.assert(
      fc.asyncProperty(names, async each => {
        const file = join(folder, 'stores.csv')
        const text = `code,名称\r\n${each.map((name, i) => `S${i},${name}\r\n`).join('')}`
        await writeFile(file, encode(text))
        const taken: Item[] = []
        await runImport({ file, mapping: named, zone, ingest: takeAll(taken), restart: true })
        expect(taken).toEqual(each.map((name, i) => ({ storeCode: `S${i}`, name })))
      }),
      { numRuns: 25 },
    )
  })

  it('looks at the whole file, not at its start', async () => {
    const file = join(folder, 'late.csv')
    await writeFile(file, encodeGb18030(`code,name\n${'S1,plain\n'.repeat(20_000)}S2,店\n`))
    expect((await surveyFile(file)).encoding).toBe('gb18030')
    expect((await surveyFile(file, 'utf-8')).encoding).toBe('utf-8')
  })

  it('does not guess on where the bytes are not of the encoding that was named', async () => {
    const file = join(folder, 'stores.csv')
    await writeFile(file, encodeGb18030('code,名称\nS1,店\n'))
    const importing = runImport({ file, mapping: named, zone, ingest: takeAll([]), encoding: 'utf-8' })
    await expect(importing).rejects.toThrow(/the file is not utf-8/)
  })
})

describe('an import', () => {
  let folder = ''
  let file = ''
  const products = readMapping(
    JSON.stringify({
      kind: 'products',
      fields: { sku: 'sku', name: 'name', priceFen: { column: 'price', as: 'yuan' } },
    }),
  )
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'imports-'))
    file = join(folder, 'products.csv')
  })
  afterEach(async () => rm(folder, { recursive: true }))

  const options = (more: Partial<ImportOptions> & Pick<ImportOptions, 'ingest'>): ImportOptions => ({
    file,
    mapping: products,
    zone,
    ...more,
  })

  it('takes what is right, writes what is not to a file, and takes that once it is corrected', async () => {
    await writeFile(file, 'sku,name,price\nP1,羊毛大衣,1299\nP2,"=1+1, ""x""",oops\nP3,short\nP4,bad,5\n')
    const taken: Item[] = []
    const refuseP4 = (_: ItemKind, items: Item[]) =>
      Promise.resolve(
        items.map((item): ItemResult => {
          if (item['sku'] === 'P4')
            return { key: 'P4', status: 'rejected', error: { code: 'too_cheap', message: 'no', field: 'priceFen' } }
          taken.push(item)
          return { key: String(item['sku']), status: 'created' }
        }),
      )
    const result = await runImport(options({ ingest: refuseP4 }))
    expect(result.counts).toEqual({ created: 1, updated: 0, unchanged: 0, rejected: 3, rejectedLines: 3 })
    const rejects = await readFile(`${file}.rejects.csv`, 'utf8')
    expect(rejects).toBe(
      '\ufeffsku,name,price,reject_line,reject_code,reject_field,reject_message\r\n' +
        'P2,"\'=1+1, ""x""",oops,3,not_a_number,priceFen,"""oops"" is no number"\r\n' +
        'P3,short,,4,ragged_row,,2 cells where the header has 3\r\n' +
        'P4,bad,5,5,too_cheap,priceFen,no\r\n',
    )
    expect(await readdir(folder)).toEqual(['products.csv', 'products.csv.rejects.csv'])

    await writeFile(`${file}.rejects.csv`, rejects.replace('oops,3', '8,3').replace('short,,', 'short,9,'))
    const again = await runImport(options({ file: `${file}.rejects.csv`, ingest: takeAll(taken) }))
    expect(again.counts).toMatchObject({ created: 3, rejected: 0 })
    expect(taken).toContainEqual({ sku: 'P2', name: '=1+1, "x"', priceFen: 800 })
  })

  it('goes on where it was killed, with every line taken and none refused twice', async () => {
    const rows = Array.from({ length: 25 }, (_, i) => `P${i},n,${i % 5 === 3 ? 'bad' : i}\n`)
    await writeFile(file, `sku,name,price\n${rows.join('')}`)
    const calm = await importInterrupted([])
    const wholeRejects = await readFile(`${file}.rejects.csv`, 'utf8')
    await rm(`${file}.rejects.csv`)

    const interrupted = await importInterrupted([1, 2, 1, 3])
    expect(new Set(interrupted.skus)).toEqual(new Set(calm.skus))
    expect(interrupted.counts).toEqual(calm.counts)
    expect(await readFile(`${file}.rejects.csv`, 'utf8')).toBe(wholeRejects)
    expect(await readdir(folder)).toEqual(['products.csv', 'products.csv.rejects.csv'])

    async function importInterrupted(batchesUntilDeath: number[]) {
      const skus: unknown[] = []
      for (const batches of batchesUntilDeath) {
        let calls = 0
        const dying = (_: ItemKind, items: Item[]) => {
          if (calls++ >= batches) return Promise.reject(new Error('the database is away'))
          skus.push(...items.map(item => item['sku']))
          return Promise.resolve(items.map((): ItemResult => ({ key: 'k', status: 'created' })))
        }
        await expect(runImport(options({ ingest: dying, batchSize: 3 }))).rejects.toThrow('the database is away')
      }
      const last: Item[] = []
      const { counts, resumedAfterLine } = await runImport(options({ ingest: takeAll(last), batchSize: 3 }))
      expect(resumedAfterLine).toBe(batchesUntilDeath.length === 0 ? undefined : 22)
      return { skus: [...skus, ...last.map(item => item['sku'])], counts }
    }
  })

  it('writes no reject twice where it died between rejects file and state', async () => {
    await writeFile(file, 'sku,name,price\nP1,n,bad\nP2,n,bad\nP3,n,bad\n')
    const kept = createStateFile(`${file}.import-state.json`)
    let writes = 0
    const dying = {
      ...kept,
      write: (state: ImportState) => (++writes === 2 ? Promise.reject(new Error('killed')) : kept.write(state)),
    }
    await expect(runImport(options({ ingest: takeAll([]), batchSize: 1, state: dying }))).rejects.toThrow('killed')
    const { resumedAfterLine } = await runImport(options({ ingest: takeAll([]), batchSize: 1 }))
    expect(resumedAfterLine).toBe(2)
    const rejects = await readFile(`${file}.rejects.csv`, 'utf8')
    expect(rejects.match(/^P\d/gm)).toEqual(['P1', 'P2', 'P3'])
  })

  test.each<[string, Partial<ImportOptions>, boolean]>([
    ['--restart', { restart: true }, false],
    ['another target', { target: 'elsewhere' }, false],
    ['another zone', { zone: 'UTC' }, false],
    ['nothing', {}, true],
  ])('an interrupted import, %s changed, goes on from there: %#', async (_, changed, goesOn) => {
    await writeFile(file, 'sku,name,price\nP1,n,1\nP2,n,2\nP3,n,3\n')
    const stop = new AbortController()
    const onProgress: ImportOptions['onProgress'] = ({ line }) => (line > 0 ? stop.abort() : undefined)
    const first = await runImport(options({ ingest: takeAll([]), batchSize: 2, signal: stop.signal, onProgress }))
    expect(first).toMatchObject({ isComplete: false, counts: { created: 2 } })
    const taken: Item[] = []
    await runImport(options({ ingest: takeAll(taken), batchSize: 2, ...changed }))
    expect(taken.length < 3).toBe(goesOn)
  })

  it('writes nothing in a dry run, and says what would be refused', async () => {
    await writeFile(file, 'sku,name,price\nP1,n,1\nP2,n,x\nP3,n,3\n')
    const errors: LineError[] = []
    const result = await runImport(
      options({
        dryRun: true,
        ingest: () => Promise.reject(new Error('not in a dry run')),
        validate: (_, item) => (item['sku'] === 'P3' ? { code: 'no_good', message: 'no' } : undefined),
        onReject: found => errors.push(...found),
      }),
    )
    expect(result.counts).toMatchObject({ created: 1, rejected: 2 })
    expect(errors.map(({ line, code }) => [line, code])).toEqual([
      [3, 'not_a_number'],
      [4, 'no_good'],
    ])
    expect(await readdir(folder)).toEqual(['products.csv'])
  })

  it('keeps what an earlier import left as rejects', async () => {
    await writeFile(`${file}.rejects.csv`, 'half corrected')
    await writeFile(file, 'sku,name,price\nP1,n,1\n')
    await runImport(options({ ingest: takeAll([]) }))
    expect(await readdir(folder)).toEqual(['products.csv', 'products.csv.rejects.previous.csv'])
  })

  it('guards cells so that nothing runs and nothing is lost', () => {
    const cell = fc.string({ unit: fc.constantFrom("'", '=', '+', '-', '@', '\t', '＝', 'a', '1', '.') })
    fc.assert(
      fc.property(cell, each => {
        expect(unguardCell(guardCell(each))).toBe(each)
        expect(guardCell(each)).toMatch(/^(?![=+@\t＝])(?!-(?!\d))/)
      }),
    )
  })
})

describe('the command line', () => {
  it('reads its arguments', () => {
    expect(readArguments(['--kind', 'orders', '--map', 'm.json', '--encoding', 'GBK', '--dry-run', 'f.csv'])).toEqual({
      kind: 'orders',
      map: 'm.json',
      file: 'f.csv',
      dryRun: true,
      restart: false,
      encoding: 'gb18030',
    })
  })

  test.each([[[]], [['--kind', 'x', '--map', 'm', 'f']], [['--kind', 'orders', '--map', 'm', 'f', 'g']], [['--what']]])(
    '%j ends with 2',
    argv => {
      expect(() => readArguments(argv)).toThrow(expect.objectContaining({ exitCode: 2 }))
      expect(() => readArguments(argv)).toThrow(ExitError)
    },
  )
})

function takeAll(taken: Item[]): ImportOptions['ingest'] {
  return (_, items) => {
    taken.push(...items)
    return Promise.resolve(items.map((): ItemResult => ({ key: 'k', status: 'created' })))
  }
}

/** Node.js decodes GB18030 and does not encode it: the decoder's answers for all one-, two- and four-byte codes, turned round. */
function createGb18030Encoder(): (text: string) => Buffer {
  const decoder = new TextDecoder('gb18030')
  const bytesOf = new Map<string, number[]>()
  const add = (...bytes: number[]) => {
    const character = decoder.decode(Uint8Array.from(bytes))
    if ([...character].length === 1 && character !== '\ufffd' && !bytesOf.has(character)) bytesOf.set(character, bytes)
  }
  for (let byte = 0; byte < 0x80; byte += 1) add(byte)
  for (let lead = 0x81; lead <= 0xfe; lead += 1) {
    for (let trail = 0x40; trail <= 0xfe; trail += 1) if (trail !== 0x7f) add(lead, trail)
  }
  for (let third = 0x81; third <= 0xfe; third += 1) {
    for (let fourth = 0x30; fourth <= 0x39; fourth += 1) add(0x81, 0x30, third, fourth)
  }
  return text =>
    Buffer.from(
      [...text].flatMap(character => {
        const bytes = bytesOf.get(character)
        if (bytes === undefined) throw new Error(`${character} is not in the table`)
        return bytes
      }),
    )
}
