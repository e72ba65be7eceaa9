/** `138****1234`: enough to recognise one's own customer, not enough to call him. */
export function maskPhone(phone: string): string {
  return phone.length < 7
    ? '*'.repeat(phone.length)
    : `${phone.slice(0, 3)}${'*'.repeat(phone.length - 7)}${phone.slice(-4)}`
}

/** The text with what looks like a mobile number masked: one that was typed into a name or a note is still one. */
export const withoutPhones = (text: string): string =>
  text.replace(/(?<!\d)1[3-9]\d{9}(?!\d)/g, phone => maskPhone(phone))
