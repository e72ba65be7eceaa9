import type { Db, Tx } from '../../database.ts'
import { DAY_MS, formatInstant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import { WecomError, isPassing, type CallbackHandler, type CallbackHandlers, type CallbackMessage } from '../wecom/service.ts' // prettier-ignore
import {
  countOnCode,
  insertChat,
  selectChannelHealth,
  updateAvailable,
  updateFault,
  updateRemoved,
  upsertQuota,
} from './queries.ts'
import { noteWelcome, type Welcoming } from './welcomes.ts'

const field = ({ fields }: CallbackMessage, name: string): string | null => {
  const value = fields[name]
  return typeof value === 'string' && value !== '' ? value : null
}
const required = (message: CallbackMessage, name: string): string => {
  const value = field(message, name)
  if (value === null) throw new Error(`${message.event} has no ${name}`)
  return value
}
const nothing = () => Promise.resolve()

/**
 * What codes make of events, beside what the mirror does.
 *
 * @param below what else is done about an event; a welcome does not wait for it
 */
export function channelHandlers(
  welcoming: Pick<Welcoming, 'pool' | 'vault' | 'wecom' | 'brandId' | 'now'>,
  below: CallbackHandlers,
): CallbackHandlers {
  const { wecom, brandId, now } = welcoming

  /** WeCom gives no code where a welcome is set up in its own console, or the chat has begun. */
  const note = async (message: CallbackMessage, isLater: boolean) => {
    const welcomeCode = field(message, 'WelcomeCode')
    if (welcomeCode === null) return
    const userid = required(message, 'UserID')
    const externalUserid = required(message, 'ExternalUserID')
    const event = { userid, externalUserid, at: message.at, state: field(message, 'State'), welcomeCode }
    await noteWelcome(welcoming, event, { isLater })
  }

  const welcomed =
    (event: string): CallbackHandler =>
    async message => {
      await note(message, false)
      return (await below[event]?.(message)) ?? nothing
    }

  const audited: CallbackHandler = async message => {
    await note(message, true)
    return nothing
  }

  const counted =
    (what: 'profile_opens' | 'friend_requests'): CallbackHandler =>
    message => {
      const state = field(message, 'State')
      return Promise.resolve(state === null ? nothing : (tx: Tx) => countOnCode(tx, { brandId, state, what }))
    }

  const chatBegan: CallbackHandler = message => {
    const chat = {
      userid: required(message, 'UserID'),
      externalUserid: required(message, 'ExternalUserID'),
      at: message.at,
    }
    return Promise.resolve((tx: Tx) => insertChat(tx, { brandId, ...chat }))
  }

  const linkGone: CallbackHandler = message => {
    const configId = required(message, 'LinkId')
    return Promise.resolve((tx: Tx) => updateRemoved(tx, { brandId, configId }))
  }
  const linkUnavailable: CallbackHandler = message => {
    const configId = required(message, 'LinkId')
    return Promise.resolve((tx: Tx) => updateFault(tx, { brandId, configId, fault: 'unavailable' }))
  }

  const quotaChanged: CallbackHandler = async message => {
    const askedAt = now()
    const quota = await askQuota()
    const event = message.event.split('/')[1] ?? message.event
    return async (tx: Tx) => {
      await upsertQuota(tx, { brandId, ...quota, event, now: askedAt })
      if (event === 'balance_increased') await updateAvailable(tx, { brandId })
    }
  }
  const askQuota = async () => {
    try {
      const how = { patience: 'job', deadlineMs: 12_000 } as const
      const answer = await wecom.call('externalcontact/customer_acquisition_quota', how)
      const whole = (value: unknown) => (Number.isInteger(value) ? (value as number) : null)
      return { total: whole(answer['total']), balance: whole(answer['balance']) }
    } catch (error) {
      // What the event says by its name is kept also while a permission is missing.
      if (error instanceof WecomError && !isPassing(error)) return { total: null, balance: null }
      throw error
    }
  }

  const transferFailed: CallbackHandler = message => {
    const subject = `customers/${required(message, 'ExternalUserID')}`
    const details = { associateId: field(message, 'UserID'), reason: field(message, 'FailReason') }
    return Promise.resolve((tx: Tx) =>
      insertActivity(tx, { brandId, now: now(), actor: 'service', action: 'wecom.transfer_failed', subject, details }),
    )
  }

  const contact = 'change_external_contact'
  const acquisition = 'customer_acquisition'
  return {
    ...below,
    [`${contact}/add_external_contact`]: welcomed(`${contact}/add_external_contact`),
    [`${contact}/add_half_external_contact`]: welcomed(`${contact}/add_half_external_contact`),
    [`${contact}/msg_audit_approved`]: audited,
    [`${contact}/transfer_fail`]: below[`${contact}/transfer_fail`] ?? transferFailed,
    [`${acquisition}/open_profile`]: counted('profile_opens'),
    [`${acquisition}/friend_request`]: counted('friend_requests'),
    [`${acquisition}/customer_start_chat`]: chatBegan,
    // Whose message it was is not said.
    [`${acquisition}/message_from_customer`]: () => Promise.resolve(nothing),
    [`${acquisition}/delete_link`]: linkGone,
    [`${acquisition}/link_unavailable`]: linkUnavailable,
    [`${acquisition}/balance_low`]: quotaChanged,
    [`${acquisition}/balance_exhausted`]: quotaChanged,
    [`${acquisition}/balance_increased`]: quotaChanged,
    [`${acquisition}/quota_expire_soon`]: quotaChanged,
  }
}

/** How codes stand, and what became of the welcomes of a day. */
export async function channelHealth(db: Db, { brandId, now }: { brandId: number; now: number }) {
  const { codes, welcomes, quota } = await selectChannelHealth(db, { brandId, since: now - DAY_MS })
  const counted = new Map(welcomes.map(({ status, count }) => [status, count]))
  const of = (...statuses: Parameters<typeof counted.get>[0][]) =>
    statuses.reduce((sum, status) => sum + (counted.get(status) ?? 0), 0)
  return {
    codes,
    welcomes: {
      waiting: of('waiting', 'sending'),
      sent: of('sent'),
      late: of('late'),
      needless: of('needless'),
      refused: of('refused'),
      unsure: of('unsure'),
    },
    acquisition: quota && {
      total: quota.total,
      balance: quota.balance,
      event: quota.event,
      seenAt: formatInstant(quota.seenAt),
    },
  }
}
