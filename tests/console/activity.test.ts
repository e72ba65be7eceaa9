// @vitest-environment happy-dom
import { beforeEach, describe, expect, test } from 'vitest'
import { detailText } from '../../console/features/activity/messages.ts'
import { subjectText } from '../../console/features/activity/subjects.ts'
import { locale } from '../../sidebar/lib/locale.ts'

describe('what was done is told in words', () => {
  beforeEach(() => void (locale.value = 'zh'))

  test.each([
    ['plans/drafts/明年', '提成方案 草稿 明年', 'Plan draft 明年'],
    ['plans/standard/versions/2', '提成方案 standard 第 2 版', 'Plan standard version 2'],
    ['settings/messages', '设置 消息提醒', 'Settings messages'],
    ['orders/pos/P-1', '订单 pos P-1', 'Order pos P-1'],
    ['risks/018f2c00-0000-7000-8000-0000000abcde', '风险 0abcde', 'Risk 0abcde'],
  ])('%s', (subject, zh, en) => {
    expect(subjectText(subject)).toBe(zh)
    locale.value = 'en'
    expect(subjectText(subject)).toBe(en)
  })

  test('ids are left out of its details', () => {
    const details = { role: 'closer', overrideId: '018f2c00-0000-7000-8000-0000000abcde', reason: '选错了' }
    expect(detailText(details, instant => instant)).toBe('选错了 · 成交导购')
  })
})
