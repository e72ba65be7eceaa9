import { describe, expect, test } from 'vitest'
import { effectsOfHistory, spellOf, workChangesFrom } from '../../server/features/people/domain.ts'
import { readFile } from '../../server/features/people/file.ts'
import { parseInstant } from '../../server/lib/time.ts'

const at = (text: string) => parseInstant(text)!
const MAY = '2026-05-01T00:00:00.000Z'
const JUNE = '2026-06-01T00:00:00.000Z'
const JULY = '2026-07-01T00:00:00.000Z'

describe('what a change does to commission', () => {
  test('a value that is added takes the place of what was in force then, up to the next one', () => {
    const before = [
      { value: 'direct', from: null },
      { value: 'franchise', from: JULY },
    ]
    expect(effectsOfHistory('type', before, [...before, { value: 'franchise', from: MAY }])).toEqual([
      { what: 'type', before: 'direct', after: 'franchise', from: at(MAY), until: at(JULY) },
    ])
    expect(effectsOfHistory('region', [], [{ value: '华东', from: null }])).toEqual([
      { what: 'region', before: null, after: '华东', from: null, until: null },
    ])
    expect(effectsOfHistory('type', before, before)).toEqual([])
  })

  test('work is another one from the earliest bound that moved', () => {
    const open = [{ activeFrom: MAY, activeTo: null }]
    const ended = [{ activeFrom: MAY, activeTo: JULY }]
    expect(workChangesFrom(open, open)).toBeNull()
    expect(workChangesFrom(open, ended)).toBe(at(JULY))
    expect(workChangesFrom(ended, [{ activeFrom: MAY, activeTo: JUNE }])).toBe(at(JUNE))
    expect(workChangesFrom(ended, [...ended, { activeFrom: JULY, activeTo: null }])).toBe(at(JULY))
    expect(workChangesFrom(open, [{ activeFrom: JUNE, activeTo: null }])).toBe(at(MAY))
  })

  test('a list shows the present spell, else the last one', () => {
    const spells = [
      { activeFrom: MAY, activeTo: JUNE },
      { activeFrom: JULY, activeTo: null },
    ]
    expect(spellOf(spells, at(MAY))).toEqual({ activeFrom: MAY, activeTo: JUNE, work: 'active' })
    expect(spellOf(spells, at(JUNE))).toEqual({ activeFrom: JULY, activeTo: null, work: 'coming' })
    expect(spellOf(spells.slice(0, 1), at(JULY))).toEqual({ activeFrom: MAY, activeTo: JUNE, work: 'left' })
    expect(spellOf([], at(JULY))).toEqual({ activeFrom: null, activeTo: null, work: 'left' })
  })
})

describe('a file of stores', () => {
  const read = (text: string) => readFile(Buffer.from(text), { kind: 'stores', zone: 'Asia/Shanghai' })

  test('is read by Chinese titles or names, whatever separates its cells; each line stands for itself', () => {
    const { columns, units } = read(
      '门店编号;name;类型;生效时间;备注\nS1;"一;店";加盟;2026-06-01;x\nS2;二店;联营;;\nS3;三店\n',
    )
    expect(columns.map(({ field }) => field)).toEqual(['storeCode', 'name', 'type', 'effectiveFrom', null])
    expect(units[0]!.item).toEqual({
      storeCode: 'S1',
      name: '一;店',
      type: 'franchise',
      effectiveFrom: '2026-05-31T16:00:00.000Z',
    })
    expect(units.slice(1).map(({ errors }) => errors)).toMatchObject([
      [{ line: 3, field: 'type', code: 'unknown_value' }],
      [{ line: 4, code: 'ragged_row' }],
    ])
  })

  test('without a column for the code, or without any line, is refused as a whole', () => {
    const codeOf = (text: string) => {
      try {
        read(text)
      } catch (error) {
        return (error as { faults: { code: string }[] }).faults[0]!.code
      }
      return null
    }
    expect(codeOf('名称,类型\nx,直营\n')).toBe('no_key_column')
    expect(codeOf('')).toBe('no_header')
    expect(codeOf('门店编号,门店编号\nS1,S1\n')).toBe('column_twice')
    expect(codeOf('门店编号\n')).toBeNull()
  })
})
