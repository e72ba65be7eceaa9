import type { PersonRole } from '../auth/domain.ts'

/** What a brand lets its people see of each other and of its customers. */
export interface Visibility {
  wholePhone: 'nobody' | 'headquarters' | 'managers' | 'associates'
  ranks: 'hidden' | 'own' | 'all'
}

/** Where nothing was told: as little as can be. */
export const UNTOLD: Visibility = { wholePhone: 'nobody', ranks: 'hidden' }

/** Who has the right that each word gives. An auditor looks at records, not at customers. */
const MAY_SEE_PHONES: Readonly<Record<Visibility['wholePhone'], readonly PersonRole[]>> = {
  nobody: [],
  headquarters: ['headquarters'],
  managers: ['headquarters', 'manager', 'franchisee'],
  associates: ['headquarters', 'manager', 'franchisee', 'associate'],
}

/** Whether somebody may see the whole numbers of the customers whom he sees at all. */
export const maySeePhones = ({ wholePhone }: Visibility, role: PersonRole): boolean =>
  MAY_SEE_PHONES[wholePhone].includes(role)
