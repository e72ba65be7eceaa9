import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decidePayments,
  isPayable,
  payeeKey,
  paymentStateOf,
  type Payment,
  type PaymentReport,
  type StatementToPay,
} from '../../server/features/settlements/domain.ts'

const NOW = Date.parse('2026-05-01T04:00:00Z')

const statement = (payee: string, totalFen: number, payments: Payment[] = []): StatementToPay => ({
  payeeKind: 'associate',
  payee,
  totalFen,
  carried: totalFen < 0,
  payments,
})
const report = (payee: string, over: Partial<PaymentReport> = {}): PaymentReport => ({
  payeeKind: 'associate',
  payee,
  status: 'paid',
  reference: null,
  reason: null,
  at: null,
  ...over,
})
const mapOf = (...statements: StatementToPay[]) => new Map(statements.map(one => [payeeKey(one), one]))

describe('recording payments', () => {
  test.each([
    ['owed something', 1, true],
    ['owed nothing', 0, false],
    ['owing', -1, false],
  ])('whoever is %s', (_, totalFen, is) => {
    expect(isPayable(statement('A', totalFen))).toBe(is)
  })

  test('names every fault, and records nothing then', () => {
    const statements = mapOf(statement('A', 5), statement('B', -5), statement('C', 0))
    const { faults } = decidePayments(
      statements,
      [report('A'), report('B'), report('C'), report('D'), report('A', { status: 'failed' })],
      NOW,
    )
    expect(faults.map(fault => [fault.path, fault.code])).toEqual([
      ['payments[1].payee', 'not_payable'],
      ['payments[2].payee', 'not_payable'],
      ['payments[3].payee', 'unknown_payee'],
      ['payments[4].status', 'paid_already'],
    ])
  })

  test('a failure and its retry in one call are both recorded, in sequence', () => {
    const told = [report('A', { status: 'failed', reason: 'x' }), report('A', { reference: 'r' })]
    expect(decidePayments(mapOf(statement('A', 5)), told, NOW).payments).toEqual([
      { payeeKind: 'associate', payee: 'A', status: 'failed', reference: null, reason: 'x', at: NOW, amountFen: 5 },
      { payeeKind: 'associate', payee: 'A', status: 'paid', reference: 'r', reason: null, at: NOW, amountFen: 5 },
    ])
  })

  test('whatever is told, a statement is paid once, and telling it again changes nothing', () => {
    const reports = fc.array(
      fc.record({
        payee: fc.constantFrom('A', 'B', 'C'),
        status: fc.constantFrom('paid' as const, 'failed' as const),
        reference: fc.constantFrom(null, 'r1', 'r2'),
        reason: fc.constantFrom(null, 'x'),
        at: fc.constantFrom(null, NOW - 1, NOW),
      }),
      { minLength: 1, maxLength: 6 },
    )
    fc.assert(
      fc.property(fc.array(reports, { minLength: 1, maxLength: 5 }), calls => {
        const kept = mapOf(statement('A', 5), statement('B', 7), statement('C', 9))
        const record = (call: (typeof calls)[number], now: number) => {
          const { payments, faults } = decidePayments(kept, call.map(one => report(one.payee, one)), now) // prettier-ignore
          if (faults.length > 0) return null
          for (const { payeeKind, payee, amountFen, ...payment } of payments) {
            const key = payeeKey({ payeeKind, payee })
            const before = kept.get(key)!
            expect(amountFen).toBe(before.totalFen)
            kept.set(key, { ...before, payments: [...before.payments, payment] })
          }
          return payments.length
        }
        for (const [i, call] of calls.entries()) {
          if (record(call, NOW + i) === null) continue
          expect(record(call, NOW + i + 100)).toBe(0)
        }
        for (const { payments } of kept.values()) {
          const paid = payments.filter(payment => payment.status === 'paid')
          expect(paid.length).toBeLessThanOrEqual(1)
          // Nothing follows a payment.
          if (paid.length === 1) expect(payments.at(-1)).toEqual(paid[0])
          expect(paymentStateOf(payments)).toBe(paid.length === 1 ? 'paid' : payments.length > 0 ? 'failed' : 'none')
        }
      }),
      { numRuns: 500 },
    )
  })
})
