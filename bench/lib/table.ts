import { isWithin, type Figure, type Measured } from './figure.ts'
import type { Machine } from './machine.ts'

export interface Result {
  figure: Pick<Figure, 'name' | 'measures'>
  /** null: it failed; why is in `error`. */
  measured: Measured | null
  error?: string
}

/** All that was measured, as one table. */
export function tableOf(machine: Machine, results: readonly Result[]): string {
  const { cpu, memoryGb, node, postgres, fsyncMs } = machine
  const rows = [
    ['figure', 'measured', 'value', 'ratio', 'against', 'limit', ''],
    ...results.map(({ figure, measured, error }) =>
      measured
        ? [
            figure.name,
            figure.measures,
            `${number(measured.value)} ${measured.unit}`,
            measured.ratio === undefined ? '' : measured.ratio.toFixed(2),
            measured.against ?? '',
            describeLimit(measured),
            { true: 'holds', false: 'MISSED', null: '' }[String(isWithin(measured)) as 'true' | 'false' | 'null'],
          ]
        : [figure.name, figure.measures, '', '', '', '', `FAILED: ${error}`],
    ),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.slice(0).map(row => row[column]!.length)))
  const lines = rows.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
  lines.splice(1, 0, widths.map(width => '-'.repeat(width)).join('  '))
  return (
    `${cpu}, ${memoryGb} GB, Node.js ${node}, PostgreSQL ${postgres}, fsync ${fsyncMs.toFixed(2)} ms\n\n` +
    `${lines.join('\n')}\n`
  )
}

const number = (value: number) =>
  value >= 100 ? Math.round(value).toLocaleString('en') : value.toLocaleString('en', { maximumSignificantDigits: 3 })

function describeLimit({ limit, unit, ratio }: Measured): string {
  if (!limit) return ''
  const of = ratio === undefined ? ` ${unit}` : ''
  return 'atLeast' in limit ? `≥ ${number(limit.atLeast)}${of}` : `≤ ${number(limit.atMost)}${of}`
}
