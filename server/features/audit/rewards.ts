import type { Pool, Tx } from '../../database.ts'
import { formatInstant } from '../../lib/time.ts'
import {
  bookedRewardKeys,
  bookedRewards,
  decideRewardsOf,
  paysRewards,
  plansOf,
  rewardKey,
  rewardLedger,
  rewardSubjectOf,
  rewardSubjects,
  type RewardEntitlement,
  type RewardSubject,
} from '../commissions/service.ts'

/** A reward for an event whose three accounts of it do not agree. */
export interface AuditedReward extends Omit<RewardEntitlement, 'availableAt' | 'amountFen'> {
  availableAt: string
  decidedFen: number
  entitlementFen: number
  ledgerFen: number
}

const SUBJECTS_PER_BATCH = 500

/**
 * Decides every reward again and holds it against what is kept and what the ledger adds up to. Batch by batch, each in
 * a snapshot: first by evidence, then by what is kept or booked, which might be for something that nobody told of.
 */
export async function auditRewards(
  pool: Pool,
  brandId: number,
): Promise<{ checkedSubjects: number; differing: AuditedReward[] }> {
  const differing = new Map<string, AuditedReward>()
  let checkedSubjects = 0
  const isAny = paysRewards(await plansOf(pool, brandId))
  for (const kind of isAny ? (['member', 'customer', 'task', 'booked'] as const) : (['booked'] as const)) {
    let after: string | null = ''
    while (after !== null) {
      const options = { brandId, after, limit: SUBJECTS_PER_BATCH }
      const batch = (await pool.begin('ISOLATION LEVEL REPEATABLE READ READ ONLY', async tx => {
        const keys =
          kind === 'booked' ? await bookedRewardKeys(tx, options) : await rewardSubjects(tx, { ...options, kind })
        return { keys, rows: await compare(tx, brandId, kind, keys) }
      })) as { keys: string[]; rows: AuditedReward[] }
      for (const row of batch.rows) differing.set(JSON.stringify(row), row)
      if (kind !== 'booked') checkedSubjects += batch.keys.length
      after = batch.keys.length < SUBJECTS_PER_BATCH ? null : batch.keys.at(-1)!
    }
  }
  return { checkedSubjects, differing: [...differing.values()] }
}

async function compare(
  tx: Tx,
  brandId: number,
  kind: RewardSubject['kind'] | 'booked',
  keys: readonly string[],
): Promise<AuditedReward[]> {
  if (keys.length === 0) return []
  const subjects = keys.flatMap((key): RewardSubject[] => {
    const subject = kind === 'booked' ? rewardSubjectOf(key) : { kind, key }
    return subject === null ? [] : [subject]
  })
  const decided = await decideRewardsOf(tx, { brandId, plans: await plansOf(tx, brandId), subjects })
  const subjectKeys = [...new Set([...decided.subjectKeys, ...(kind === 'booked' ? keys : [])])]
  const [kept, ledger] = await Promise.all([
    bookedRewards(tx, { brandId, subjectKeys }),
    rewardLedger(tx, { brandId, subjectKeys }),
  ])
  const sums = new Map<string, AuditedReward>()
  const add = (rows: readonly RewardEntitlement[], column: 'decidedFen' | 'entitlementFen' | 'ledgerFen') => {
    for (const row of rows) {
      const sum = sums.get(rewardKey(row)) ?? {
        subjectKey: row.subjectKey,
        payeeKind: row.payeeKind,
        payee: row.payee,
        bearerKind: row.bearerKind,
        bearer: row.bearer,
        ruleId: row.ruleId,
        planCode: row.planCode,
        planVersion: row.planVersion,
        availableAt: formatInstant(row.availableAt),
        decidedFen: 0,
        entitlementFen: 0,
        ledgerFen: 0,
      }
      sum[column] += row.amountFen
      sums.set(rewardKey(row), sum)
    }
  }
  add(
    decided.events.flatMap(event => event.owed ?? []),
    'decidedFen',
  )
  add(kept, 'entitlementFen')
  add(ledger, 'ledgerFen')
  return [...sums.values()].filter(
    ({ decidedFen, entitlementFen, ledgerFen }) => decidedFen !== entitlementFen || decidedFen !== ledgerFen,
  )
}
