/** What has to be quoted within a list: its own signs, blanks, nothing at all, and what would be read as no value. */
const QUOTED = /[{},"\\\s]|^$|^null$/i

/**
 * Values as PostgreSQL writes a list, for `${arrayText(values)}::text::text[]`: the columns of thousands of rows, which
 * the driver would quote and escape one by one.
 */
export function arrayText(values: readonly (string | number | boolean | null)[]): string {
  return `{${values.map(elementText).join(',')}}`
}

function elementText(value: string | number | boolean | null): string | number | boolean {
  if (value === null) return 'NULL'
  if (typeof value !== 'string' || !QUOTED.test(value)) return value
  return `"${value.replace(/["\\]/g, '\\$&')}"`
}
