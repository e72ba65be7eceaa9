export { maskPhone, withoutPhones } from '../../lib/phones.ts'

/** A phone number in one spelling: digits alone, a Chinese one without its country code; null where it is none. */
export function normalisePhone(typed: string): string | null {
  const plain = typed.normalize('NFKC').replace(/[\s\-().·‑–—]/g, '')
  if (!/^\+?\d{5,20}$/.test(plain)) return null
  const mobile = /^(?:\+?86|0086)?(1\d{10})$/.exec(plain)
  if (mobile) return mobile[1]!
  return plain.replace(/^00/, '+').replace(/^\+86/, '')
}

export interface Birthday {
  year: number | null
  month: number
  day: number
}

/** `YYYY-MM-DD` or `MM-DD`; null where there is no such day. */
export function parseBirthday(text: string): Birthday | null {
  const match = /^(?:(\d{4})-)?(\d\d)-(\d\d)$/.exec(text)
  if (!match) return null
  const year = match[1] === undefined ? null : Number(match[1])
  const month = Number(match[2])
  const day = Number(match[3])
  const date = new Date(Date.UTC(year ?? 2000, month - 1, day)) // 2000 has a 29 February
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? { year, month, day } : null
}

/** Whether `memberNo → into` would close a circle, given the merges that count (each number's latest). */
export function closesCircle(memberNo: string, into: string, mergedInto: ReadonlyMap<string, string>): boolean {
  for (let at: string | undefined = into, steps = 0; at !== undefined; at = mergedInto.get(at), steps++) {
    if (at === memberNo || steps > mergedInto.size) return true
  }
  return false
}
