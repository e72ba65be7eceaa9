/** How many rows a list gives where nobody says, and the most that it gives. */
export const PAGE_DEFAULT = 50
export const PAGE_MAX = 500

/** Where the next page begins, in a form that a URL can carry. */
export function encodeCursor(position: readonly (string | number | null)[]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url')
}

/** @returns null where the text is no cursor of `length` parts */
export function decodeCursor(cursor: string, length: number): (string | number | null)[] | null {
  try {
    const position: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    const isRight =
      Array.isArray(position) &&
      position.length === length &&
      position.every(part => part === null || typeof part === 'string' || Number.isSafeInteger(part))
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
