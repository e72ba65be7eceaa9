import { Type, type Static } from 'typebox'
import { InstantText, Key, OneOf, Strict } from '../../lib/schema.ts'

export const TaskEventItem = Strict({
  taskId: Key('The task.'),
  kind: OneOf(['done', 'undone'], 'Whether it was done, or was not after all.'),
  at: InstantText('When. Of one task the latest counts.'),
  associateId: Key('Who did it.'),
  task: Key('What kind of task, as plans name it.'),
  memberNo: Type.Optional(Key('For which member.')),
})
export type TaskEventItem = Static<typeof TaskEventItem>
