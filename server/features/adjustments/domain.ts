import { splitByLargestRemainder, sumFen, type Fen } from '../../lib/money.ts'
import { parseInstant, type Instant } from '../../lib/time.ts'
import type { KeptEmployment } from '../stores/domain.ts'

/** What may be moved by hand, and when it must not be confirmed: rules over plain values. */

export const HEADQUARTERS = 'headquarters'

export const ADJUSTMENT_KINDS = ['bonus', 'penalty', 'opening_balance', 'write_off', 'correction', 'reversal'] as const
export type AdjustmentKind = (typeof ADJUSTMENT_KINDS)[number]
/** Those that somebody names himself; the others are made by calls of their own. */
export const NAMED_KINDS = ['bonus', 'penalty', 'opening_balance', 'correction'] as const

export const PAYEE_KINDS = ['associate', 'store', 'headquarters'] as const
export const BEARER_KINDS = ['headquarters', 'store'] as const

/** One transfer as it is proposed. */
export interface Transfer {
  kind: AdjustmentKind
  payeeKind: (typeof PAYEE_KINDS)[number]
  payee: string
  bearerKind: (typeof BEARER_KINDS)[number]
  bearer: string
  /** Signed, never 0. */
  amountFen: Fen
  reason: string
  /** null: from the moment it is confirmed. */
  availableAt: Instant | null
}

export interface TransferFault {
  path: string
  code: string
  message: string
}

/** What is wrong with a transfer, given which accounts there are. */
export function faultsOfTransfer(
  transfer: Transfer,
  known: { stores: ReadonlySet<string>; associates: ReadonlySet<string> },
): TransferFault[] {
  const { payeeKind, payee, bearerKind, bearer, amountFen } = transfer
  const faults = [accountFault('payee', payeeKind, payee, known), accountFault('bearer', bearerKind, bearer, known)]
  if (payeeKind === bearerKind && payee === bearer) {
    faults.push({ path: 'bearer', code: 'bearer_is_payee', message: 'Nobody pays himself.' })
  }
  if (amountFen === 0) faults.push({ path: 'amountFen', code: 'out_of_range', message: 'It must not be 0.' })
  return faults.filter(fault => fault !== null)
}

function accountFault(
  path: string,
  kind: Transfer['payeeKind'],
  name: string,
  known: { stores: ReadonlySet<string>; associates: ReadonlySet<string> },
): TransferFault | null {
  if (kind === 'headquarters') {
    return name === HEADQUARTERS
      ? null
      : { path, code: 'unknown_account', message: `The account of headquarters is called ${HEADQUARTERS}.` }
  }
  const isKnown = kind === 'store' ? known.stores.has(name) : known.associates.has(name)
  return isKnown ? null : { path, code: `unknown_${kind}`, message: `There is no ${kind} ${JSON.stringify(name)}.` }
}

// ---------------------------------------------------------------------------------------------- write-offs

/** Whether somebody is employed at an instant. */
export const isEmployed = (spells: readonly KeptEmployment[], at: Instant): boolean =>
  spells.some(
    ({ activeFrom, activeTo }) =>
      parseInstant(activeFrom)! <= at && (activeTo === null || at < parseInstant(activeTo)!),
  )

/** Rows of an account that are not settled, summed by who bears them and when they become available. */
export interface UnsettledSum {
  bearerKind: string
  bearer: string
  availableAt: Instant
  amountFen: Fen
}

export const totalOf = (sums: readonly UnsettledSum[]): Fen => sumFen(sums.map(sum => sum.amountFen))

export interface WriteOff {
  parts: { bearerKind: string; bearer: string; amountFen: Fen }[]
  /** The earliest instant from which nothing of it could be paid out. */
  availableAt: Instant
}

/**
 * What brings a negative account to 0: each bearer who is owed something gives up his part of the debt, in proportion
 * to what he is owed, the fen left over by largest remainders. What other bearers still owe the account pays the rest.
 *
 * @returns null where the account is not negative
 */
export function writeOffOf(sums: readonly UnsettledSum[]): WriteOff | null {
  const debtFen = -totalOf(sums)
  if (debtFen <= 0) return null
  const owed = new Map<string, { bearerKind: string; bearer: string; amounts: Fen[] }>()
  for (const { bearerKind, bearer, amountFen } of sums) {
    const key = JSON.stringify([bearerKind, bearer])
    const entry = owed.get(key) ?? { bearerKind, bearer, amounts: [] }
    entry.amounts.push(amountFen)
    owed.set(key, entry)
  }
  const bearers = [...owed.values()]
    .map(({ bearerKind, bearer, amounts }) => ({ bearerKind, bearer, owedFen: -sumFen(amounts) }))
    .filter(({ owedFen }) => owedFen > 0)
  const parts = splitByLargestRemainder(
    debtFen,
    bearers.map(({ owedFen }) => owedFen),
  )
  const held = holdingsOf(sums)
  const last = held.map(({ fen }) => fen + debtFen > 0).lastIndexOf(true)
  return {
    parts: bearers
      .map(({ bearerKind, bearer }, i) => ({ bearerKind, bearer, amountFen: parts[i]! }))
      .filter(({ amountFen }) => amountFen > 0),
    availableAt: held[last + 1]!.at, // in the end it holds exactly the debt, so there is one more
  }
}

/**
 * Whether an amount written off would turn into money: at some instant from then on the account, with it, would hold
 * more than nothing. A debt whose rows are still pending cannot be written off before them: the next settlement would
 * pay the amount, and the debt would be left.
 */
export function paysOut(sums: readonly UnsettledSum[], credit: { amountFen: Fen; availableAt: Instant }): boolean {
  const held = holdingsOf(sums)
  const first = held.filter(({ at }) => at <= credit.availableAt).at(-1)?.fen ?? 0
  const later = held.filter(({ at }) => at > credit.availableAt).map(({ fen }) => fen)
  return [first, ...later].some(fen => fen + credit.amountFen > 0)
}

/** What an account holds from each instant on at which something becomes available. */
function holdingsOf(sums: readonly UnsettledSum[]): { at: Instant; fen: Fen }[] {
  const held: { at: Instant; fen: Fen }[] = []
  for (const { availableAt, amountFen } of [...sums].sort((a, b) => a.availableAt - b.availableAt)) {
    const last = held.at(-1)
    const fen = sumFen([last?.fen ?? 0, amountFen])
    if (last?.at === availableAt) last.fen = fen
    else held.push({ at: availableAt, fen })
  }
  return held
}
