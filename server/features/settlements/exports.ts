import type { Pool } from '../../database.ts'
import type { Column, SheetFormat, Table } from '../../lib/sheets.ts'
import type { Instant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller } from '../auth/domain.ts'
import type { Settlement } from './schema.ts'
import { getSettlement } from './service.ts'

/** Who takes a list away as a file. */
export interface Exporting {
  caller: Caller
  format: SheetFormat
  now: Instant
}

/**
 * Writes down who takes what away, and gives it out. A list of a draft that is discarded meanwhile ends with a failure:
 * what is left of it must not look like the whole.
 *
 * @param options.what below the settlement's address, as `statements`
 */
export async function exportOf<Row>(
  pool: Pool,
  { caller, format, now }: Exporting,
  options: {
    settlement: Settlement
    what: string
    columns: readonly Column<Row>[]
    rows: AsyncIterable<Row>
  },
): Promise<Table<Row>> {
  const { settlement, what, columns, rows } = options
  const { settlementId } = settlement
  await insertActivity(pool, {
    brandId: caller.brandId,
    now,
    actor: caller.actor,
    action: 'settlement.exported',
    subject: `settlements/${settlementId}/${what}`,
    details: { format, status: settlement.status },
  })
  async function* whole() {
    yield* rows
    await getSettlement(pool, caller, settlementId)
  }
  return { name: `settlement-${settlementId}-${what.split('/')[0]}`, columns, rows: whole() }
}

// --------------------------------------------------------------------------------------------------- words

/** Files are read by payroll and accountants in China: their words, not ours. */
const KINDS: Readonly<Record<string, string>> = { associate: '导购', store: '门店', headquarters: '总部' }
const PURPOSES: Readonly<Record<string, string>> = {
  sharer: '分享导购提成',
  closer: '成交导购提成',
  attributed: '归属导购提成',
  opener: '开卡导购提成',
  inviter: '邀请人提成',
  selling_store: '销售门店分成',
  home_store: '服务门店分成',
  opening_store: '开卡门店分成',
  sharer_store: '分享门店分成',
  headquarters: '总部服务费',
  bonus: '月度阶梯奖金',
  event: '事件奖励',
  adjustment: '人工调整',
}
const PAYEE_TYPES: Readonly<Record<string, string>> = { employee: '员工工资', individual: '劳务报酬', company: '公司' }
const REASONS: Readonly<Record<string, string>> = {
  sale: '销售',
  refund: '退款',
  evidence: '后到的凭据',
  override: '人工裁定',
  plan: '方案变更',
  adjustment: '人工调整',
}
const PAYMENTS: Readonly<Record<string, string>> = { none: '未付', paid: '已付', failed: '付款失败' }

export const kindWord = (kind: string): string => KINDS[kind] ?? kind
export const purposeWord = (purpose: string): string => PURPOSES[purpose] ?? purpose
export const reasonWord = (reason: string): string => REASONS[reason] ?? reason
export const paymentWord = (state: string): string => PAYMENTS[state] ?? state
export const yesWord = (isSo: boolean): string => (isSo ? '是' : '否')

/** What payroll does with it; headquarters is paid by nobody's payroll. */
export const payeeTypeWord = ({ payeeKind, payeeType }: { payeeKind: string; payeeType: string | null }): string =>
  payeeKind === 'headquarters' ? '' : (PAYEE_TYPES[payeeType ?? ''] ?? '未登记')

export const nameWord = (kind: string, name: string | null): string | null => (kind === 'headquarters' ? '总部' : name)
