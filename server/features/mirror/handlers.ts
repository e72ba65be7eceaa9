import type { Tx } from '../../database.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { isForbidden, TooEarly, WecomError, type CallbackHandlers, type CallbackMessage } from '../wecom/service.ts'
import { readGroup, readTags, type GroupSeen } from './answers.ts'
import { friendAdded, friendEnded, friendSeen, type EndedBy, type MembersEvent } from './domain.ts'
import { insertSync, replaceTags, selectGroup, updateGroupsDissolved } from './queries.ts'
import {
  applyContacts,
  applyGroup,
  applyMembersEvent,
  askContact,
  changeFriends,
  keepContacts,
  renameStaff,
  type MirrorDependencies,
} from './service.ts'

/** An answer must come well before another process takes the event over. */
const ASKED = { patience: 'job', deadlineMs: 12_000 } as const
/** WeCom's own list of a group may be this much behind its events. */
const LAG_MS = 15_000
const LOOK_AGAIN_MS = 2500
/** `Source` of an end: the customer was given to a colleague. */
const BY_TRANSFER = 'DELETE_BY_TRANSFER'

const field = ({ fields }: CallbackMessage, name: string): string | null => {
  const value = fields[name]
  return typeof value === 'string' && value !== '' ? value : null
}
const required = (message: CallbackMessage, name: string): string => {
  const value = field(message, name)
  if (value === null) throw new Error(`${message.event} has no ${name}`)
  return value
}
const listOf = ({ fields }: CallbackMessage, name: string): readonly string[] => {
  const value = fields[name]
  return value === undefined ? [] : typeof value === 'string' ? (value === '' ? [] : value.split(',')) : value
}

/** What the mirror makes of each event. */
export function mirrorHandlers(dependencies: MirrorDependencies): CallbackHandlers {
  const { wecom, brandId, now } = dependencies

  /** What WeCom shows of a contact; null where it shows nothing (any more, or to this app). */
  const contactOrNothing = async (externalUserid: string) => {
    try {
      return await askContact(wecom, externalUserid, ASKED)
    } catch (error) {
      // What the event itself says is kept also while a permission is missing.
      if (error instanceof WecomError && (isForbidden(error) || [84061, 40096].includes(error.errcode ?? 0)))
        return null
      throw error
    }
  }

  const added = async (message: CallbackMessage, isCertain: boolean) => {
    const userid = required(message, 'UserID')
    const externalUserid = required(message, 'ExternalUserID')
    const askedAt = now()
    const shown = await contactOrNothing(externalUserid)
    const asShown = shown?.friends.find(friend => friend.userid === userid)
    const own = asShown && isCertain ? { ...asShown, state: asShown.state ?? field(message, 'State') } : asShown
    return async (tx: Tx) => {
      const contacts = shown?.contact ? [shown.contact] : []
      const others = (shown?.friends ?? []).filter(friend => friend !== asShown)
      const metAt = isCertain ? Math.max(message.at, own?.since ?? 0) : (own?.since ?? 0)
      await applyContacts(tx, dependencies, { contacts, friends: others, askedAt, metAt })
      if (own) {
        await changeFriends(tx, dependencies, [own], before =>
          friendSeen(before, own, { askedAt, addedAt: isCertain ? message.at : null }),
        )
      } else if (isCertain) {
        const bare = { userid, externalUserid, at: message.at, state: field(message, 'State') }
        await keepContacts(tx, dependencies, {
          contacts: contacts.length > 0 ? [] : [bareContact(externalUserid)],
          metAt: () => metAt,
          askedAt,
          isPart: true,
        })
        await changeFriends(tx, dependencies, [bare], before => friendAdded(before, bare))
      }
    }
  }

  const ended = (message: CallbackMessage, endedBy: EndedBy) => {
    const event = {
      userid: required(message, 'UserID'),
      externalUserid: required(message, 'ExternalUserID'),
      at: message.at,
      endedBy,
    }
    return Promise.resolve((tx: Tx) => changeFriends(tx, dependencies, [event], before => friendEnded(before, event)))
  }

  const askGroup = async (chatId: string): Promise<GroupSeen | null> => {
    try {
      return readGroup(await wecom.call('externalcontact/groupchat/get', { body: { chat_id: chatId, need_name: 1 }, isHarmless: true, ...ASKED })) // prettier-ignore
    } catch (error) {
      if (
        error instanceof WecomError &&
        (isForbidden(error) || [86001, 90501, 84061, 40058].includes(error.errcode ?? 0))
      ) {
        return null
      }
      throw error
    }
  }

  const groupChanged = async (message: CallbackMessage) => {
    const chatId = required(message, 'ChatId')
    const event = membersEventOf(message)
    const version = field(message, 'CurMemVer')
    const known = await selectGroup(dependencies.pool, { brandId, chatId })
    const isCovered = event !== null && version !== null && known?.version === version && known.seenAt > message.at
    const askedAt = now()
    const group = isCovered ? null : await askGroup(chatId)
    const isBehind =
      group !== null &&
      event !== null &&
      version !== null &&
      group.version === field(message, 'LastMemVer') &&
      group.version !== version
    if (isBehind && askedAt - message.receivedAt < LAG_MS) throw new TooEarly(LOOK_AGAIN_MS)
    return async (tx: Tx) => {
      // First what the event knows better, when somebody left and how; then the list.
      if (event) await applyMembersEvent(tx, dependencies, chatId, event, group === null || isBehind ? version : null)
      if (group && !isBehind) await applyGroup(tx, dependencies, group, askedAt)
    }
  }

  const dissolved = (message: CallbackMessage) => {
    const chatIds = [required(message, 'ChatId')]
    return Promise.resolve((tx: Tx) => updateGroupsDissolved(tx, { brandId, chatIds, at: message.at }))
  }

  const tagsChanged = async () => {
    const tags = readTags(
      await wecom.call('externalcontact/get_corp_tag_list', { body: {}, isHarmless: true, ...ASKED }),
    )
    return (tx: Tx) => replaceTags(tx, { brandId, tags })
  }

  /** Somebody came into sight or left it: the people are walked through anew. */
  const staffChanged = () =>
    Promise.resolve(async (tx: Tx) => {
      const at = now()
      await insertSync(tx, { brandId, syncId: uuidv7(at), kind: 'staff', stage: 'departments', now: at })
    })

  /** He may be called otherwise from now on, and stays who he is. */
  const userUpdated = async (message: CallbackMessage) => {
    const walk = await staffChanged()
    const userid = required(message, 'UserID')
    const renamedTo = field(message, 'NewUserID')
    if (renamedTo === null || renamedTo === userid) return walk
    return async (tx: Tx) => {
      await walk(tx)
      await renameStaff(tx, { brandId, now: now(), userid, renamedTo, at: message.at })
    }
  }

  return {
    'change_external_contact/add_external_contact': message => added(message, true),
    'change_external_contact/add_half_external_contact': message => added(message, false),
    'change_external_contact/edit_external_contact': message => added(message, false),
    'change_external_contact/del_external_contact': message =>
      ended(message, field(message, 'Source') === BY_TRANSFER ? 'transfer' : 'associate'),
    'change_external_contact/del_follow_user': message => ended(message, 'customer'),
    'change_external_chat/create': groupChanged,
    'change_external_chat/update': groupChanged,
    'change_external_chat/dismiss': dissolved,
    'change_external_tag/create': tagsChanged,
    'change_external_tag/update': tagsChanged,
    'change_external_tag/delete': tagsChanged,
    'change_external_tag/shuffle': tagsChanged,
    subscribe: staffChanged,
    unsubscribe: staffChanged,
    'change_contact/create_user': staffChanged,
    'change_contact/update_user': userUpdated,
    'change_contact/delete_user': staffChanged,
    'change_contact/create_party': staffChanged,
    'change_contact/update_party': staffChanged,
    'change_contact/delete_party': staffChanged,
    // Tags of colleagues may be what the app's visible range is made of.
    'change_contact/update_tag': staffChanged,
  }
}

const bareContact = (externalUserid: string) => ({
  externalUserid,
  name: null,
  avatarUrl: null,
  type: null,
  unionid: null,
})

function membersEventOf(message: CallbackMessage): MembersEvent | null {
  const detail = field(message, 'UpdateDetail')
  const memberIds = listOf(message, 'MemChangeList')
  if ((detail !== 'add_member' && detail !== 'del_member') || memberIds.length === 0) return null
  const quitScene = field(message, 'QuitScene')
  return {
    detail,
    memberIds,
    at: message.at,
    wasRemoved: detail === 'add_member' || quitScene === null ? null : quitScene === '1',
  }
}
