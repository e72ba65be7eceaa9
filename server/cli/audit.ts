/**
 * `npm run audit`: decides every order, monthly bonus and reward again and holds the result against entitlements and
 * ledger, confirmed adjustments against their rows, and what the binding policy makes of events against what is kept.
 * Batch by batch, so memory stays the same however long the history is; each batch sees one instant, so it may run while
 * the service works.
 */
import { auditHistory } from '../features/audit/history.ts'
import {
  auditAdjustments,
  auditBatch,
  auditBindings,
  auditMonths,
  auditRewards,
  type AuditedAdjustment,
  type AuditedBinding,
  type AuditedMonth,
  type AuditedOrder,
  type AuditedReward,
  type AuditBatch,
  type AuditPosition,
} from '../features/audit/service.ts'
import { allBrands, chooseBrand } from '../features/brands/service.ts'
import { reconcileHealth } from '../features/commissions/service.ts'
import { formatInstant, parseInstant, type Instant } from '../lib/time.ts'
import { readArguments, runCommand, say, withData, wrongArguments, type CommandContext } from './command.ts'

const usage = `npm run audit [-- --from INSTANT --to INSTANT] [--brand SLUG]

  --from, --to   only orders paid from the one until before the other, and nothing else; RFC 3339 with offset, such
                 as 2026-03-01T00:00:00+08:00
  --brand        one brand alone; all of them unless said

Exit code 0: everything agrees. 1: something differs, each key on a line of its own, or the audit ended early.
`

await runCommand(async argv => {
  const { values } = readArguments(argv, usage, {
    options: { from: { type: 'string' }, to: { type: 'string' }, brand: { type: 'string' } },
  })
  const from = readInstant('--from', values.from)
  const to = readInstant('--to', values.to)
  return await withData(async context => {
    const { pool } = context
    const chosen =
      values.brand === undefined ? await allBrands(pool) : [await chooseBrand(pool, { slug: values.brand })]
    let exitCode = 0
    for (const { brandId, slug } of chosen) {
      if (chosen.length > 1) process.stdout.write(`brand ${slug}:\n`)
      exitCode = Math.max(exitCode, await audit(context, { brandId, from, to }))
    }
    return exitCode
  })
})

function readInstant(option: string, text: string | undefined): Instant | null {
  if (text === undefined) return null
  const instant = parseInstant(text)
  if (instant === null) throw wrongArguments(`${option} must be an instant with its offset; ${text} is none`, usage)
  return instant
}

async function audit(
  { pool, signal }: CommandContext,
  { brandId, from, to }: { brandId: number; from: Instant | null; to: Instant | null },
): Promise<number> {
  const { pendingOrders } = await reconcileHealth(pool, brandId, Date.now())
  if (pendingOrders > 0) say(`${pendingOrders} orders are still to be booked; they may show as different until then.`)
  const progress = createProgressLine()
  let checkedOrders = 0
  let differingOrders = 0
  let at: string | null = null
  const tell = (batch: Pick<AuditBatch, 'checkedOrders' | 'differing'>) => {
    checkedOrders += batch.checkedOrders
    differingOrders += batch.differing.length
    if (batch.differing.length > 0) progress.end()
    for (const order of batch.differing) process.stdout.write(describeOrder(order))
    progress.show(`${checkedOrders} orders checked${at === null ? '' : `, until ${at}`}; ${differingOrders} differ`)
  }
  let isComplete: boolean
  if (from === null && to === null) {
    isComplete = await auditHistory(pool, {
      brandId,
      signal,
      onProgress: batch => {
        if (batch.paidAt !== null) at = formatInstant(batch.paidAt)
        tell(batch)
      },
    })
  } else {
    let after: AuditPosition | null = null
    do {
      const batch: AuditBatch = await auditBatch(pool, { brandId, from, to, after })
      after = batch.next
      at = after?.paidAt ?? at
      tell(batch)
    } while (after !== null && !signal.aborted)
    isComplete = after === null
  }
  progress.end()
  process.stdout.write(`${checkedOrders} orders checked, ${differingOrders} differ\n`)
  if (!isComplete) {
    say(`Ended early; go on with --from ${at}`)
    return 1
  }
  if (from !== null || to !== null) return differingOrders === 0 ? 0 : 1
  const months = await auditMonths(pool, brandId)
  for (const month of months.differing) process.stdout.write(describeMonth(month))
  if (months.checkedMonths > 0) {
    process.stdout.write(`${months.checkedMonths} monthly bonuses checked, ${months.differing.length} differ\n`)
  }
  const rewards = await auditRewards(pool, brandId)
  for (const reward of rewards.differing) process.stdout.write(describeReward(reward))
  if (rewards.checkedSubjects > 0) {
    process.stdout.write(
      `rewards for ${rewards.checkedSubjects} members, contacts and tasks checked, ${rewards.differing.length} differ\n`,
    )
  }
  const adjustments = await auditAdjustments(pool, brandId)
  for (const adjustment of adjustments) process.stdout.write(describeAdjustment(adjustment))
  const { checkedMembers, differing: bindings } = await auditBindings(pool, brandId)
  for (const binding of bindings) process.stdout.write(describeBinding(binding))
  if (checkedMembers > 0)
    process.stdout.write(`${checkedMembers} members' bindings checked, ${bindings.length} differ\n`)
  return differingOrders + months.differing.length + rewards.differing.length + adjustments.length + bindings.length ===
    0
    ? 0
    : 1
}

/** One line for each key whose three sums do not agree. */
function describeOrder({ source, orderNo, differences, bases }: AuditedOrder): string {
  const lines = [
    ...differences.map(
      row =>
        `${source}/${orderNo} line ${row.lineNo} ${row.role} ${row.payeeKind} ${row.payee} ` +
        `from ${row.bearerKind} ${row.bearer}, rule ${row.ruleId} of ${row.planCode}/${row.planVersion}, ` +
        `available ${row.availableAt}: decided ${row.decidedFen}, entitlement ${row.entitlementFen}, ` +
        `ledger ${row.ledgerFen} fen\n`,
    ),
    ...bases.map(
      row => `${source}/${orderNo} basis of ${row.associateId}: decided ${row.decidedFen}, kept ${row.keptFen} fen\n`,
    ),
  ]
  return lines.join('')
}

function describeMonth({ associateId, month, decidedFen, entitlementFen, ledgerFen }: AuditedMonth): string {
  return `bonus of ${associateId} for ${month}: decided ${decidedFen}, entitlement ${entitlementFen}, ledger ${ledgerFen} fen\n`
}

function describeReward(row: AuditedReward): string {
  return (
    `${row.subjectKey} ${row.payeeKind} ${row.payee} from ${row.bearerKind} ${row.bearer}, rule ${row.ruleId} of ` +
    `${row.planCode}/${row.planVersion}, available ${row.availableAt}: decided ${row.decidedFen}, ` +
    `entitlement ${row.entitlementFen}, ledger ${row.ledgerFen} fen\n`
  )
}

function describeAdjustment(row: AuditedAdjustment): string {
  return (
    `adjustment ${row.adjustmentId} of ${row.payeeKind} ${row.payee} from ${row.bearerKind} ${row.bearer}, ` +
    `available ${row.availableAt}: confirmed ${row.confirmedFen}, ledger ${row.ledgerFen} fen in ${row.rowCount} rows\n`
  )
}

function describeBinding({ memberNo, derived, kept }: AuditedBinding): string {
  const list = (rows: AuditedBinding['kept']) =>
    rows.map(row => `${row.associateId} from ${row.from} by ${row.event} ${row.eventId}`).join(', ') || 'nobody'
  return `binding of ${memberNo}: derived ${list(derived)}; kept ${list(kept)}\n`
}

/** On a terminal one line that changes; in a log one every few seconds. */
function createProgressLine(): { show(text: string): void; end(): void } {
  const { isTTY } = process.stderr
  const everyMs = isTTY ? 100 : 5000
  let shownAtMs = Date.now()
  let isOpen = false
  return {
    show(text) {
      if (Date.now() - shownAtMs < everyMs) return
      shownAtMs = Date.now()
      process.stderr.write(isTTY ? `\r${text}\u001b[K` : `${text}\n`)
      isOpen = isTTY
    },
    end() {
      if (isOpen) process.stderr.write('\r\u001b[K')
      isOpen = false
    },
  }
}
