import { parseYuan } from '../../lib/money.ts'
import { startOfDay } from '../../lib/zone.ts'
import type { OpeningBalanceItem } from './calls.ts'
import { page } from './messages.ts'

const kindNames: Readonly<Record<string, OpeningBalanceItem['payeeKind']>> = {
  associate: 'associate',
  导购: 'associate',
  store: 'store',
  门店: 'store',
  headquarters: 'headquarters',
  总部: 'headquarters',
}

/** Read by the payee; in one language, since the same line told again has to be the same. */
const usualReason = '期初余额'

/** One line of opening balances, or what is wrong with it. An account without a kind is an associate's. */
export function readBalance(cells: Readonly<Record<string, string>>, timeZone: string): OpeningBalanceItem | string {
  const cell = (name: string) => cells[name] ?? ''
  if (cell('balanceNo') === '') return page.value.badNo
  const payeeKind = cell('payeeKind') === '' ? 'associate' : kindNames[cell('payeeKind').toLowerCase()]
  if (!payeeKind) return page.value.badKind
  const payee = payeeKind === 'headquarters' ? 'headquarters' : cell('payee')
  if (payee === '') return page.value.badPayee
  const amountFen = parseYuan(cell('amount'))
  if (amountFen === null || amountFen === 0) return page.value.badAmount
  const bearerKind = cell('bearerKind') === '' ? 'headquarters' : kindNames[cell('bearerKind').toLowerCase()]
  if (bearerKind !== 'headquarters' && bearerKind !== 'store') return page.value.badBearer
  if (bearerKind === 'store' && cell('bearer') === '') return page.value.badBearer
  const day = cell('availableAt').replace(/[/.]/g, '-')
  if (day !== '' && !isDay(day)) return page.value.badDay
  return {
    balanceNo: cell('balanceNo'),
    payeeKind,
    payee,
    amountFen,
    bearerKind,
    ...(bearerKind === 'store' ? { bearer: cell('bearer') } : {}),
    ...(day === '' ? {} : { availableAt: startOfDay(day, timeZone) }),
    reason: cell('reason') || usualReason,
  }
}

/** A day that there is, as `YYYY-MM-DD`. */
function isDay(text: string): boolean {
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text)
}
