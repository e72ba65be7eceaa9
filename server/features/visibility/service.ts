import { buildPoolAsks, transact, type Db, type Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import type { Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller } from '../auth/domain.ts'
import { findCustomer, personOf } from '../customers/service.ts'
import { maySeePhones, UNTOLD, type Visibility } from './domain.ts'
import { insertVisibility, selectVisibility } from './queries.ts'

const visibilityAsked = buildPoolAsks<Visibility>()

/** What the brand lets its people see. */
export async function readVisibility(db: Db, brandId: number): Promise<Visibility> {
  return await visibilityAsked(db, String(brandId), async () => (await selectVisibility(db, { brandId })) ?? UNTOLD)
}

export async function tellVisibility(
  pool: Pool,
  { caller, now, visibility }: { caller: Caller; now: Instant; visibility: Visibility },
): Promise<Visibility> {
  const { brandId, actor } = caller
  return await transact(pool, async tx => {
    const before = await readVisibility(tx, brandId)
    await insertVisibility(tx, { brandId, visibility, toldBy: actor, now })
    const details = { before, after: visibility }
    await insertActivity(tx, { brandId, now, actor, action: 'settings.visibility', subject: 'brand', details })
    return visibility
  })
}

/**
 * The whole phone number of the customer of a chat, to whoever has the right; who looked is on record before he sees it.
 *
 * @throws AppError not_found where the asker does not see him or he has none, forbidden without the right
 */
export async function readPhone(
  pool: Pool,
  { caller, now, vault, externalUserid }: { caller: Caller; now: Instant; vault: Vault; externalUserid: string },
): Promise<string> {
  const { brandId, actor } = caller
  const customer = await findCustomer(pool, caller, { externalUserid, now })
  if (customer?.sight !== 'full' || customer.record.phoneEncrypted === null) {
    throw new AppError('not_found', 'There is no such customer, or no phone number of his.')
  }
  if (!maySeePhones(await readVisibility(pool, brandId), personOf(caller).role)) {
    throw new AppError('forbidden', 'Your brand does not show you whole phone numbers.')
  }
  const subject = customer.record.memberNo
  await insertActivity(pool, { brandId, now, actor, action: 'phone.read', subject, details: {} })
  return vault.decrypt(customer.record.phoneEncrypted)
}
