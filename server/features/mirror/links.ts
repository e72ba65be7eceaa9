import { transact, type Db, type Pool, type Tx } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import { recognise } from '../attribution/service.ts'
import type { Caller } from '../auth/domain.ts'
import { takeItems } from '../ingest/service.ts'
import type { Limits } from '../limits/service.ts'
import { normalisePhone } from '../members/domain.ts'
import { contactOwnNumber } from './domain.ts'
import {
  insertLink,
  lockContact,
  lockLastLink,
  selectIsFriend,
  selectLastNumber,
  selectMembersByPhone,
  updateLinkUndone,
} from './queries.ts'
import type { LinkRequest } from './schema.ts'
import type { Taking } from './service.ts'

/** How many numbers somebody may try in a minute: enough to mistype, too few to learn whose phones the brand knows. */
const LINKS_TRIED_PER_MINUTE = 5

/** What came of it: whose contact it is now. */
export interface Linked {
  externalUserid: string
  /** null: nobody's. */
  memberNo: string | null
  status: 'linked' | 'unlinked' | 'unchanged'
}

/**
 * Says by hand who a friend is. As evidence of now: it counts until something later says otherwise.
 *
 * @throws AppError not_found where he is no friend of the asker's, or no such member is there; forbidden for those who
 *   see him without being his friend; wecom.ambiguous where several members have the phone; wecom.linked where he is
 *   known as somebody else: that link is undone first; rate_limited
 */
export async function linkCustomer(
  pool: Pool,
  caller: Caller,
  { limits, ...taking }: Taking & { limits: Limits },
  request: LinkRequest,
): Promise<Linked> {
  const { brandId, now } = taking
  const { externalUserid } = request
  const at = now()
  await checkFriend(pool, caller, externalUserid)
  const asked = JSON.stringify([brandId, request])
  const look = () => findMember(pool, taking, request)
  const found = await limits.guess(`${brandId}/${caller.id} links`, asked, look, LINKS_TRIED_PER_MINUTE)
  return await transact(pool, async tx => {
    await lockContact(tx, { brandId, externalUserid })
    const before = await memberOf(tx, brandId, externalUserid)
    // Of a friend who is known nobody learns which numbers there are: what is right and what is not look alike.
    if (before !== null && before !== found) {
      throw new AppError('wecom.linked', 'This friend is known as another member; undo that link first.')
    }
    if (found === null) throw new AppError('not_found', 'There is no such member.')
    const memberNo = found
    if (before === memberNo) return { externalUserid, memberNo, status: 'unchanged' as const }
    const last = await lockLastLink(tx, { brandId, externalUserid })
    const linkedAt = Math.max(at, (last?.undoneAt ?? last?.at ?? 0) + 1)
    await tell(tx, caller, taking, { externalUserid, memberNo, at: linkedAt })
    await insertLink(tx, {
      brandId,
      externalUserid,
      at: linkedAt,
      memberNo,
      memberBefore: before,
      linkedBy: caller.actor,
    })
    await record(tx, caller, taking, 'customer.linked', { externalUserid, memberNo })
    return { externalUserid, memberNo, status: 'linked' as const }
  })
}

/**
 * Takes back the last link that was made by hand. Evidence is not rewritten: from now on the contact is whose it was
 * before, or, where it was nobody's, that of a bare member of its own, who is shown as nobody.
 *
 * @throws AppError not_found, forbidden as above, and where nobody linked him; wecom.linked where something later says
 *   who he is
 */
export async function unlinkCustomer(
  pool: Pool,
  caller: Caller,
  taking: Taking,
  { externalUserid }: { externalUserid: string },
): Promise<Linked> {
  const { brandId, now } = taking
  const at = now()
  await checkFriend(pool, caller, externalUserid)
  return await transact(pool, async tx => {
    await lockContact(tx, { brandId, externalUserid })
    const link = await lockLastLink(tx, { brandId, externalUserid })
    if (!link) throw new AppError('not_found', 'There is no link by hand.')
    const memberNo = await memberOf(tx, brandId, externalUserid)
    if (link.undoneAt !== null) return { externalUserid, memberNo, status: 'unchanged' as const }
    if (memberNo !== (await selectLastNumber(tx, { brandId, memberNo: link.memberNo }))) {
      throw new AppError(
        'wecom.linked',
        'Something later says who this friend is; the link by hand does not count any more.',
      )
    }
    const back = link.memberBefore ?? contactOwnNumber(externalUserid)
    const undoneAt = Math.max(at, link.at + 1)
    await tell(tx, caller, taking, { externalUserid, memberNo: back, at: undoneAt })
    await updateLinkUndone(tx, { brandId, externalUserid, at: link.at, undoneAt, undoneBy: caller.actor })
    await record(tx, caller, taking, 'customer.unlinked', { externalUserid, memberNo: link.memberNo })
    return { externalUserid, memberNo: link.memberBefore, status: 'unlinked' as const }
  })
}

async function checkFriend(pool: Pool, caller: Caller, externalUserid: string): Promise<void> {
  const { brandId, scope, person } = caller
  if (person && (await selectIsFriend(pool, { brandId, userid: person.associateId, externalUserid }))) return
  if (scope.reach === 'brand') throw new AppError('forbidden', 'Only a friend of his can say who he is.')
  throw new AppError('not_found', 'There is no such friend.')
}

/** @returns null: there is none */
async function findMember(pool: Pool, { brandId, vault }: Taking, request: LinkRequest): Promise<string | null> {
  const memberNo = request.memberNo ?? request.cardNo
  if (memberNo !== undefined) {
    const last = await selectLastNumber(pool, { brandId, memberNo })
    return last === contactOwnNumber(request.externalUserid) ? null : last
  }
  const phone = normalisePhone(request.phone ?? '')
  const found = phone === null ? [] : await selectMembersByPhone(pool, { brandId, phoneHash: vault.hash(phone) })
  if (found.length > 1) throw new AppError('wecom.ambiguous', 'Several members have this phone; say the card number.')
  return found[0] ?? null
}

/** Whom a contact is taken for; null where that is nobody, or a bare member that stands for him alone. */
async function memberOf(db: Db, brandId: number, externalUserid: string): Promise<string | null> {
  const memberNo = await recognise(db, { brandId, visitorIds: { external_userid: externalUserid } })
  return memberNo === contactOwnNumber(externalUserid) ? null : memberNo
}

async function tell(
  tx: Tx,
  caller: Caller,
  taking: Taking,
  link: { externalUserid: string; memberNo: string; at: Instant },
): Promise<void> {
  const { externalUserid, memberNo, at } = link
  const items = [{ kind: 'external_userid', value: externalUserid, memberNo, at: formatInstant(at) }]
  const sender = { actor: caller.actor, callerId: caller.id }
  await takeItems(tx, { ...taking, ...sender, kind: 'identities', items, now: taking.now() })
}

const record = (
  tx: Tx,
  caller: Caller,
  { brandId, now }: Taking,
  action: string,
  { externalUserid, memberNo }: { externalUserid: string; memberNo: string },
) =>
  insertActivity(tx, {
    brandId,
    now: now(),
    actor: caller.actor,
    action,
    subject: `customers/${externalUserid}`,
    details: { memberNo },
  })
