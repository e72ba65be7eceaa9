import type { Fen } from '../../lib/money.ts'
import type { Instant } from '../../lib/time.ts'
import type { ValueFault } from '../../lib/validate.ts'

/** Who is paid what, and what became of it: rules over plain values. */

export const PAYEE_KINDS = ['associate', 'store', 'headquarters'] as const
export type PayeeKind = (typeof PAYEE_KINDS)[number]

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Whether a text in a path can be a settlement's id: one that cannot is not there, as any other that is not. */
export const isSettlementId = (text: string): boolean => UUID.test(text)

export type PaymentState = 'none' | 'paid' | 'failed'

/** One try to pay a statement. */
export interface Payment {
  status: 'paid' | 'failed'
  reference: string | null
  reason: string | null
  at: Instant
}

/** What became of a statement, whatever the order of its tries. */
export function paymentStateOf(payments: readonly Pick<Payment, 'status'>[]): PaymentState {
  if (payments.some(payment => payment.status === 'paid')) return 'paid'
  return payments.length > 0 ? 'failed' : 'none'
}

export interface StatementToPay {
  payeeKind: string
  payee: string
  totalFen: Fen
  carried: boolean
  /** Oldest first. */
  payments: readonly Payment[]
}

/** Nobody is sent a bill, and nothing is paid where nothing is owed. */
export const isPayable = ({ totalFen, carried }: Pick<StatementToPay, 'totalFen' | 'carried'>): boolean =>
  !carried && totalFen > 0

/** What somebody says became of one payment. */
export interface PaymentReport extends Omit<Payment, 'at'> {
  payeeKind: string
  payee: string
  /** null: now. */
  at: Instant | null
}

export const payeeKey = ({ payeeKind, payee }: { payeeKind: string; payee: string }): string =>
  JSON.stringify([payeeKind, payee])

export type NewPayment = Payment & { payeeKind: string; payee: string; amountFen: Fen }

/**
 * Which tries to record. A statement is paid once: a second `paid` changes nothing, and neither does a failure that was
 * told before. What was paid cannot fail afterwards.
 *
 * @param statements those that the reports name, by `payeeKey`; one that is not there is a fault
 * @returns what to record, in the order told; with faults, nothing is to be recorded
 */
export function decidePayments(
  statements: ReadonlyMap<string, StatementToPay>,
  reports: readonly PaymentReport[],
  now: Instant,
): { payments: NewPayment[]; faults: ValueFault[] } {
  const payments: NewPayment[] = []
  const faults: ValueFault[] = []
  const tries = new Map([...statements].map(([key, statement]) => [key, [...statement.payments]]))
  for (const [i, report] of reports.entries()) {
    const at = `payments[${i}]`
    const key = payeeKey(report)
    const statement = statements.get(key)
    const told = tries.get(key) ?? []
    if (!statement) {
      faults.push({ path: `${at}.payee`, code: 'unknown_payee', message: 'This payee has no statement here.' })
    } else if (!isPayable(statement)) {
      faults.push({ path: `${at}.payee`, code: 'not_payable', message: 'Nothing is to be paid on this statement.' })
    } else if (!isKnown(report, told)) {
      if (paymentStateOf(told) === 'paid') {
        faults.push({ path: `${at}.status`, code: 'paid_already', message: 'This statement was paid before.' })
        continue
      }
      const { status, reference, reason, payeeKind, payee } = report
      const payment = { status, reference, reason, at: report.at ?? now }
      told.push(payment)
      payments.push({ ...payment, payeeKind, payee, amountFen: statement.totalFen })
    }
  }
  return { payments, faults }
}

/** Whether a report says nothing new. */
function isKnown({ status, reference, reason, at }: PaymentReport, told: readonly Payment[]): boolean {
  if (status === 'paid') return paymentStateOf(told) === 'paid'
  return told.some(
    before =>
      before.status === 'failed' &&
      before.reference === reference &&
      before.reason === reason &&
      (at === null || at === before.at),
  )
}
