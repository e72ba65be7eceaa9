/**
 * Group messages and moments: tasks that an app makes, and that members carry out by hand. What WeCom checks is checked
 * here; what members and customers do with a task is done here.
 */
import { createHash } from 'node:crypto'
import { WecomRefusal } from './wecom-errors.ts'
import type { MessageBody, World } from './world.ts'

type Attachment = Record<string, unknown>

/** How chats are called. */
interface ChatKeys {
  single: (userid: string, externalUserid: string) => string
  group: (chatId: string) => string
}

/** What became of one customer or group. */
export interface Recipient {
  id: string
  /** 0 unsent, 1 sent, 2 no friend any more, 3 had as many as is allowed. */
  status: 0 | 1 | 2 | 3
  sentAt: number | null
}

export interface GroupMessage {
  msgid: string
  chatType: 'single' | 'group'
  createdAt: number
  text: string
  attachments: Attachment[]
  /** Who is asked to send it, and to whom. */
  senders: Map<string, { sentAt: number | null; recipients: Recipient[] }>
  isCancelled: boolean
  remindedAt: number[]
}

export interface Moment {
  jobId: string
  momentId: string
  createdAt: number
  text: string
  attachments: Attachment[]
  /** Who is asked to post it. */
  senders: Map<string, { postedAt: number | null; likes: string[]; comments: string[] }>
  invalidSenders: string[]
  isCancelled: boolean
}

const limits = { text: 4000, momentText: 2000, attachments: 9, customers: 10_000, chats: 2000, reminders: 3 }
const codes = {
  nobody: 41048,
  dispatching: 41063,
  wrongMessage: 41046,
  wrongKind: 41064,
  wrongSize: 41065,
  notActivated: 41054,
  cancelled: 41093,
  reminded: 41094,
  notHisMoment: 41061,
  notPosted: 41062,
  emptyMoment: 41088,
}
const dayMs = 86_400_000

export class GroupMessages {
  readonly messages = new Map<string, GroupMessage>()
  /** By the id of the job that makes them. */
  readonly moments = new Map<string, Moment>()
  /** How many group messages a customer or group may get in a month; WeCom's own: as many as it has days. */
  monthlyMax = 31
  /** How long WeCom takes to hand a task out; until then nothing can be asked of it. */
  dispatchMs = 0

  readonly #world: World
  readonly #keyOf: ChatKeys
  #made = 0

  constructor(world: World, keyOf: ChatKeys) {
    this.#world = world
    this.#keyOf = keyOf
  }

  // What an app may do

  /** @returns the customers whom it cannot go to */
  add(task: {
    chatType: 'single' | 'group'
    externalUserids: readonly string[] | null
    chatIds: readonly string[] | null
    sender: string | null
    text: string
    attachments: Attachment[]
  }): { message: GroupMessage; failed: string[] } {
    const { chatType, sender, text, attachments } = task
    if (text === '' && attachments.length === 0) throw new WecomRefusal(40058)
    if (Buffer.byteLength(text) > limits.text || attachments.length > limits.attachments) throw new WecomRefusal(40058)
    for (const attachment of attachments) this.#checkAttachment(attachment)
    if (sender !== null) this.#checkMember(sender)
    const senders: GroupMessage['senders'] = new Map()
    const failed: string[] = []
    if (chatType === 'group') {
      if (sender === null) throw new WecomRefusal(40035, 'sender')
      if ((task.chatIds?.length ?? 0) > limits.chats) throw new WecomRefusal(40058)
      const own = [...this.#world.groupChats.values()]
        .filter(group => group.owner === sender)
        .map(group => group.chatId)
      const asked = task.chatIds === null ? own : own.filter(chatId => task.chatIds!.includes(chatId))
      if (asked.length === 0) throw new WecomRefusal(codes.nobody)
      senders.set(sender, { sentAt: null, recipients: asked.map(unsent) })
    } else {
      if (sender === null && task.externalUserids === null) throw new WecomRefusal(40035, 'external_userid, sender')
      if ((task.externalUserids?.length ?? 0) > limits.customers) throw new WecomRefusal(40032)
      const asked = task.externalUserids ?? [...this.#world.customers.keys()]
      for (const id of asked) {
        const follows = this.#world.customers.get(id)?.follows ?? []
        // Without a sender it is pushed to one of those who have the customer.
        const userid = follows.find(follow => sender === null || follow.userid === sender)?.userid
        if (userid === undefined) {
          if (task.externalUserids !== null) failed.push(id)
          continue
        }
        const kept = senders.get(userid) ?? { sentAt: null, recipients: [] }
        kept.recipients.push(unsent(id))
        senders.set(userid, kept)
      }
      if (senders.size === 0) throw new WecomRefusal(codes.nobody)
    }
    const message: GroupMessage = {
      msgid: this.#make('msg'),
      chatType,
      createdAt: this.#world.now(),
      text,
      attachments,
      senders,
      isCancelled: false,
      remindedAt: [],
    }
    this.messages.set(message.msgid, message)
    return { message, failed }
  }

  /** A message that was handed out. */
  message(msgid: string): GroupMessage {
    const message = this.messages.get(msgid)
    if (!message) throw new WecomRefusal(codes.wrongMessage)
    if (this.#world.now() < message.createdAt + this.dispatchMs) throw new WecomRefusal(codes.dispatching)
    return message
  }

  /** Three times in 24 hours. */
  remind(msgid: string): void {
    const message = this.message(msgid)
    if (message.isCancelled) throw new WecomRefusal(codes.cancelled)
    const since = this.#world.now() - dayMs
    if (message.remindedAt.filter(at => at > since).length >= limits.reminders) throw new WecomRefusal(codes.reminded)
    message.remindedAt.push(this.#world.now())
  }

  cancel(msgid: string): void {
    this.message(msgid).isCancelled = true
  }

  addMoment(task: { text: string; attachments: Attachment[]; senders: readonly string[] | null }): Moment {
    const { text, attachments } = task
    if (text === '' && attachments.length === 0) throw new WecomRefusal(codes.emptyMoment)
    if ([...text].length > limits.momentText || Buffer.byteLength(text) > limits.text) {
      throw new WecomRefusal(40058, 'invalid text size')
    }
    const kinds = new Set(attachments.map(attachment => attachment['msgtype']))
    if (kinds.size > 1 || [...kinds].some(kind => kind !== 'image' && kind !== 'link' && kind !== 'video')) {
      throw new WecomRefusal(40058, 'invalid attachments msgtype')
    }
    const most = kinds.has('image') ? limits.attachments : 1
    if (attachments.length > most) throw new WecomRefusal(40058, 'invalid attachments size')
    for (const attachment of attachments) this.#checkMomentAttachment(attachment)
    const members = [...this.#world.staff.values()].filter(person => person.status === 1).map(person => person.userid)
    const asked = task.senders ?? members
    const moment: Moment = {
      jobId: this.#make('job'),
      momentId: this.#make('mom'),
      createdAt: this.#world.now(),
      text,
      attachments,
      senders: new Map(
        asked
          .filter(userid => members.includes(userid))
          .map(userid => [userid, { postedAt: null, likes: [], comments: [] }]),
      ),
      invalidSenders: asked.filter(userid => !members.includes(userid)),
      isCancelled: false,
    }
    this.moments.set(moment.jobId, moment)
    return moment
  }

  /** By its job; null while WeCom is at it. The job is known for a day. */
  momentOfJob(jobId: string): Moment | null {
    const moment = this.moments.get(jobId)
    if (!moment || this.#world.now() >= moment.createdAt + dayMs) throw new WecomRefusal(40058, 'invalid jobid')
    return this.#world.now() < moment.createdAt + this.dispatchMs ? null : moment
  }

  moment(momentId: string): Moment {
    const moment = [...this.moments.values()].find(each => each.momentId === momentId)
    if (!moment) throw new WecomRefusal(40058, 'invalid moment_id')
    return moment
  }

  /** A member's part in a moment that he has posted. */
  posted(momentId: string, userid: string) {
    const part = this.moment(momentId).senders.get(userid)
    if (!part) throw new WecomRefusal(codes.notHisMoment)
    if (part.postedAt === null) throw new WecomRefusal(codes.notPosted)
    return part
  }

  cancelMoment(momentId: string): void {
    this.moment(momentId).isCancelled = true
  }

  // What people do

  /** The member confirms: it goes to each of his, who see it in their chats. @throws Error where he is not asked */
  confirm(msgid: string, userid: string): void {
    const message = this.message(msgid)
    const part = message.senders.get(userid)
    if (!part || message.isCancelled) throw new Error(`${userid} is not asked to send ${msgid}`)
    if (part.sentAt !== null) return
    const at = this.#world.now()
    part.sentAt = at
    for (const recipient of part.recipients) {
      const isThere =
        message.chatType === 'group'
          ? this.#world.groupChats.has(recipient.id)
          : this.#world.customerOf(recipient.id).follows.some(follow => follow.userid === userid)
      if (!isThere) recipient.status = 2
      else if (this.#receivedInMonth(recipient.id) >= this.monthlyMax) recipient.status = 3
      else {
        Object.assign(recipient, { status: 1, sentAt: at })
        const { id } = recipient
        const key = message.chatType === 'group' ? this.#keyOf.group(id) : this.#keyOf.single(userid, id)
        const say = (body: MessageBody) => this.#world.say(key, { kind: 'staff', id: userid }, body)
        if (message.text !== '') say({ kind: 'text', text: message.text })
        for (const attachment of message.attachments) say(shown(attachment))
      }
    }
  }

  /** The member posts a moment. @throws Error where he is not asked */
  post(momentId: string, userid: string): void {
    const moment = this.moment(momentId)
    const part = moment.senders.get(userid)
    if (!part || moment.isCancelled) throw new Error(`${userid} is not asked to post ${momentId}`)
    part.postedAt ??= this.#world.now()
  }

  like(momentId: string, userid: string, externalUserid: string): void {
    const { likes } = this.posted(momentId, userid)
    if (!likes.includes(externalUserid)) likes.push(externalUserid)
  }

  comment(momentId: string, userid: string, externalUserid: string): void {
    this.posted(momentId, userid).comments.push(externalUserid)
  }

  #receivedInMonth(id: string): number {
    const month = new Date(this.#world.now() + 8 * 3_600_000).toISOString().slice(0, 7)
    let count = 0
    for (const { senders } of this.messages.values()) {
      for (const { recipients } of senders.values()) {
        for (const recipient of recipients) {
          if (recipient.id !== id || recipient.sentAt === null) continue
          if (new Date(recipient.sentAt + 8 * 3_600_000).toISOString().startsWith(month)) count += 1
        }
      }
    }
    return count
  }

  #checkMember(userid: string): void {
    const person = this.#world.staff.get(userid)
    if (!person) throw new WecomRefusal(60111)
    if (person.status !== 1) throw new WecomRefusal(codes.notActivated)
  }

  #checkAttachment({ msgtype, ...body }: Attachment): void {
    const text = textsOf(body[String(msgtype)])
    const isIn = (name: string, most: number) => text(name) !== '' && Buffer.byteLength(text(name)) <= most
    if (msgtype === 'image' || msgtype === 'video' || msgtype === 'file') {
      if (!this.#world.channels.hasMedia(text('media_id'))) throw new WecomRefusal(40007)
    } else if (msgtype === 'link') {
      const isShort = Buffer.byteLength(text('desc')) <= 512 && Buffer.byteLength(text('picurl')) <= 2048
      if (!isIn('title', 128) || !isIn('url', 2048) || !isShort) throw new WecomRefusal(codes.wrongSize)
    } else if (msgtype === 'miniprogram') {
      if (!this.#world.channels.hasMedia(text('pic_media_id'))) throw new WecomRefusal(40007)
      const isLinked = this.#world.miniPrograms.some(({ appId }) => appId === text('appid'))
      if (!isIn('title', 64) || text('page') === '' || !isLinked) throw new WecomRefusal(codes.wrongSize)
    } else throw new WecomRefusal(codes.wrongKind)
  }

  #checkMomentAttachment({ msgtype, ...body }: Attachment): void {
    const text = textsOf(body[String(msgtype)])
    if (!this.#world.channels.hasMedia(text('media_id'))) throw new WecomRefusal(40007)
    if (msgtype !== 'link') return
    if (text('url') === '' || Buffer.byteLength(text('title')) > 64) throw new WecomRefusal(40058, 'invalid link')
  }

  #make(prefix: string): string {
    this.#made += 1
    const made = createHash('sha256').update(`${this.#world.corpId}/${prefix}/${this.#made}`).digest('base64url')
    return `${prefix}${made.replaceAll(/[^A-Za-z0-9]/g, '').slice(0, 28)}`
  }
}

const unsent = (id: string): Recipient => ({ id, status: 0, sentAt: null })

const textsOf = (part: unknown) => (name: string) => {
  const value = typeof part === 'object' && part !== null ? (part as Record<string, unknown>)[name] : undefined
  return typeof value === 'string' ? value : ''
}

/** An attachment as the chat shows it. */
function shown({ msgtype, ...body }: Attachment): MessageBody {
  const text = textsOf(body[String(msgtype)])
  if (msgtype === 'link') {
    const [title, description, imageUrl, url] = ['title', 'desc', 'picurl', 'url'].map(text) as [string, string, string, string] // prettier-ignore
    return { kind: 'link', title, description, imageUrl, url }
  }
  if (msgtype === 'miniprogram') {
    return { kind: 'mini_program', appId: text('appid'), title: text('title'), imageUrl: '', page: text('page') }
  }
  return { kind: 'media', media: msgtype as 'image' | 'video' | 'file', mediaId: text('media_id') }
}
