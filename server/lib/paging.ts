import { isStorableText } from './text.ts'
import { parseInstant } from './time.ts'

/** How many rows a list gives where nobody says, and the most that it gives. */
export const PAGE_DEFAULT = 50
export const PAGE_MAX = 500

/** Where the next page begins, in a form that a URL can carry. */
export function encodeCursor(position: readonly (string | number | null)[]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url')
}

/** What a part of a cursor is: it goes into a statement, which must not stumble over it. */
export type CursorPart = 'text' | 'integer' | 'instant' | 'uuid'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

const IS_PART: Record<CursorPart, (part: unknown) => boolean> = {
  text: part => typeof part === 'string' && isStorableText(part),
  integer: part => Number.isInteger(part) && Math.abs(part as number) < 2 ** 31,
  instant: part => typeof part === 'string' && parseInstant(part) !== null,
  uuid: part => typeof part === 'string' && UUID.test(part),
}

/** @returns null where the text is no cursor of these parts; of a mere number of parts each may be text, whole or null */
export function decodeCursor(cursor: string, parts: number | readonly CursorPart[]): (string | number | null)[] | null {
  const isPart = (part: unknown, i: number) =>
    typeof parts === 'number'
      ? part === null || IS_PART.text(part) || Number.isSafeInteger(part)
      : IS_PART[parts[i]!](part)
  try {
    const position: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    const length = typeof parts === 'number' ? parts : parts.length
    const isRight = Array.isArray(position) && position.length === length && position.every(isPart)
    return isRight ? (position as (string | number | null)[]) : null
  } catch {
    return null
  }
}

export interface Page<T> {
  items: T[]
  nextCursor: string | null
}

/** A page of rows that were asked for with one more than `limit`. */
export function pageOf<Row, T>(
  rows: readonly Row[],
  limit: number,
  positionOf: (row: Row) => readonly (string | number | null)[],
  itemOf: (row: Row) => T,
): Page<T> {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    items: shown.map(itemOf),
    nextCursor: rows.length > limit && last !== undefined ? encodeCursor(positionOf(last)) : null,
  }
}
