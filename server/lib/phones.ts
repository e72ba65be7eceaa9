/** `138****1234`: enough to recognise one's own customer, not enough to call him. */
export function maskPhone(phone: string): string {
  return phone.length < 7
    ? '*'.repeat(phone.length)
    : `${phone.slice(0, 3)}${'*'.repeat(phone.length - 7)}${phone.slice(-4)}`
}

const DIGIT = '[0-9０-９]'
/** What people put between the parts of a number. */
const BETWEEN = '[\\s.·‑–—_－-]{0,2}'
/** A mobile number as people type it: in one piece or in parts, with its country or without, in wide digits too. */
const TYPED = new RegExp(
  `(?<!${DIGIT})(?<country>(?:[+＋]|[0０]{2})?[8８][6６]${BETWEEN})?` +
    `(?<number>[1１][3-9３-９]${DIGIT}${BETWEEN}${DIGIT}{3,4}${BETWEEN}${DIGIT}{4,5})(?!${DIGIT})`,
  'g',
)

/** The text with what looks like a mobile number masked: one that was typed into a name or a note is still one. */
export const withoutPhones = (text: string): string =>
  text.replace(TYPED, (whole, country: string | undefined, number: string) => {
    const digits = number.normalize('NFKC').replace(/\D/g, '')
    return digits.length === 11 ? `${country ?? ''}${maskPhone(digits)}` : whole
  })
