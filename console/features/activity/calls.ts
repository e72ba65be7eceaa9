import type { Static } from 'typebox'
import type { ActivityPage, ActivityQuery } from '../../../server/features/activity/schema.ts'
import { api } from '../../../sidebar/lib/session.ts'

export type Activity = Static<typeof ActivityPage>['items'][number]
export type ActivityWhere = { [K in keyof ActivityQuery]: ActivityQuery[K] | undefined }

/** The calls of the activity page. */
export const calls = {
  readActivity: (where: ActivityWhere, cursor: string | undefined, signal?: AbortSignal) =>
    api.get<Static<typeof ActivityPage>>('/activity', { ...where, cursor }, signal),
}
