import type { Instant } from '../../lib/time.ts'
import { sumFen, type Fen } from '../../lib/money.ts'
import { cutToBytes } from '../../lib/text.ts'
import {
  isAssociateRole,
  type Associate,
  type AssociateRole,
  type Order,
  type OrderEvidence,
  type ShareLink,
} from '../attribution/domain.ts'
import { decide, owedTo, type Decision, type Plan } from '../commissions/domain.ts'
import type { EarnEstimate, EarnPart } from './schema.ts'

/** What a sale would earn, said by the very function that books it, and how a share is handed to WeCom. */

// ---------------------------------------------------------------------------------------------- estimates

export interface Product {
  sku: string
  category: string | null
  priceFen: Fen
  listFen: Fen | null
}

export interface Sharer {
  associateId: string
  storeCode: string | null
}

/** Keys that no real thing can have, since keys have at least one character. */
const SUPPOSED = ''

/** The link that the sale would come by. */
export function supposedLink(sharer: Sharer, now: Instant): ShareLink {
  return { linkCode: SUPPOSED, ...sharer, createdAt: now, revokedAt: null }
}

/**
 * The order that would be there if the customer bought now, online, by the asker's share; its lines are filled in for
 * each product.
 *
 * @param memberNo null: nobody knows who would buy
 */
export function supposedOrder(memberNo: string | null, now: Instant): Order {
  return {
    source: SUPPOSED,
    orderNo: SUPPOSED,
    revision: 1,
    channel: 'online',
    ...(memberNo === null ? {} : { memberNo }),
    visitorIds: {},
    shareCode: SUPPOSED,
    paidAt: now,
    cancelled: false,
    lines: [],
  }
}

/** Somebody else at the till: who he is makes no difference to the asker, that he takes his part of the cap does. */
const somebodyElse = (storeCode: string | null): Associate => ({
  associateId: SUPPOSED,
  storeCode,
  memberNo: null,
  invitedBy: null,
  kinds: [{ value: 'store', from: null }],
  employments: [],
})

/**
 * What the sharer would earn if one of this product were bought now: `decide` on the supposed order, nothing else. The
 * sale that happens exactly so is booked with these very fen.
 *
 * @param evidence of `supposedOrder`, come by `supposedLink`
 */
export function estimate(evidence: OrderEvidence, plan: Plan | null, sharer: Sharer, product: Product): EarnEstimate {
  const { order } = evidence
  const lines = [lineOf(product)]
  const online = decide({ ...evidence, order: { ...order, lines } }, plan)
  const inStore = decide(
    {
      ...evidence,
      order: {
        ...order,
        channel: 'in_store',
        closer: SUPPOSED,
        lines,
        ...(sharer.storeCode === null ? {} : { sellingStore: sharer.storeCode }),
      },
      associates: new Map([...evidence.associates, [SUPPOSED, somebodyElse(sharer.storeCode)]]),
    },
    plan,
  )
  const earnFen = owedTo(online, sharer.associateId)
  const own = (online.lines[0]?.roles ?? []).filter(
    role => role.payeeKind === 'associate' && role.payee === sharer.associateId,
  )
  const uncappedFen = sumFen(own.map(role => role.afterSameAssociateFen))
  return {
    earnFen,
    earnInStoreFen: owedTo(inStore, sharer.associateId),
    parts: own.flatMap((role): EarnPart[] =>
      role.ruleId === null || role.afterCapFen === 0 || !isAssociateRole(role.role)
        ? []
        : [
            {
              role: role.role satisfies AssociateRole,
              ruleId: role.ruleId,
              rateBps: role.rateBps,
              perUnitFen: role.perUnitFen,
              amountFen: role.afterCapFen,
            },
          ],
    ),
    cappedFromFen: uncappedFen === earnFen ? null : uncappedFen,
    nothingBecause: earnFen > 0 ? null : whyNothing(online, plan, sharer.associateId),
  }
}

function lineOf({ sku, category, priceFen, listFen }: Product): Order['lines'][number] {
  return {
    lineNo: 1,
    sku,
    ...(category === null ? {} : { category }),
    quantity: 1,
    paidFen: priceFen,
    ...(listFen === null ? {} : { listFen }),
  }
}

function whyNothing(decision: Decision, plan: Plan | null, associateId: string): EarnEstimate['nothingBecause'] {
  if (!plan) return 'no_plan'
  const { candidates, holdings } = decision.attribution
  const share = candidates.find(candidate => candidate.touchId === null)
  if (share?.outcome === 'self_purchase') return 'self_purchase'
  if (share?.outcome === 'superseded' && holdings.sharer.holder !== associateId) return 'earlier_share'
  return 'no_rule'
}

// ----------------------------------------------------------------------------------------------- handing out

/** What WeCom takes as a title of a mini-program card, and of a link. */
const CARD_TITLE_BYTES = 64
const LINK_TITLE_BYTES = 128
const LINK_TEXT_BYTES = 512

/** WeCom opens a page of a mini program by its path with `.html` after it, before the query. */
export function miniProgramPage(path: string): string {
  const at = path.indexOf('?')
  const page = (at === -1 ? path : path.slice(0, at)).replace(/^\/+/, '')
  return `${page.endsWith('.html') ? page : `${page}.html`}${at === -1 ? '' : path.slice(at)}`
}

/** A picture's whole address; WeCom refuses a message without one. */
export function pictureAddress(imageUrl: string | undefined, publicUrl: string): string {
  if (imageUrl && /^https?:\/\//i.test(imageUrl)) return imageUrl
  if (imageUrl && /^\/(?!\/)/.test(imageUrl)) return publicUrl + imageUrl
  return `${publicUrl}/api/v1/share/picture.png`
}

/** The titles and texts of a share as WeCom's limits have them. */
export function sharedWords(title: string, text: string): { cardTitle: string; linkTitle: string; linkText: string } {
  return {
    cardTitle: cutToBytes(title, CARD_TITLE_BYTES),
    linkTitle: cutToBytes(title, LINK_TITLE_BYTES),
    linkText: cutToBytes(text, LINK_TEXT_BYTES),
  }
}
