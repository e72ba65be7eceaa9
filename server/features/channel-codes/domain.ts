import { canonicalJson } from '../../lib/items.ts'
import { cutToBytes } from '../../lib/text.ts'
import type { Instant } from '../../lib/time.ts'
import { miniProgramPage } from '../catalogue/domain.ts'

/** What a code is to be in WeCom, and what a welcome says. No clock, no database. */

export const CODE_KINDS = ['contact_way', 'acquisition_link', 'group_join_way'] as const
export type CodeKind = (typeof CODE_KINDS)[number]

/** What WeCom takes: a name of 30 characters, a state of 30, 100 people for a code, 500 for a link, 5 groups. */
export const NAME_MAX = 30
export const GROUPS_MAX = 5
export const ROOM_NAME_MAX = 40
const USERS_MAX: Record<CodeKind, number> = { contact_way: 100, acquisition_link: 500, group_join_way: 0 }

/** Unguessable, good for an address, and well within 30 characters and 64 bytes. */
export const STATE_PREFIX = 'dg'
export const STATE_RANDOM = 12

export interface Code {
  kind: CodeKind
  name: string
  associateId: string | null
  storeCode: string | null
  state: string
  skipVerify: boolean
  chatIds: readonly string[]
  roomName: string | null
  roomNumber: number | null
  isActive: boolean
  deletedAt: Instant | null
}

/** Somebody who may stand behind a code. */
export interface Colleague {
  associateId: string
  storeCode: string | null
  isManager: boolean
  /** Works here now, and WeCom lets customers add him. */
  canBeAdded: boolean
}

const byRank = (a: Colleague, b: Colleague) =>
  Number(b.isManager) - Number(a.isManager) || (a.associateId < b.associateId ? -1 : 1)

/**
 * Whom the customers of a code are added to. An associate's code is his; once he left, it leads to his store's manager,
 * else to a colleague there, so that what was printed still works. A store's code leads to all who work there.
 */
export function usersOf(code: Code, colleagues: readonly Colleague[]): string[] {
  const able = colleagues.filter(each => each.canBeAdded)
  if (code.associateId === null) {
    const own = able.filter(each => each.storeCode === code.storeCode).sort(byRank)
    return own.slice(0, USERS_MAX[code.kind]).map(each => each.associateId).sort() // prettier-ignore
  }
  const owner = colleagues.find(each => each.associateId === code.associateId)
  if (owner?.canBeAdded) return [owner.associateId]
  const store = owner?.storeCode ?? null
  const [next] = store === null ? [] : able.filter(each => each.storeCode === store).sort(byRank)
  return next ? [next.associateId] : []
}

/** What WeCom is told of a code, but for its id. */
export type Told = Record<string, unknown>

/** @returns null where there is nobody to be added */
export function wantedOf(code: Code, colleagues: readonly Colleague[]): Told | null {
  if (code.kind === 'group_join_way') {
    return {
      scene: 2,
      remark: code.name,
      auto_create_room: code.roomName === null ? 0 : 1,
      ...(code.roomName === null ? {} : { room_base_name: code.roomName, room_base_id: code.roomNumber ?? 1 }),
      chat_id_list: [...code.chatIds],
      state: code.state,
    }
  }
  const users = usersOf(code, colleagues)
  if (users.length === 0) return null
  return code.kind === 'contact_way'
    ? {
        // The kind of a way cannot be changed afterwards.
        type: code.associateId === null ? 2 : 1,
        scene: 2,
        remark: code.name,
        skip_verify: code.skipVerify,
        state: code.state,
        user: users,
      }
    : { link_name: linkName(code), range: { user_list: users }, skip_verify: code.skipVerify }
}

/** A link has no state of its own in WeCom: its name says which it is. */
export const linkName = ({ name, state }: Pick<Code, 'name' | 'state'>) =>
  `${[...name].slice(0, NAME_MAX - state.length - 1).join('')} ${state}`

/** What is to be done about a code, by what WeCom was told last. */
export type Step = 'make' | 'change' | 'remove' | 'picture' | 'nothing' | 'nobody'

export function stepOf(
  code: Code,
  inWecom: { configId: string | null; url: string | null; told: Told | null },
  wanted: Told | null,
): Step {
  const { configId, url, told } = inWecom
  if (!code.isActive || code.deletedAt !== null) return configId === null ? 'nothing' : 'remove'
  // What is printed stays as it is rather than lead nowhere.
  if (wanted === null) return 'nobody'
  if (configId === null) return 'make'
  if (canonicalJson(told) !== canonicalJson(wanted)) return 'change'
  return url === null ? 'picture' : 'nothing'
}

export type CodeStatus = 'waiting' | 'active' | 'inactive' | 'failing'

export function statusOf(code: {
  isActive: boolean
  configId: string | null
  url: string | null
  fault: string | null
}): CodeStatus {
  if (code.fault !== null) return 'failing'
  if (!code.isActive) return 'inactive'
  return code.configId !== null && code.url !== null ? 'active' : 'waiting'
}

/** The address of an acquisition link, with what tells its customers. */
export const channelUrl = (url: string, state: string) =>
  `${url}${url.includes('?') ? '&' : '?'}customer_channel=${encodeURIComponent(state)}`

// -------------------------------------------------------------------------------------------------- welcomes

export const WELCOME_TEXT = '您好，我是{store}的{associate}，很高兴为您服务！点击下方卡片加入会员，专属权益等您领取。'
export const TEXT_BYTES_MAX = 4000
const CARD_TITLE_BYTES = 64
const LINK_TITLE_BYTES = 128
const LINK_TEXT_BYTES = 512
const VARIABLES = ['associate', 'store', 'brand'] as const

/** For how long WeCom lets a welcome be sent. */
export const WELCOME_MS = 20_000

export interface WelcomeSettings {
  isOn: boolean
  text: string
  title: string | null
  path: string | null
  url: string | null
  imageUrl: string | null
}

export const DEFAULT_WELCOME: WelcomeSettings = {
  isOn: true,
  text: WELCOME_TEXT,
  title: null,
  path: null,
  url: null,
  imageUrl: null,
}

/** What stands in braces and is no variable. */
export const unknownVariables = (text: string): string[] =>
  [...text.matchAll(/\{([^{}]*)\}/g)].flatMap(([, name]) =>
    (VARIABLES as readonly string[]).includes(name!) ? [] : [name!],
  )

/** The customer's name is not among the variables: asking WeCom for it would take of the 20 seconds. */
export const welcomeText = (text: string, names: Record<(typeof VARIABLES)[number], string>): string =>
  cutToBytes(
    text.replace(/\{(associate|store|brand)\}/g, (_, name: keyof typeof names) => names[name]),
    TEXT_BYTES_MAX,
  )

/** The enrolment page as an attachment: a card of the mini program where one can be had, else a link. */
export function welcomeAttachments(page: {
  title: string
  text: string
  url: string
  imgUrl: string
  card: { appId: string; path: string; mediaId: string } | null
}): Record<string, unknown>[] {
  const { title, text, url, imgUrl, card } = page
  return [
    card
      ? {
          msgtype: 'miniprogram',
          miniprogram: {
            title: cutToBytes(title, CARD_TITLE_BYTES),
            pic_media_id: card.mediaId,
            appid: card.appId,
            page: miniProgramPage(card.path),
          },
        }
      : {
          msgtype: 'link',
          link: {
            title: cutToBytes(title, LINK_TITLE_BYTES),
            picurl: imgUrl,
            desc: cutToBytes(text, LINK_TEXT_BYTES),
            url,
          },
        },
  ]
}

export type WelcomeOutcome = 'sent' | 'needless' | 'refused' | 'unsure'

/** The code is used or over, the chat has begun, or the customer has yet to agree: nothing that somebody must mend. */
const NEEDLESS: ReadonlySet<number> = new Set([41050, 41051, 41053])
/** Another app is sending one at this moment; it may fail yet. */
export const BEING_SENT = 41096

export function outcomeOf(failure: { errcode: number | null; outcome: string }): WelcomeOutcome {
  if (failure.errcode !== null) return NEEDLESS.has(failure.errcode) ? 'needless' : 'refused'
  return failure.outcome === 'unknown' ? 'unsure' : 'refused'
}
