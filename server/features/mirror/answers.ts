import { withoutPhones } from '../../lib/phones.ts'
import type { Instant } from '../../lib/time.ts'
import type { Answer } from '../wecom/service.ts'

/** What WeCom says, as plain values. Fields that are missing or of another sort than documented are read as not told. */

export interface ContactSeen {
  externalUserid: string
  name: string | null
  avatarUrl: string | null
  type: number | null
  unionid: string | null
}

export interface FriendSeen {
  userid: string
  externalUserid: string
  since: Instant
  addWay: number | null
  state: string | null
  remark: string | null
  description: string | null
  /** The corporation's tags alone. */
  tagIds: string[]
}

export interface GroupMemberSeen {
  memberId: string
  isStaff: boolean
  name: string | null
  unionid: string | null
  joinedAt: Instant
  joinScene: number | null
  invitedBy: string | null
  state: string | null
}

export interface GroupSeen {
  chatId: string
  name: string
  owner: string | null
  createdAt: Instant
  version: string | null
  members: GroupMemberSeen[]
}

export interface TagSeen {
  tagId: string
  name: string
  groupId: string
  groupName: string
}

const record = (value: unknown): Answer =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Answer) : {}
const list = (value: unknown): Answer[] => (Array.isArray(value) ? value.map(record) : [])
const text = (value: unknown): string | null => {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value !== '' ? value.toWellFormed().replaceAll('\u0000', '') : null
}
/** What somebody typed: a phone number in it is masked before it is kept. */
const typed = (value: unknown): string | null => {
  const said = text(value)
  return said === null ? null : withoutPhones(said)
}
const whole = (value: unknown): number | null =>
  value !== null && value !== '' && Number.isInteger(Number(value)) && Math.abs(Number(value)) < 2 ** 31
    ? Number(value)
    : null
/** Seconds since 1970, as a number or its text. */
const instant = (value: unknown): Instant | null => {
  const seconds = Number(value)
  return Number.isFinite(seconds) && seconds > 0 && seconds < 100_000_000_000 ? Math.floor(seconds) * 1000 : null
}

export const texts = (value: unknown): string[] => (Array.isArray(value) ? value.flatMap(one => text(one) ?? []) : [])

/** Where the next page begins; null at the end. */
export const nextCursor = (answer: Answer): string | null => text(answer['next_cursor'])

function contactOf(value: unknown): ContactSeen | null {
  const contact = record(value)
  const externalUserid = text(contact['external_userid'])
  if (externalUserid === null) return null
  return {
    externalUserid,
    name: typed(contact['name']),
    avatarUrl: text(contact['avatar']),
    type: whole(contact['type']),
    unionid: text(contact['unionid']),
  }
}

function friendOf(value: Answer, externalUserid: string, tagIds: string[]): FriendSeen | null {
  const userid = text(value['userid'])
  const since = instant(value['createtime'])
  if (userid === null || since === null) return null
  return {
    userid,
    externalUserid,
    since,
    addWay: whole(value['add_way']),
    state: text(value['state']),
    remark: typed(value['remark']),
    description: typed(value['description']),
    tagIds,
  }
}

/** `externalcontact/get`: one contact and all his friends. */
export function readContact(answer: Answer): { contact: ContactSeen | null; friends: FriendSeen[] } {
  const contact = contactOf(answer['external_contact'])
  if (!contact) return { contact: null, friends: [] }
  const friends = list(answer['follow_user']).flatMap(follow => {
    const tagIds = list(follow['tags']).flatMap(tag => text(tag['tag_id']) ?? [])
    return friendOf(follow, contact.externalUserid, tagIds) ?? []
  })
  return { contact, friends }
}

/** `externalcontact/batch/get_by_user`: one contact and one friend an entry. */
export function readContacts(answer: Answer): { contacts: ContactSeen[]; friends: FriendSeen[] } {
  const contacts = new Map<string, ContactSeen>()
  const friends: FriendSeen[] = []
  for (const entry of list(answer['external_contact_list'])) {
    const contact = contactOf(entry['external_contact'])
    if (!contact) continue
    contacts.set(contact.externalUserid, contact)
    const follow = record(entry['follow_info'])
    const friend = friendOf(follow, contact.externalUserid, texts(follow['tag_id']))
    if (friend) friends.push(friend)
  }
  return { contacts: [...contacts.values()], friends }
}

/** `externalcontact/groupchat/get` */
export function readGroup(answer: Answer): GroupSeen | null {
  const group = record(answer['group_chat'])
  const chatId = text(group['chat_id'])
  const createdAt = instant(group['create_time'])
  if (chatId === null || createdAt === null) return null
  return {
    chatId,
    name: text(group['name']) ?? '',
    owner: text(group['owner']),
    createdAt,
    version: text(group['member_version']),
    members: list(group['member_list']).flatMap(member => {
      const memberId = text(member['userid'])
      if (memberId === null) return []
      return {
        memberId,
        isStaff: member['type'] === 1,
        name: typed(member['name']) ?? typed(member['group_nickname']),
        unionid: text(member['unionid']),
        joinedAt: instant(member['join_time']) ?? createdAt,
        joinScene: whole(member['join_scene']),
        invitedBy: text(record(member['invitor'])['userid']),
        state: text(member['state']),
      }
    }),
  }
}

/** `externalcontact/groupchat/list` */
export const readGroupIds = (answer: Answer): string[] =>
  list(answer['group_chat_list']).flatMap(group => text(group['chat_id']) ?? [])

/** `department/simplelist`, or `department/list` */
export const readDepartments = (answer: Answer): { departmentId: number; parentId: number; name: string | null }[] =>
  list(answer['department_id'] ?? answer['department']).flatMap(department => {
    const departmentId = whole(department['id'])
    return departmentId === null
      ? []
      : { departmentId, parentId: whole(department['parentid']) ?? 0, name: text(department['name']) }
  })

/** `department/get` */
export const readDepartmentName = (answer: Answer): string | null => text(record(answer['department'])['name'])

/** `user/simplelist` */
export const readStaff = (answer: Answer): { userid: string; name: string; departmentIds: number[] }[] =>
  list(answer['userlist']).flatMap(person => {
    const userid = text(person['userid'])
    if (userid === null) return []
    const departments: unknown[] = Array.isArray(person['department']) ? person['department'] : []
    return { userid, name: text(person['name']) ?? userid, departmentIds: departments.flatMap(id => whole(id) ?? []) }
  })

/** `externalcontact/get_corp_tag_list` */
export const readTags = (answer: Answer): TagSeen[] =>
  list(answer['tag_group']).flatMap(group =>
    list(group['tag']).flatMap(tag => {
      const tagId = text(tag['id'])
      if (tagId === null || tag['deleted'] === true || group['deleted'] === true) return []
      return {
        tagId,
        name: text(tag['name']) ?? tagId,
        groupId: text(group['group_id']) ?? '',
        groupName: text(group['group_name']) ?? '',
      }
    }),
  )
