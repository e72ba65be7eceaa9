import type { DisputeDetail } from '../../../server/features/disputes/schema.ts'

export type Change = NonNullable<DisputeDetail['wouldChange']>[number]

/** Who would have more or less, over all roles; the largest first. */
export function gainsOf({ wouldChange }: Pick<DisputeDetail, 'wouldChange'>) {
  const gains = new Map<string, { payeeKind: string; payee: string; changeFen: number }>()
  for (const { payeeKind, payee, nowFen, upheldFen } of wouldChange ?? []) {
    const key = JSON.stringify([payeeKind, payee])
    const before = gains.get(key) ?? { payeeKind, payee, changeFen: 0 }
    gains.set(key, { ...before, changeFen: before.changeFen + upheldFen - nowFen })
  }
  return [...gains.values()].filter(one => one.changeFen !== 0).sort((a, b) => b.changeFen - a.changeFen)
}

/** Who is told of it if it is upheld: he who filed it, and every associate whose commission changes. */
export const toldOf = (dispute: Pick<DisputeDetail, 'wouldChange' | 'associateId'>): string[] => [
  ...new Set([
    dispute.associateId,
    ...gainsOf(dispute).flatMap(one => (one.payeeKind === 'associate' ? [one.payee] : [])),
  ]),
]

export function nameIn(people: DisputeDetail['people'], id: string): string {
  const name = people.find(one => one.associateId === id)?.name
  return name === undefined || name === id ? id : `${name}（${id}）`
}
