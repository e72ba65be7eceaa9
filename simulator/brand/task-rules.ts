import { catalogue } from './catalogue.ts'
import { dayMs, zoneMs } from './span.ts'

/** Headquarters' rules of the demo brand, as `POST /api/v1/task-rules` takes them. */
export function makeTaskRules(now: number): object[] {
  const target = { kind: 'product', ref: catalogue[0]!.sku }
  return [
    {
      kind: 'after_purchase',
      days: 3,
      title: '买后三天，问问穿着合不合适',
      text: '您好，前几天带走的衣服还合适吗？洗护有不清楚的随时问我～',
      priority: 30,
    },
    {
      kind: 'birthday',
      days: 7,
      title: '送上生日祝福',
      text: '祝您生日快乐！本月到店有一份生日小方巾，给您留着。',
      priority: 40,
    },
    {
      kind: 'asleep',
      days: 60,
      title: '两个月没来了，问候一声',
      text: '好久不见！店里换了新一季，给您挑了一件，您看看喜欢吗？',
      target,
      priority: 10,
    },
    {
      kind: 'campaign',
      segment: { levels: ['金卡'] },
      lastDay: new Date(now + zoneMs + 14 * dayMs).toISOString().slice(0, 10),
      title: '金卡会员新品预览',
      text: '金卡会员可以提前看新品，这件我觉得很适合您，先发您看看。',
      target,
      priority: 20,
    },
  ]
}
