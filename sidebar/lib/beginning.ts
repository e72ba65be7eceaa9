/**
 * Who we are, beside what we stand, and the card of the customer there: all that is asked before there is a screen.
 * Nothing here needs Vue, so `ahead.ts` runs it while the parts of the screen are on their way.
 */
import type { CustomerCard } from '../../server/features/cards/schema.ts'
import type { PageSignatures, Session, Signature, SignatureKind } from '../../server/features/session/schema.ts'
import { Failure, toDiagnosis, toRefusal } from './diagnosis.ts'
import { recallCard } from './last-cards.ts'
import { api, brand, isAfterLogin, readSession, takeSession } from './session.ts'
import { signaturesOfPage } from './signatures.ts'
import { findEntry, isInWecom, registerPage, type Entry } from './wecom.ts'
import { toParts } from './zone.ts'

export interface Beginning {
  session: Session
  entry: Entry
  /** The customer's card as it was seen last, where it was at hand before the session was told. */
  last?: { card: CustomerCard; confirmed: Promise<Session> }
}

/** What was begun before there was a screen; it counts once. */
let ahead: Promise<Beginning> | null = null
let cardAhead: { externalUserid: string; card: CustomerCard | Promise<CustomerCard> } | null = null

export function beginAhead(): void {
  ahead = beginAnew()
  // It is told to whoever takes it.
  ahead.catch(() => {})
}

/** What was begun ahead, the first time; then anew. @throws Failure of the first step that failed */
export function begin(): Promise<Beginning> {
  const begun = ahead ?? beginAnew()
  ahead = null
  return begun
}

async function beginAnew(): Promise<Beginning> {
  cardAhead = null
  const refusal = new URLSearchParams(location.search).get('refused')
  if (refusal) throw toRefusal(refusal)
  if (!isInWecom) throw new Failure('not_in_wecom', 'NOT_IN_WECOM')
  const signatures = areRefused ? null : signaturesOfPage()
  const asked = readSession(signatures === null)
  const entering = enter(asked, signatures)
  const told = Promise.all([asked, entering]).then(([session, entry]): Beginning => ({ session, entry }))
  const begun = await Promise.race([told, entering.then(entry => seenBefore(entry, asked))])
  // Before the card is there: it shows times, and to read the first one takes long.
  toParts(0, begun.session.timeZone)
  return begun
}

/**
 * What was seen of the customer here, before the session is told anew; never, where there is nothing. After a sign-in
 * somebody else may sit here.
 */
async function seenBefore(entry: Entry, confirmed: Promise<Session>): Promise<Beginning> {
  const last = isCardShown(entry) && !isAfterLogin ? await recallCard(entry.externalUserid) : null
  if (last?.session.brand !== brand) return await new Promise(() => {})
  takeSession(last.session)
  // Whoever takes it is told of a refusal.
  confirmed.catch(() => {})
  return { session: last.session, entry, last: { card: last.card, confirmed } }
}

type CustomerEntry = Extract<Entry, { kind: 'customer' }>
const isCardShown = (entry: Entry): entry is CustomerEntry =>
  entry.kind === 'customer' && /^(#\/?)?$/.test(location.hash)

/** Registers with WeCom, asks beside what we stand, and asks for the card of the customer. */
async function enter(asked: Promise<Session>, signatures: PageSignatures | null): Promise<Entry> {
  if (signatures === null || !(await registerBy(signatures))) {
    const session = await asked
    await registerPage(session, signerOf(session.signatures))
  }
  const entry = await findEntry()
  if (isCardShown(entry)) askForCard(entry.externalUserid)
  return entry
}

/** WeCom did not take the signatures that stand in the page: others may do. */
let areRefused = false

/** @returns whether WeCom took them */
async function registerBy(signatures: PageSignatures): Promise<boolean> {
  try {
    await registerPage(signatures.agent_config, signerOf(signatures))
    return true
  } catch (error) {
    // Who does not answer now does not answer to other signatures either.
    if (toDiagnosis(error).kind === 'wecom_timeout') throw error
    areRefused = true
    return false
  }
}

/** What came signed is taken where it fits; anything else is asked for, and says why it is refused. */
const signerOf =
  (signatures: PageSignatures | undefined) =>
  async (url: string, kind: SignatureKind): Promise<Signature> =>
    signatures?.url === url ? signatures[kind] : await api.post<Signature>('/wecom/signature', { url, kind })

/** Quietly: where nobody is signed in, the session says so as well, and leads to the sign-in. */
function askForCard(externalUserid: string): void {
  const asked = api.getQuietly<CustomerCard>(`/cards/customer?externalUserid=${encodeURIComponent(externalUserid)}`)
  const mine = (cardAhead = { externalUserid, card: asked as CustomerCard | Promise<CustomerCard> })
  asked.then(
    card => (mine.card = card),
    () => {},
  )
}

/** The card that was asked for ahead, or is on its way; null where it is another one. It is handed out once. */
export function takeCardAhead(externalUserid: string): CustomerCard | Promise<CustomerCard> | null {
  const taken = cardAhead
  cardAhead = null
  return taken?.externalUserid === externalUserid ? taken.card : null
}
