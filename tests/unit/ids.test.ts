import { expect, test } from 'vitest'
import { uuidv7 } from '../../server/lib/ids.ts'

test('ids are versions 7, and in sequence also within a millisecond', () => {
  const now = Date.parse('2026-03-01T12:00:00Z')
  const ids = Array.from({ length: 5000 }, (_, i) => uuidv7(now + Math.floor(i / 2500)))
  expect(ids).toEqual([...ids].sort())
  expect(new Set(ids).size).toBe(ids.length)
  for (const id of ids) expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
  expect(parseInt(ids[0]!.replace('-', '').slice(0, 12), 16)).toBe(now)
})
