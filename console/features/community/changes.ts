import type { Community } from '../../../server/features/community/schema.ts'

const told = [
  'newMembers',
  'friendsAdded',
  'friendsLost',
  'groupJoined',
  'groupLeft',
  'hereFen',
  'othersFen',
  'onlineFen',
  'buyers',
  'activeBps',
  'repeatBps',
] as const
export type ChangedFigure = (typeof told)[number]

/** Less than this is too little for a ratio to mean anything: a count, and an amount in fen. */
const leastCount = 10
const leastFen = 100_000
/** A change of less is no news. */
const leastRatio = 0.1
const shown = 3

/** The figures that moved most against the span before, by how much of what they were; the largest first. */
export function biggestChanges(store: Pick<Community, ChangedFigure> & { before: Pick<Community, ChangedFigure> }) {
  return told
    .flatMap(name => {
      const [now, before] = [store[name], store.before[name]]
      const least = name.endsWith('Fen') ? leastFen : leastCount
      if (now === null || before === null || before === 0 || Math.max(now, before) < least) return []
      const ratio = Math.abs(now - before) / before
      return ratio < leastRatio ? [] : [{ name, now, before, ratio }]
    })
    .sort((a, b) => b.ratio - a.ratio)
    .slice(0, shown)
}
