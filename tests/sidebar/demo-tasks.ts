/** Made-up tasks for looking at screens. The types are the service's contract: what drifts, fails. */
import type { Task, TaskPage } from '../../server/features/task-rules/schema.ts'
import { asOf, session } from './demo-data.ts'

const own: Task = {
  taskId: '018f0000-0000-7000-8000-0000000000a1',
  kind: 'after_purchase',
  ruleId: '018f0000-0000-7000-8000-0000000000b1',
  title: '问问穿着合不合适',
  text: '您好，上次带走的羊绒围巾还合适吗？洗护有不清楚的随时问我～',
  target: null,
  dueDay: '2026-11-18',
  due: 'overdue',
  customer: { memberNo: 'VIP0042', name: '周敏', externalUserid: 'wm-zhou', occasion: '2026-11-15' },
  associate: { associateId: session.associateId, name: session.name },
  storeCode: 'S1',
  state: 'open',
  reason: null,
  stateAt: '2026-11-18T00:02:00+08:00',
  mayDo: true,
  undoUntil: null,
}

const all: Task[] = [
  own,
  {
    ...own,
    taskId: '018f0000-0000-7000-8000-0000000000a2',
    kind: 'birthday',
    title: '送上生日祝福，附上双倍积分',
    text: '祝您生日快乐！本月到店消费享双倍积分，给您留了一件新到的大衣。',
    target: { kind: 'product', ref: 'coat-01', name: '羊毛双面大衣' },
    dueDay: '2026-11-20',
    due: 'today',
    customer: { memberNo: 'VIP0001', name: '陈晓', externalUserid: 'wm-gold', occasion: '2026-11-20' },
  },
  {
    ...own,
    taskId: '018f0000-0000-7000-8000-0000000000a3',
    kind: 'follow_up',
    ruleId: null,
    title: '',
    text: '38 码到货后告诉她',
    dueDay: '2026-11-20',
    due: 'today',
    customer: { memberNo: 'VIP0077', name: null, externalUserid: null, occasion: null },
  },
  {
    ...own,
    taskId: '018f0000-0000-7000-8000-0000000000a4',
    kind: 'asleep',
    title: '三个月没来的老顾客，问候一声',
    text: '好久不见，店里换了冬季新品，有空来坐坐吗？',
    target: { kind: 'product', ref: 'scarf-01', name: '羊绒围巾（两件八折，一个很长很长的商品名称用来看截断）' },
    dueDay: '2026-11-23',
    due: 'later',
    customer: { memberNo: 'VIP0103', name: '欧阳', externalUserid: 'wm-ouyang', occasion: '2026-08-12' },
    associate: null,
  },
]

export function tasks(cursor: string | undefined): TaskPage {
  return {
    asOf,
    counts: { overdue: 1, today: 2, later: 1 },
    items: cursor ? all.slice(3) : all.slice(0, 3),
    nextCursor: cursor ? null : 'next',
  }
}

const PATH = /^\/api\/v1\/tasks\/([0-9a-f-]+)\/(done|skip|undo)$/
export const isTask = (path: string): boolean => PATH.test(path)

/** The task as the service answers after a write. */
export function changedTask(path: string, body: unknown): Task {
  const [, taskId, deed] = PATH.exec(path)!
  const task = all.find(one => one.taskId === taskId)!
  if (deed === 'undo') return task
  const { reason = null } = body as { reason?: string }
  return {
    ...task,
    state: deed === 'done' ? 'done' : 'skipped',
    reason,
    stateAt: asOf,
    mayDo: false,
    undoUntil: '2026-11-20T14:42:00+08:00',
  }
}
