/** Amounts as people type them. Whole fen all the way: no fraction is ever a number. */

const fenMax = 1_000_000_000_000
const amount = /^([+-]?)(\d{1,11}|\d{1,3}(?:,\d{3}){1,3})(?:\.(\d{1,2}))?$/

/**
 * Yuan as typed, exactly to the fen: `1,234.5` → 123450, `-3` → -300.
 *
 * @returns null where it is no amount, has more than two decimals, or is beyond what one field may hold
 */
export function parseYuan(text: string): number | null {
  const plain = text
    .normalize('NFKC')
    .replace(/[¥\s元]/g, '')
    .replace(/[−–]/g, '-')
  const match = amount.exec(plain)
  if (!match) return null
  const [, sign, yuan, decimals = ''] = match
  const fen = Number(yuan!.replaceAll(',', '')) * 100 + Number(decimals.padEnd(2, '0'))
  if (fen > fenMax) return null
  return sign === '-' && fen !== 0 ? -fen : fen
}

/** For a field that is typed into: no thousands, a plain minus. */
export function yuanText(fen: number): string {
  const whole = Math.abs(fen)
  return `${fen < 0 ? '-' : ''}${Math.floor(whole / 100)}.${String(whole % 100).padStart(2, '0')}`
}
