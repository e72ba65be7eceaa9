import type { Tx } from '../../database.ts'
import { DAY_MS, MINUTE_MS } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import type { MirrorDependencies } from '../mirror/service.ts'
import type { CallbackHandler, CallbackHandlers, CallbackMessage } from '../wecom/service.ts'
import { write } from './carrying.ts'
import { failureOf } from './domain.ts'
import {
  selectInState,
  selectIsGiven,
  selectIsTransferred,
  selectOpenOf,
  selectTransfer,
  updateNudged,
} from './queries.ts'

const contact = 'change_external_contact'
/** WeCom's list may be behind its events. */
const LOOK_AFTER_EVENT_MS = 5000
/** WeCom's instant of a takeover and its event of the new friendship. */
const GIVEN_WITHIN_MS = 60 * MINUTE_MS

const field = ({ fields }: CallbackMessage, name: string): string | null => {
  const value = fields[name]
  return typeof value === 'string' && value !== '' ? value : null
}
const nothing = () => Promise.resolve()

/**
 * What transfers make of events. None of them is needed: WeCom is asked anyway, only later.
 *
 * @param below what else is done about an event
 */
export function transferHandlers(dependencies: MirrorDependencies, below: CallbackHandlers): CallbackHandlers {
  const { pool, brandId, now } = dependencies

  /** Does what is done below, then lets WeCom be asked about open transfers of the customer. */
  const nudging =
    (event: string, side: 'from' | 'to'): CallbackHandler =>
    async message => {
      const effect = (await below[event]?.(message)) ?? nothing
      const externalUserid = field(message, 'ExternalUserID')
      const userid = field(message, 'UserID')
      if (externalUserid === null || userid === null) return effect
      return async (tx: Tx) => {
        await effect(tx)
        const open = await selectOpenOf(tx, { brandId, externalUserid, userid, side })
        if (open.length === 0) return
        const transferIds = open.map(one => one.transferId)
        await updateNudged(tx, { brandId, transferIds, at: now() + LOOK_AFTER_EVENT_MS })
      }
    }

  /** Who is given to somebody knows us: he is not welcomed. */
  const added =
    (event: string): CallbackHandler =>
    async message => {
      const externalUserid = field(message, 'ExternalUserID')
      const userid = field(message, 'UserID')
      const isGiven =
        externalUserid !== null &&
        userid !== null &&
        field(message, 'WelcomeCode') !== null &&
        (await selectIsGiven(pool, {
          brandId,
          externalUserid,
          userid,
          from: message.at - GIVEN_WITHIN_MS,
          to: message.at + GIVEN_WITHIN_MS,
        }))
      const { WelcomeCode: _, ...fields } = message.fields
      return await nudging(event, 'to')(isGiven ? { ...message, fields } : message)
    }

  /** WeCom does not always say that an end is by a transfer; we know of our own. */
  const ended: CallbackHandler = async message => {
    const externalUserid = field(message, 'ExternalUserID')
    const userid = field(message, 'UserID')
    const isOurs =
      externalUserid !== null &&
      userid !== null &&
      field(message, 'Source') === null &&
      (await selectIsTransferred(pool, {
        brandId,
        externalUserid,
        userid,
        from: message.at - DAY_MS,
        to: message.at + DAY_MS,
      }))
    const told = isOurs ? { ...message, fields: { ...message.fields, Source: 'DELETE_BY_TRANSFER' } } : message
    return await nudging(`${contact}/del_external_contact`, 'from')(told)
  }

  /** The taker is named, and why he did not get the customer. */
  const failed: CallbackHandler = message => {
    const externalUserid = field(message, 'ExternalUserID')
    const userid = field(message, 'UserID')
    const reason = field(message, 'FailReason')
    const change = failureOf(reason)
    if (externalUserid === null || userid === null) throw new Error(`${message.event} names nobody`)
    return Promise.resolve(async (tx: Tx) => {
      for (const { transferId } of await selectOpenOf(tx, { brandId, externalUserid, userid, side: 'to' })) {
        const transfer = await selectTransfer(tx, { brandId, transferId, storeCodes: null, isLocked: true })
        const open = { brandId, transferId, kind: 'customer', states: ['asked', 'asking'] } as const
        const [item] = await selectInState(tx, { ...open, itemIds: [externalUserid], limit: 1 })
        // What failed before it was asked for now is not this transfer.
        if (!transfer || !item || message.at < item.askedAt - 1000) continue
        const changes = change ? [{ itemId: externalUserid, ...change }] : []
        await write(tx, { ...dependencies, transfer }, 'customer', changes)
        await updateNudged(tx, { brandId, transferIds: [transferId], at: now() + LOOK_AFTER_EVENT_MS })
      }
      await insertActivity(tx, {
        brandId,
        now: now(),
        actor: 'service',
        action: 'wecom.transfer_failed',
        subject: `customers/${externalUserid}`,
        details: { associateId: userid, reason },
      })
    })
  }

  return {
    ...below,
    [`${contact}/add_external_contact`]: added(`${contact}/add_external_contact`),
    [`${contact}/add_half_external_contact`]: added(`${contact}/add_half_external_contact`),
    [`${contact}/del_external_contact`]: ended,
    [`${contact}/transfer_fail`]: failed,
  }
}
