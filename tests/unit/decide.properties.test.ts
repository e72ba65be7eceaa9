import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isAssociateRole } from '../../server/features/attribution/domain.ts'
import { decide, differences, entitlementKey, type Entitlement } from '../../server/features/commissions/domain.ts'
import { splitByLargestRemainder } from '../../server/lib/money.ts'
import { compareBytes } from '../../server/lib/text.ts'
import { formatInstant, parseInstant } from '../../server/lib/time.ts'
import { history, plans, randomOf, shuffled, type History } from '../builders/histories.ts'
import { Memory, owedBy, plansOfBodies, sortedText, type Decided } from '../builders/memory.ts'
import { owedByOracle } from '../builders/oracle.ts'
import { isThorough } from '../support/thorough.ts'

const decideAll = ({ master, evidence, overrides, lateMaster }: History, bodies: Parameters<typeof plansOfBodies>[0]) =>
  new Memory().take(master).take(evidence).override(overrides).take(lateMaster).decide(plansOfBodies(bodies))

const seeds = fc.integer()

describe('of random histories', () => {
  test('any sequence and repetition of the evidence ends in the same entitlements', () => {
    fc.assert(
      fc.property(history, plans, seeds, (told, bodies, seed) => {
        const random = randomOf(seed)
        const again = { ...told, evidence: shuffled(told.evidence, random, 5) }
        expect(sortedText(owedBy(decideAll(again, bodies)))).toEqual(sortedText(owedBy(decideAll(told, bodies))))
      }),
      { numRuns: isThorough ? 4_000 : 1_500 },
    )
  })

  test('what is owed is what a second reading of the rules says; no line pays associates beyond its cap', () => {
    let owed = 0
    fc.assert(
      fc.property(history, plans, (told, bodies) => {
        for (const { evidence, plan, decision } of decideAll(told, bodies)) {
          const oracle = owedByOracle(evidence, plan)
          // Compared as text: `toEqual` is for the few that differ.
          if (JSON.stringify(decision.entitlements) !== JSON.stringify(oracle)) {
            expect(decision.entitlements).toEqual(oracle)
          }
          expect(faultsOfLines(plan?.lineCapBps, decision)).toEqual([])
          owed += decision.entitlements.length
        }
      }),
      { numRuns: isThorough ? 4_000 : 1_500 },
    )
    expect(owed).toBeGreaterThan(1_500) // else the histories say nothing
  })

  test('booking the differences after each piece of evidence ends at what is owed, whatever came when', () => {
    fc.assert(
      fc.property(history, plans, seeds, (told, bodies, seed) => {
        const all = plansOfBodies(bodies)
        const memory = new Memory().take(told.master)
        const ledger = new Map<string, Map<string, Entitlement>>()
        for (const piece of shuffled(told.evidence, randomOf(seed))) {
          book(ledger, memory.take([piece]).decide(all))
        }
        book(ledger, memory.override(told.overrides).decide(all))
        const decided = memory.take(told.lateMaster).decide(all)
        book(ledger, decided)
        for (const { evidence, decision } of decided) {
          const booked = [...ledger.get(evidence.order.orderNo)!.values()]
          expect(sortedText(booked)).toEqual(sortedText(decision.entitlements))
          expect(differences(booked, decision.entitlements)).toEqual([])
        }
      }),
      { numRuns: 600 },
    )
  })

  test('a refund never raises the net of a line, nor what is owed to anybody for it', () => {
    const refund = fc.record({
      lineNo: fc.integer({ min: 1, max: 3 }),
      quantity: fc.nat(3),
      refundFen: fc.oneof(fc.nat(50_000), fc.nat(1_000_000_000_000)),
    })
    fc.assert(
      fc.property(history, plans, fc.array(refund, { minLength: 1, maxLength: 3 }), (told, bodies, lines) => {
        for (const { evidence, plan, decision } of decideAll(told, bodies)) {
          const more = { refundNo: 'one-more', revision: 1, refundedAt: 0, lines }
          const after = decide({ ...evidence, refunds: [...evidence.refunds, more] }, plan)
          for (const [i, line] of after.lines.entries()) {
            const before = decision.lines[i]!
            const isLess = (role: (typeof line.roles)[number], j: number) =>
              role.amountFen <= before.roles[j]!.amountFen
            expect([line.netFen <= before.netFen, line.netQuantity <= before.netQuantity]).toEqual([true, true])
            expect(line.roles.every(isLess)).toBe(true)
          }
        }
      }),
      { numRuns: isThorough ? 2_000 : 1_000 },
    )
  })
})

function faultsOfLines(lineCapBps: number | undefined, { lines, entitlements }: Decided['decision']): string[] {
  const faults: string[] = []
  const hold = (isSound: boolean, fault: string) => isSound || faults.push(fault)
  for (const line of lines) {
    let paid = 0n
    for (const role of line.roles) {
      hold(role.afterCapFen >= 0, 'an amount is below 0')
      hold(role.afterSameAssociateFen <= role.amountFen, 'the highest is higher than before')
      hold(role.afterCapFen <= role.afterSameAssociateFen, 'the cap adds to an amount')
      hold(role.amountFen <= line.netFen, 'a role gets more than the net')
      if (isAssociateRole(role.role)) paid += BigInt(role.afterCapFen)
    }
    if (lineCapBps === undefined) continue
    hold(paid <= (BigInt(line.netFen) * BigInt(lineCapBps)) / 10_000n, 'the line pays beyond its cap')
  }
  hold(new Set(entitlements.map(entitlementKey)).size === entitlements.length, 'a key is there twice')
  hold(
    entitlements.every(entry => entry.amountFen > 0),
    'an entitlement of 0 is booked',
  )
  return faults
}

/** Adds the differences to what is booked, as the ledger does. */
function book(ledger: Map<string, Map<string, Entitlement>>, decided: readonly Decided[]): void {
  for (const { evidence, decision } of decided) {
    const booked = ledger.get(evidence.order.orderNo) ?? new Map<string, Entitlement>()
    ledger.set(evidence.order.orderNo, booked)
    for (const row of differences([...booked.values()], decision.entitlements)) {
      const key = entitlementKey(row)
      const amountFen = (booked.get(key)?.amountFen ?? 0) + row.amountFen
      if (amountFen === 0) booked.delete(key)
      else booked.set(key, { ...row, amountFen })
    }
  }
}

describe('split by largest remainder', () => {
  const weights = fc
    .array(fc.oneof(fc.nat(1000), fc.nat(1_000_000_000_000)), { minLength: 1, maxLength: 5 })
    .filter(all => all.some(weight => weight > 0))
  const limit = fc.oneof(fc.nat(1000), fc.nat(1_000_000_000_000))

  test('gives out the limit exactly, each within a fen of his share, and the larger remainder first', () => {
    fc.assert(
      fc.property(weights, limit, (all, fen) => {
        const parts = splitByLargestRemainder(fen, all)
        const total = all.reduce((sum, weight) => sum + BigInt(weight), 0n)
        const floors = all.map(weight => (BigInt(fen) * BigInt(weight)) / total)
        const rests = all.map(weight => (BigInt(fen) * BigInt(weight)) % total)
        expect(parts.reduce((sum, part) => sum + BigInt(part), 0n)).toBe(BigInt(fen))
        const extra = parts.map((part, i) => BigInt(part) - floors[i]!)
        expect(extra.every(fens => fens === 0n || fens === 1n)).toBe(true)
        for (const [i, mine] of rests.entries()) {
          for (const [j, other] of rests.entries()) {
            const comesFirst = mine > other || (mine === other && i < j)
            if (comesFirst && extra[j] === 1n) expect(extra[i]).toBe(1n)
          }
        }
      }),
      { numRuns: 5_000 },
    )
  })
})

test('strings are compared as their UTF-8 bytes are', () => {
  const text = fc.string({ unit: fc.oneof(fc.string({ unit: 'grapheme', maxLength: 1 }), fc.constantFrom('-', '～', '\u{1F600}', '\uFFFD', '\uE000')) }) // prettier-ignore
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(Math.sign(compareBytes(a, b))).toBe(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))))
    }),
    { numRuns: 10_000 },
  )
})

test('an instant that is written is read as the same, whatever the offset, cut off to the millisecond', () => {
  const instants = fc.integer({ min: Date.parse('0001-02-01T00:00:00Z'), max: Date.parse('9999-12-01T00:00:00Z') })
  fc.assert(
    fc.property(
      instants,
      fc.integer({ min: -14 * 60, max: 14 * 60 }),
      fc.stringMatching(/^\d{0,6}$/),
      (at, offset, digits) => {
        expect(parseInstant(formatInstant(at))).toBe(at)
        const local = new Date(at + offset * 60_000).toISOString().slice(0, -1)
        const two = (part: number) => String(part).padStart(2, '0')
        const sign = offset < 0 ? '-' : '+'
        const zone = `${sign}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`
        expect(parseInstant(`${local}${digits}${zone}`)).toBe(at)
      },
    ),
  )
})
