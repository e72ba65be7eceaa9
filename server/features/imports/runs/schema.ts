import { Type, type Static } from 'typebox'
import { ListQuery } from '../../../lib/list-query.ts'
import { Nullable, OneOf } from '../../../lib/schema.ts'

const instant = (description: string) => Type.String({ format: 'date-time', description })
const count = (description: string) => Type.Integer({ description })

export const RunQuery = Type.Object({ ...ListQuery }, { additionalProperties: false })
export type RunQuery = Static<typeof RunQuery>

/** GET /imports */
export const ImportRun = Type.Object({
  runId: Type.String(),
  kind: Type.String(),
  fileName: Type.String({ description: 'Without its folder.' }),
  status: OneOf(
    ['running', 'done', 'interrupted', 'failed', 'lost'],
    'interrupted: somebody ended it; lost: it says nothing any more. The same command goes on from there.',
  ),
  progress: count('Per mille of the file.'),
  line: count('The last line dealt with.'),
  created: count('Items that are new.'),
  updated: count('Items that changed.'),
  unchanged: count('Items that were there.'),
  rejected: count('Items that were refused; they are in a file beside the imported one.'),
  startedAt: instant('When it began.'),
  seenAt: instant('When it was last heard of.'),
  endedAt: Nullable(instant('When it ended.')),
})
export type ImportRun = Static<typeof ImportRun>
export const RunPage = Type.Object({
  items: Type.Array(ImportRun),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
})
