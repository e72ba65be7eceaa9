import { conflict, created, unchanged, unknownAssociate } from '../../lib/items.ts'
import { formatInstant, parseInstant } from '../../lib/time.ts'
import { createBareMembers, type Take } from '../evidence/service.ts'
import { existingAssociates } from '../stores/service.ts'
import { insertTaskEvents, selectTaskEvents, type TaskEvent, type TaskEventKey } from './queries.ts'
import type { TaskEventItem } from './schema.ts'

export { selectTaskEvents as taskEventsOf, type TaskEvent } from './queries.ts'
export { TaskEventItem } from './schema.ts'

/** Tasks that were done, or were not after all: each once by task, instant and kind; other content is a conflict. */
export const takeTaskEvents: Take<TaskEventItem> = async (context, items) => {
  const { tx, brandId, now } = context
  const associates = await existingAssociates(
    tx,
    brandId,
    items.map(item => item.associateId),
  )
  const rows = items.map(eventOf)
  const isKnown = (row: TaskEvent) => associates.has(row.associateId)
  await createBareMembers(tx, { brandId, now, memberNos: rows.filter(isKnown).flatMap(row => row.memberNo ?? []) })
  const first = new Map<string, TaskEvent>()
  for (const row of rows.filter(isKnown)) if (!first.has(keyOf(row))) first.set(keyOf(row), row)
  const inserted = await insertTaskEvents(tx, { brandId, now, rows: [...first.values()] })
  const isNew = new Set(inserted.map(keyOf))
  for (const row of await selectTaskEvents(tx, { brandId, taskIds: [...first.values()].map(row => row.taskId) })) {
    first.set(keyOf(row), row)
  }
  return rows.map(row => {
    const key = keyOf(row)
    if (!isKnown(row)) return unknownAssociate(key, row.associateId, 'associateId')
    if (isNew.delete(key)) {
      context.reward({ kind: 'task', key: row.taskId })
      return created(key)
    }
    const told = first.get(key)!
    const other = (['associateId', 'task', 'memberNo'] as const).find(field => told[field] !== row[field])
    return other === undefined ? unchanged(key) : conflict(key, 'This was told before with other content.', other)
  })
}

const keyOf = ({ taskId, kind, at }: TaskEventKey) => `${taskId}/${kind}/${formatInstant(at)}`

const eventOf = (item: TaskEventItem): TaskEvent => ({
  taskId: item.taskId,
  kind: item.kind,
  at: parseInstant(item.at)!,
  associateId: item.associateId,
  task: item.task,
  memberNo: item.memberNo ?? null,
})
