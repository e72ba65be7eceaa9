import { expect, test } from 'vitest'
import { ofPeople } from '../../console/features/performance/people.ts'
import { countedFor, SORTS } from '../../server/features/performance/domain.ts'
import { OF_PEOPLE } from '../../server/features/performance/rolled.ts'

test('the console asks later for the figures that the service counts people for, and for no others', () => {
  const counted = SORTS.filter(name => [...countedFor([name])].some(part => OF_PEOPLE.has(part)))
  expect([...ofPeople].sort()).toEqual(counted.sort())
})
