import type { Transfer } from '../../../server/features/transfers/schema.ts'
import { page } from './messages.ts'

/** Who gives to whom: by name, and by id where no name was told. */
export const fromTo = ({ fromName, fromAssociate, toName, toAssociate }: Transfer): string =>
  page.value.fromTo(fromName ?? fromAssociate, toName ?? toAssociate)
