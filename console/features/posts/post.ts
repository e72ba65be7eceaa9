import type { PostBody, ShownPost } from '../../../server/features/posts/schema.ts'
import { addDays } from '../../lib/span.ts'

/** The calendar's days and what stands in them; pure. */

export const vias = ['hand', 'group_message', 'moments'] as const
export const places = ['single_chat', 'group_chat', 'moments'] as const
export type Grain = 'month' | 'week'

/** 0 is Monday. */
export const weekdayOf = (day: string): number => (new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7

const firstOf = (day: string) => `${day.slice(0, 7)}-01`

/** The days that a view shows, whole weeks from Monday on. */
export function daysOf(grain: Grain, day: string): string[] {
  const first = grain === 'month' ? firstOf(day) : day
  const begin = addDays(first, -weekdayOf(first))
  const last = grain === 'month' ? addDays(firstOf(addDays(first, 31)), -1) : addDays(begin, 6)
  const count = grain === 'week' ? 7 : Math.ceil((weekdayOf(first) + Number(last.slice(8))) / 7) * 7
  return Array.from({ length: count }, (_, i) => addDays(begin, i))
}

/** A day in the span before or after. */
export function step(grain: Grain, day: string, by: 1 | -1): string {
  if (grain === 'week') return addDays(day, 7 * by)
  return by === 1 ? firstOf(addDays(firstOf(day), 31)) : firstOf(addDays(firstOf(day), -1))
}

/** Once its tasks are written down it stays as it is. */
export const isFixed = (post: ShownPost): boolean => post.plannedAt !== null

export type Draft = Required<PostBody>

export const draftOf = (post: ShownPost | null, day: string): Draft => ({
  day: post?.day ?? day,
  from: post?.from ?? '10:00',
  to: post?.to ?? '11:00',
  places: [...(post?.places ?? ['moments'])],
  text: post?.text ?? '',
  pictures: [...(post?.pictures ?? [])],
  materialIds: [...(post?.materialIds ?? [])],
  storeCodes: post?.storeCodes ?? null,
  regions: post?.regions ?? null,
  via: post?.via ?? 'hand',
})

export const bodyOf = (post: ShownPost): PostBody => draftOf(post, post.day)
