import type { Session } from '../server/features/session/schema.ts'
import type { words } from './lib/messages.ts'

type Role = Session['role']
type Words = typeof words.value

/** A page of the console as the menu names it. */
export interface Place {
  to: string
  /** What it is called, by its key in lib/messages.ts. */
  text: { [K in keyof Words]: Words[K] extends string ? K : never }[keyof Words]
  /** Who has it. Whoever has not is answered by the service as if it were not there. */
  roles: readonly Role[]
}

/** Places that belong together, under one heading. */
export interface PlaceGroup {
  text: Place['text']
  places: readonly Place[]
}

const everybody: readonly Role[] = ['headquarters', 'auditor', 'franchisee', 'manager']
export const brandRoles: readonly Role[] = ['headquarters', 'auditor']

/** Every place, in the sequence of a working day. */
const groups: readonly PlaceGroup[] = [
  {
    text: 'look',
    places: [
      { to: '/performance', text: 'performance', roles: everybody },
      { to: '/community', text: 'community', roles: everybody },
    ],
  },
  {
    text: 'money',
    places: [
      { to: '/plans', text: 'plans', roles: brandRoles },
      { to: '/settlements', text: 'settlements', roles: [...brandRoles, 'franchisee'] },
      { to: '/adjustments', text: 'adjustments', roles: brandRoles },
      { to: '/targets', text: 'targets', roles: [...brandRoles, 'franchisee', 'manager'] },
    ],
  },
  {
    text: 'work',
    places: [
      { to: '/materials', text: 'materials', roles: brandRoles },
      { to: '/calendar', text: 'calendar', roles: everybody },
      { to: '/tasks', text: 'tasks', roles: everybody },
      { to: '/coupons', text: 'coupons', roles: brandRoles },
      { to: '/people', text: 'people', roles: everybody },
      { to: '/handover', text: 'handover', roles: everybody },
      { to: '/disputes', text: 'disputes', roles: everybody },
      { to: '/unattributed', text: 'unattributed', roles: everybody },
      { to: '/risks', text: 'risks', roles: brandRoles },
    ],
  },
  {
    text: 'system',
    places: [
      { to: '/activity', text: 'activity', roles: brandRoles },
      { to: '/integration', text: 'integration', roles: brandRoles },
      { to: '/settings', text: 'settings', roles: brandRoles },
    ],
  },
]

/** What somebody's menu shows. A franchisee begins with his stores' community. */
export function placesOf(role: Role): PlaceGroup[] {
  const mine = groups
    .map(group => ({ ...group, places: group.places.filter(({ roles }) => roles.includes(role)) }))
    .filter(({ places }) => places.length > 0)
  if (role !== 'franchisee') return mine
  return mine.map(group =>
    group.text === 'look'
      ? {
          ...group,
          places: [...group.places].sort((a, b) => Number(b.to === '/community') - Number(a.to === '/community')),
        }
      : group,
  )
}
