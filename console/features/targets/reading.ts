import { parseYuan } from '../../lib/money.ts'
import type { TargetItem } from './calls.ts'
import { page } from './messages.ts'
import { isMonth } from './months.ts'

/** One line of a list of targets, or what is wrong with it. */
export function readTarget(cells: Readonly<Record<string, string>>, shown: string): TargetItem | string {
  const cell = (name: string) => cells[name] ?? ''
  const told = cell('month')
    .replace(/[年/.]/g, '-')
    .replace(/月$/, '')
    .replace(/-(\d)$/, '-0$1')
  const month = told === '' ? shown : told
  if (!isMonth(month)) return page.value.badMonth
  const [storeCode, associateId] = [cell('storeCode'), cell('associateId')]
  if ((storeCode === '') === (associateId === '')) return page.value.badWhom
  const netSalesFen = parseYuan(cell('target'))
  if (netSalesFen === null || netSalesFen < 0) return page.value.badTarget
  return { month, ...(storeCode === '' ? { associateId } : { storeCode }), netSalesFen }
}
