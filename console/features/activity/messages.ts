import { defineMessages, locale } from '../../../sidebar/lib/locale.ts'
import { formatFen } from '../../../sidebar/lib/format.ts'
import { wordOf } from '../orders/messages.ts'
import { deeds } from './deeds.ts'

export const page = defineMessages(
  {
    help: '谁看了、导出了、决定了、改了什么。只能追加，不能修改或删除。',
    who: '谁',
    anybody: '所有人',
    what: '做了什么',
    anything: '所有操作',
    when: '时间',
    subject: '对象',
    subjectHint: '对象，如 settlements/…',
    details: '说明',
    none: '没有符合条件的记录',
    noneHelp: '换一个时间段，或去掉一些条件。',
    dataOut: '涉及数据',
  },
  {
    help: 'Who looked at, exported, decided or changed what. It can be added to, and never changed or deleted.',
    who: 'Who',
    anybody: 'Everybody',
    what: 'What',
    anything: 'Everything',
    when: 'When',
    subject: 'To what',
    subjectHint: 'To what, such as settlements/…',
    details: 'Details',
    none: 'Nothing like this was done',
    noneHelp: 'Try another span, or fewer conditions.',
    dataOut: 'data',
  },
)

/** A kind without words is shown as it is; a test holds that there is none. */
export const deedOf = (action: string): string => deeds[action]?.[locale.value === 'zh' ? 0 : 1] ?? action

/** What a record says in codes of its own feature. */
const codes = defineMessages<Record<string, string>>(
  {
    counter_scan: '付款前才扫码',
    shared_phone: '同一手机号',
    click_flood: '点击异常',
    refund_after_settlement: '结算后马上退款',
    associate: '导购',
    store: '门店',
    opening_balance: '期初余额',
    correction: '更正',
    bonus: '奖金',
    penalty: '扣款',
    write_off: '核销',
    reversal: '冲回',
  },
  {
    counter_scan: 'scanned just before the till',
    shared_phone: 'one phone number',
    click_flood: 'flood of clicks',
    refund_after_settlement: 'refund right after settlement',
    associate: 'associate',
    store: 'store',
    opening_balance: 'opening balance',
    correction: 'correction',
    bonus: 'bonus',
    penalty: 'penalty',
    write_off: 'write-off',
    reversal: 'reversal',
  },
)

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** What else was written down, the reason first. Counts, switches and ids say nothing without their names: left out. */
export function detailText(details: Record<string, unknown>, moment: (instant: string) => string): string {
  const text = (value: unknown, name: string): string => {
    if (typeof value === 'number') return name.endsWith('Fen') ? formatFen(value) : ''
    if (Array.isArray(value)) return value.map(one => text(one, name)).filter(one => one !== '').join('、') // prettier-ignore
    if (typeof value === 'object' && value !== null) {
      return Object.entries(value).map(([key, one]) => text(one, key)).filter(one => one !== '').join('/') // prettier-ignore
    }
    if (typeof value !== 'string' || uuid.test(value)) return ''
    return /^\d{4}-\d\d-\d\dT/.test(value) ? moment(value) : (codes.value[value] ?? wordOf(value))
  }
  const { reason, ...rest } = details
  return [['reason', reason] as const, ...Object.entries(rest)]
    .map(([name, value]) => (name === 'reason' && typeof value === 'string' ? value : text(value, name)))
    .filter(said => said !== '')
    .join(' · ')
}
