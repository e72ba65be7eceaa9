/** Months are `YYYY-MM`; pure. */
export const isMonth = (text: string | undefined): text is string => /^\d{4}-(0[1-9]|1[0-2])$/.test(text ?? '')

export function addMonths(month: string, count: number): string {
  const [year, number] = month.split('-').map(Number) as [number, number]
  return new Date(Date.UTC(year, number - 1 + count, 1)).toISOString().slice(0, 7)
}

/** A target of so many basis points of another, to the whole yuan, half up. */
export function scaled(fen: number, bps: number): number {
  const yuan = (BigInt(fen) * BigInt(bps) + 500_000n) / 1_000_000n
  return Number(yuan * 100n)
}
