/** What has to be quoted within a list: its own signs, blanks, nothing at all, and what would be read as no value. */
const QUOTED = /[{},"\\\s]|^$|^null$/i

/**
 * Values as PostgreSQL writes a list, for `${arrayText(values)}::text::text[]`: the columns of thousands of rows, which
 * the driver would quote and escape one by one.
 */
export function arrayText(values: readonly (string | number | boolean | null)[]): string {
  let text = ''
  let last: (typeof values)[number] | undefined
  let lastText = ''
  for (const value of values) {
    if (value !== last) lastText = elementText((last = value)) // the same value often comes many times in a row
    text += text === '' ? lastText : `,${lastText}`
  }
  return `{${text}}`
}

function elementText(value: string | number | boolean | null): string {
  if (value === null) return 'NULL'
  if (typeof value !== 'string' || !QUOTED.test(value)) return String(value)
  return `"${value.replace(/["\\]/g, '\\$&')}"`
}
