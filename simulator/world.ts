/**
 * The simulated corporation: everything that the server API, the bridge and the chat shell know, in memory.
 *
 * Nothing here is random: ids, tokens and tickets follow from the description's seed, so that a test that failed once
 * fails again.
 */
import { createHash } from 'node:crypto'
import { Channels } from './channels.ts'
import { GroupMessages } from './group-messages.ts'
import { CallLimits } from './limits.ts'
import { Transfers } from './transfers.ts'
import { AppMessages } from './messages-api.ts'
import { WechatRecord } from './mini-program-api.ts'

/** What the world is made of. Plain data, so that a demo brand can say who exists. */
export interface WorldDescription {
  /** Other seeds give other ids, tokens and tickets. */
  seed?: string
  corp: { corpId: string; name: string }
  agents: readonly AgentDescription[]
  departments: readonly { id: number; name: string; parentId?: number }[]
  staff: readonly StaffDescription[]
  customers: readonly CustomerDescription[]
  tagGroups?: readonly { name: string; tags: readonly string[] }[]
  groupChats?: readonly GroupChatDescription[]
  messages?: readonly MessageDescription[]
  /** Mini programs that the corporation has linked; cards of others are refused. */
  miniPrograms?: readonly MiniProgramDescription[]
}

export interface MiniProgramDescription {
  appId: string
  name: string
  /** What its server API wants; without one nobody may call that. */
  secret?: string
  /** The pages that are published, without a slash before them; any where not said. */
  pages?: readonly string[]
}

export interface AgentDescription {
  agentId: string
  secret: string
  name: string
  /** Hosts, with the port where it is not the default one: `daogou.example.com`, `127.0.0.1:8686`. */
  trustedDomains: readonly string[]
  /** Whether the app is among those that may call the customer API; true where not said. */
  mayReadCustomers?: boolean
}

export interface StaffDescription {
  userid: string
  name: string
  departments: readonly number[]
  position?: string
  isLeader?: boolean
  /** 1 active, 2 disabled, 4 not activated, 5 left; 1 where not said. */
  status?: 1 | 2 | 4 | 5
  /** A line for the page where one picks who to be. */
  hint?: string
  /** Listed before the others there. */
  isFeatured?: boolean
}

export interface CustomerDescription {
  name: string
  externalUserid?: string
  unionid?: string
  gender?: 0 | 1 | 2
  follows: readonly {
    userid: string
    /** Milliseconds since 1970. */
    createdAt?: number
    state?: string
    addWay?: number
    remark?: string
    description?: string
    remarkMobiles?: readonly string[]
    /** Names of corporation tags. */
    tags?: readonly string[]
  }[]
  /** What the customer's phone and the shop know of him; nothing of it is ever told by WeCom's API. */
  memberNo?: string
  phone?: string
  /** A line for people who try the simulator: `金卡会员`, `同事的客户`. */
  hint?: string
}

export interface GroupChatDescription {
  chatId?: string
  name: string
  owner: string
  notice?: string
  createdAt?: number
  /** userids of staff besides the owner, and names or ids of customers. */
  staff?: readonly string[]
  customers: readonly string[]
}

export interface MessageDescription {
  /** userid of the staff member's side; for a group its name or id alone. */
  chat: { userid: string; customer: string } | { group: string }
  /** userid, or the customer's name or id. */
  from: string
  text: string
  at: number
}

export interface Agent {
  agentId: string
  secret: string
  name: string
  trustedDomains: string[]
  mayReadCustomers: boolean
}

export interface Staff {
  userid: string
  name: string
  departments: number[]
  position: string
  isLeader: boolean
  status: 1 | 2 | 4 | 5
  hint: string
}

export interface Follow {
  userid: string
  createdAt: number
  state: string
  addWay: number
  remark: string
  description: string
  remarkCorpName: string
  remarkMobiles: string[]
  tagIds: Set<string>
  operUserid: string
}

export interface Customer {
  externalUserid: string
  unionid: string
  openid: string
  name: string
  gender: 0 | 1 | 2
  follows: Follow[]
  memberNo: string | null
  phone: string | null
  hint: string
}

export interface TagGroup {
  groupId: string
  name: string
  createdAt: number
  tags: { tagId: string; name: string; createdAt: number }[]
}

export interface GroupChat {
  chatId: string
  name: string
  owner: string
  notice: string
  createdAt: number
  members: {
    kind: 'staff' | 'customer'
    id: string
    joinedAt: number
    joinScene: 1 | 2 | 3
    invitor: string
    /** What the join way was given as its state. */
    state?: string
  }[]
  /** Counts up with each change of its members. */
  version: number
}

/** The fields of an event that WeCom calls back with, as its XML has them. */
export type CallbackFields = Record<string, string | number | readonly string[]>

export type MessageBody =
  | { kind: 'text'; text: string }
  | { kind: 'link'; title: string; description: string; imageUrl: string; url: string }
  | { kind: 'mini_program'; appId: string; title: string; imageUrl: string; page: string }
  | { kind: 'media'; media: 'image' | 'video' | 'file'; mediaId: string }

export interface Message {
  messageId: string
  chatKey: string
  from: { kind: 'staff' | 'customer'; id: string }
  at: number
  body: MessageBody
}

export type Entry =
  'contact_profile' | 'single_chat_tools' | 'group_chat_tools' | 'chat_attachment' | 'single_kf_tools' | 'normal'

/** How the simulated client behaves; each is a way in which real ones differ. */
export interface ClientOptions {
  version: string
  /** The bridge appears this long after the page began to load. */
  lateMs: number
  /** The member must confirm before sendChatMessage sends; he may cancel. */
  asksBeforeSend: boolean
  /** Bridge calls that this client does not have, such as getContext before 3.0.24. */
  missingApis: string[]
  language: 'zh' | 'en'
  colorScheme: 'Light' | 'Dark'
}

/** One running WeCom client: who is signed in, what is open, and beside what the sidebar stands. */
export interface Seat {
  seatId: string
  userid: string
  entry: Entry
  externalUserid: string | null
  chatId: string | null
  client: ClientOptions
  /** Counts up with each sign-in at this client. */
  signIns: number
  /** What each loaded page has registered, by the page's own id. */
  pages: Map<string, PageRegistration>
  /** The latest calls of the bridge, newest last. */
  calls: BridgeCallRecord[]
}

export interface PageRegistration {
  config: { apis: Set<string> } | null
  agent: { agentId: string; apis: Set<string> } | null
}

export interface BridgeCallRecord {
  at: number
  name: string
  result: string
}

/** A fault on demand: the next matching calls fail, or are slow. */
export interface Fault {
  /** A path of the server API (`/cgi-bin/gettoken`, or the start of one) or the name of a bridge call (`agentConfig`). */
  path: string
  /** What to answer instead; absent: only the latency. */
  errcode?: number
  /** What the bridge is to say: `agentConfig:fail`. Absent: made from the name and the errcode. */
  errMsg?: string
  latencyMs?: number
  /** A call of the server API is carried out, and nobody hears of it: the connection is cut. */
  losesAnswer?: boolean
  /** How many calls it holds for; absent: until it is taken away. */
  times?: number
}

/** Parts of all events, from 0 to 1. WeCom itself doubles and delays; it sends again what it did not hear of. */
export interface Deliveries {
  doubled: number
  /** Delivered, and the answer is lost: it comes again. */
  unheard: number
  latencyMs: number
}

export type WorldEvent =
  | { kind: 'message'; message: Message }
  | { kind: 'seat'; seatId: string }
  | { kind: 'confirm'; seatId: string; confirmId: string; body: MessageBody }
  | { kind: 'open_chat'; seatId: string; externalUserid: string | null; chatId: string | null }
  | { kind: 'open_profile'; seatId: string; userid: string; isCustomer: boolean }
  | { kind: 'notice'; seatId: string; what: 'clipboard' | 'mini_program' | 'close'; detail: string }
  | { kind: 'call'; seatId: string; call: BridgeCallRecord }
  | { kind: 'callback'; fields: CallbackFields }
  /** An app wrote to a member. */
  | { kind: 'app_message'; userid: string }

/** WeCom's own life spans: of tokens and tickets, of a ticket that has just been followed by another, of a code. */
export const lifeMs = { period: 7_200_000, grace: 300_000, code: 300_000 }

export interface WorldOptions {
  now?: () => number
}

/**
 * Makes a world from its description.
 *
 * @throws Error where the description names somebody or something that it does not describe
 */
export function createWorld(description: WorldDescription, { now = Date.now }: WorldOptions = {}): World {
  return new World(description, now)
}

interface Code {
  /** A userid or an external_userid. */
  who: string
  agentId: string | null
  expiresAt: number
}

const defaultClient: ClientOptions = {
  version: '4.1.36',
  lateMs: 0,
  asksBeforeSend: false,
  missingApis: [],
  language: 'zh',
  colorScheme: 'Light',
}

export class World {
  readonly corpId: string
  readonly corpName: string
  readonly agents: Map<string, Agent>
  readonly departments: readonly { id: number; name: string; parentId: number }[]
  readonly staff: Map<string, Staff>
  readonly customers = new Map<string, Customer>()
  readonly groupChats = new Map<string, GroupChat>()
  readonly tagGroups: TagGroup[]
  readonly miniPrograms: readonly MiniProgramDescription[]
  /** What WeChat gave for mini programs. */
  readonly wechat = new WechatRecord()
  readonly messages: Message[] = []
  readonly seats = new Map<string, Seat>()
  /** Codes by which customers come, and what they are sent when they do. */
  readonly channels = new Channels(this)
  /** Group messages and moments that members are asked to send. */
  readonly groupMessages = new GroupMessages(this, { single: singleKey, group: groupKey })
  /** Customers and groups that are given to a colleague. */
  readonly transfers = new Transfers(this)
  /** What apps wrote to members. */
  readonly appMessages = new AppMessages()
  /** Push one to break something, remove it to mend it. */
  readonly faults: Fault[] = []
  /** How often the server API may be called. */
  readonly limits = new CallLimits()
  /** What becomes of events on their way to the callback address. */
  readonly deliveries: Deliveries = { doubled: 0, unheard: 0, latencyMs: 0 }
  readonly now: () => number
  /** Who every authorise page answers for without asking; null: it asks. */
  signedInAs: string | null = null

  readonly #seed: string
  readonly #expiredTokens = new Set<string>()
  readonly #fixedTickets = new Map<string, string>()
  readonly #codes = new Map<string, Code>()
  readonly #confirmations = new Map<string, (isConfirmed: boolean) => void>()
  readonly #listeners = new Set<(event: WorldEvent) => void>()
  #generation = 0
  #made = 0

  constructor(description: WorldDescription, now: () => number) {
    this.now = now
    this.#seed = description.seed ?? 'daogou'
    this.corpId = description.corp.corpId
    this.corpName = description.corp.name
    this.miniPrograms = description.miniPrograms ?? []
    this.departments = description.departments.map(({ id, name, parentId }) => ({ id, name, parentId: parentId ?? 0 }))
    this.agents = new Map(
      description.agents.map(agent => [
        agent.agentId,
        { mayReadCustomers: true, ...agent, trustedDomains: [...agent.trustedDomains] },
      ]),
    )
    this.staff = new Map(
      [...description.staff]
        .sort((a, b) => Number(b.isFeatured ?? false) - Number(a.isFeatured ?? false))
        .map(({ isFeatured: _, ...person }) => [
          person.userid,
          { position: '', isLeader: false, status: 1, hint: '', ...person, departments: [...person.departments] },
        ]),
    )
    const beforeMs = now() - 90 * 86_400_000
    this.tagGroups = (description.tagGroups ?? []).map(({ name, tags }) => ({
      groupId: this.#idOf('et', `group/${name}`),
      name,
      createdAt: beforeMs,
      tags: tags.map(tag => ({ tagId: this.#idOf('et', `tag/${name}/${tag}`), name: tag, createdAt: beforeMs })),
    }))
    for (const customer of description.customers) this.#addCustomer(customer, beforeMs)
    for (const group of description.groupChats ?? []) this.#addGroupChat(group, beforeMs)
    for (const { chat, from, text, at } of description.messages ?? []) {
      const chatKey =
        'group' in chat
          ? groupKey(this.#groupNamed(chat.group).chatId)
          : singleKey(this.#staffNamed(chat.userid).userid, this.#customerNamed(chat.customer).externalUserid)
      const kind = this.staff.has(from) ? 'staff' : 'customer'
      const id = kind === 'staff' ? from : this.#customerNamed(from).externalUserid
      this.messages.push({ messageId: this.#make('m'), chatKey, from: { kind, id }, at, body: { kind: 'text', text } })
    }
  }

  // Who and what exists

  agent(agentId: string): Agent {
    const agent = this.agents.get(agentId)
    if (!agent) throw new Error(`the world has no agent ${agentId}`)
    return agent
  }

  customerOf(externalUserid: string): Customer {
    const customer = this.customers.get(externalUserid)
    if (!customer) throw new Error(`the world has no customer ${externalUserid}`)
    return customer
  }

  tagOf(tagId: string): { groupName: string; tagId: string; name: string } | null {
    for (const group of this.tagGroups) {
      const tag = group.tags.find(each => each.tagId === tagId)
      if (tag) return { groupName: group.name, tagId, name: tag.name }
    }
    return null
  }

  /** The customers and groups of a member's chat list. */
  chatKeysOf(userid: string): string[] {
    const singles = [...this.customers.values()]
      .filter(customer => customer.follows.some(follow => follow.userid === userid))
      .map(customer => singleKey(userid, customer.externalUserid))
    const groups = [...this.groupChats.values()]
      .filter(group => group.members.some(member => member.kind === 'staff' && member.id === userid))
      .map(group => groupKey(group.chatId))
    return [...singles, ...groups]
  }

  /** What a customer has in his WeChat: chats with each member he has added, and groups. */
  chatKeysOfCustomer(externalUserid: string): string[] {
    const singles = this.customerOf(externalUserid).follows.map(follow => singleKey(follow.userid, externalUserid))
    const groups = [...this.groupChats.values()]
      .filter(group => group.members.some(member => member.kind === 'customer' && member.id === externalUserid))
      .map(group => groupKey(group.chatId))
    return [...singles, ...groups]
  }

  messagesOf(chatKey: string): Message[] {
    return this.messages.filter(message => message.chatKey === chatKey)
  }

  // Tokens, tickets, codes

  /**
   * The app's access token. As tickets do, it changes every two hours and is the same within them, also after the
   * simulator was started anew: the service keeps what it was given in its database.
   */
  issueToken(agentId: string): { token: string; expiresInSeconds: number } {
    return { token: this.#tokenOf(agentId, this.#period()), expiresInSeconds: this.#secondsLeft() }
  }

  checkToken(token: string): { agentId: string } | 'unknown' | 'expired' {
    for (const agentId of this.agents.keys()) {
      if (this.#tokenOf(agentId, this.#period()) === token) return { agentId }
      for (let ago = 1; ago <= 12; ago += 1)
        if (this.#tokenOf(agentId, this.#period() - ago) === token) return 'expired'
    }
    return this.#expiredTokens.has(token) ? 'expired' : 'unknown'
  }

  /** As WeCom may do at any time: tokens out there are `expired` (42001) or not known any more (40014). */
  dropTokens(how: 'expired' | 'unknown'): void {
    if (how === 'expired') {
      for (const agentId of this.agents.keys()) this.#expiredTokens.add(this.#tokenOf(agentId, this.#period()))
    }
    this.#generation += 1
  }

  /** @param owner `corp`, or an agentId: tickets are not interchangeable */
  issueTicket(owner: string): { ticket: string; expiresInSeconds: number } {
    return { ticket: this.#ticketOf(owner, this.#period()), expiresInSeconds: this.#secondsLeft() }
  }

  /** Every ticket that would still verify, with whose it is: this period's, and for a while the one's before. */
  liveTickets(): { owner: string; ticket: string }[] {
    const period = this.#period()
    const isJustOver = lifeMs.period - this.#secondsLeft() * 1000 < lifeMs.grace
    return ['corp', ...this.agents.keys()].flatMap(owner => [
      { owner, ticket: this.#ticketOf(owner, period) },
      ...(isJustOver ? [{ owner, ticket: this.#ticketOf(owner, period - 1) }] : []),
    ])
  }

  /** Gives a ticket a known text, as a test vector needs. */
  setTicket(owner: string, ticket: string): void {
    this.#fixedTickets.set(owner, ticket)
  }

  issueCode(who: string, agentId: string | null): string {
    const code = this.#make('code', 43)
    this.#codes.set(code, { who, agentId, expiresAt: this.now() + lifeMs.code })
    return code
  }

  /** Who the code speaks for, once and within five minutes; null otherwise. */
  spendCode(code: string, agentId: string): string | null {
    const held = this.#codes.get(code)
    this.#codes.delete(code)
    if (!held || held.expiresAt <= this.now()) return null
    return held.agentId === null || held.agentId === agentId ? held.who : null
  }

  /**
   * Answers every authorise page for this person from now on, without asking; null: they ask again.
   *
   * @param who a userid, an external_userid, or a userid that does not exist
   */
  signInAs(who: string | null): void {
    this.signedInAs = who
  }

  // Chats

  say(chatKey: string, from: Message['from'], body: MessageBody): Message {
    const message: Message = { messageId: this.#make('m'), chatKey, from, at: this.now(), body }
    this.messages.push(message)
    this.emit({ kind: 'message', message })
    return message
  }

  // Seats

  /** The client of that id; a new one where it is not there yet, with the first active member signed in. */
  seat(seatId: string): Seat {
    const held = this.seats.get(seatId)
    if (held) return held
    const first = [...this.staff.values()].find(person => person.status === 1)
    const seat: Seat = {
      seatId,
      userid: first?.userid ?? '',
      entry: 'normal',
      externalUserid: null,
      chatId: null,
      client: { ...defaultClient, missingApis: [] },
      signIns: 0,
      pages: new Map(),
      calls: [],
    }
    this.seats.set(seatId, seat)
    return seat
  }

  /** Signs somebody else in at this client, who begins at the workbench. */
  sit(seatId: string, userid: string): Seat {
    const seat = this.seat(seatId)
    Object.assign(seat, { userid, entry: 'normal', externalUserid: null, chatId: null, signIns: seat.signIns + 1 })
    this.emit({ kind: 'seat', seatId })
    return seat
  }

  /** Opens the sidebar of that client beside a customer, a group, or in the workbench. */
  open(seatId: string, place: { externalUserid: string; entry?: Entry } | { chatId: string } | { entry: Entry }): Seat {
    const seat = this.seat(seatId)
    seat.externalUserid = 'externalUserid' in place ? place.externalUserid : null
    seat.chatId = 'chatId' in place ? place.chatId : null
    if ('chatId' in place) seat.entry = 'group_chat_tools'
    else seat.entry = place.entry ?? 'single_chat_tools'
    this.emit({ kind: 'seat', seatId })
    return seat
  }

  /** Asks the member at that client; what is not answered within a minute is no. */
  async confirm(seatId: string, body: MessageBody, timeoutMs = 60_000): Promise<boolean> {
    const confirmId = this.#make('confirm')
    const answer = new Promise<boolean>(resolve => {
      const timer = setTimeout(() => settle(false), timeoutMs)
      timer.unref()
      const settle = (isConfirmed: boolean) => {
        clearTimeout(timer)
        this.#confirmations.delete(confirmId)
        resolve(isConfirmed)
      }
      this.#confirmations.set(confirmId, settle)
    })
    // Whoever listens may answer at once.
    this.emit({ kind: 'confirm', seatId, confirmId, body })
    return await answer
  }

  /** @returns false where nobody waits for this answer any more */
  answerConfirm(confirmId: string, isConfirmed: boolean): boolean {
    const settle = this.#confirmations.get(confirmId)
    settle?.(isConfirmed)
    return settle !== undefined
  }

  // What people do in WeCom, each with the event that WeCom calls back with

  /** A customer and a member become friends. */
  befriend(
    userid: string,
    externalUserid: string,
    { state = '', addWay = 1 }: { state?: string; addWay?: number } = {},
  ): void {
    const customer = this.customerOf(externalUserid)
    const { userid: own } = this.#staffNamed(userid)
    const before = customer.follows.findIndex(follow => follow.userid === own)
    if (before !== -1) customer.follows.splice(before, 1)
    customer.follows.push({
      userid: own,
      createdAt: this.now(),
      state,
      addWay,
      remark: customer.name,
      description: '',
      remarkCorpName: '',
      remarkMobiles: [],
      tagIds: new Set(),
      operUserid: externalUserid,
    })
    const welcomeCode = this.channels.welcomeFor(own, externalUserid)
    this.#callBack({
      Event: 'change_external_contact',
      ChangeType: 'add_external_contact',
      UserID: own,
      ExternalUserID: externalUserid,
      ...(state === '' ? {} : { State: state }),
      ...(welcomeCode === null ? {} : { WelcomeCode: welcomeCode }),
    })
  }

  /** A friendship ends. Where the customer ended it, the member goes on having him in his list. */
  unfriend(userid: string, externalUserid: string, by: 'customer' | 'associate'): void {
    const customer = this.customerOf(externalUserid)
    if (by === 'associate') customer.follows = customer.follows.filter(follow => follow.userid !== userid)
    this.#callBack({
      Event: 'change_external_contact',
      ChangeType: by === 'customer' ? 'del_follow_user' : 'del_external_contact',
      UserID: userid,
      ExternalUserID: externalUserid,
    })
  }

  /** People come into a group, by a code or invited. */
  join(chatId: string, ids: readonly string[], joinScene: 1 | 3 = 3, state = ''): void {
    const group = this.#groupNamed(chatId)
    for (const id of ids) {
      const kind = this.staff.has(id) ? 'staff' : 'customer'
      const came = { kind, id, joinedAt: this.now(), joinScene, invitor: group.owner } as const
      group.members.push(state === '' ? came : { ...came, state })
    }
    this.#groupChanged(group, 'add_member', ids, { JoinScene: joinScene === 3 ? 3 : 0 })
  }

  /** People leave a group, or are removed from it. */
  leave(chatId: string, ids: readonly string[], isRemoved = false): void {
    const group = this.#groupNamed(chatId)
    group.members = group.members.filter(member => !ids.includes(member.id))
    this.#groupChanged(group, 'del_member', ids, { QuitScene: isRemoved ? 1 : 0 })
  }

  dissolve(chatId: string): void {
    this.groupChats.delete(this.#groupNamed(chatId).chatId)
    this.#callBack({ Event: 'change_external_chat', ChatId: chatId, ChangeType: 'dismiss' })
  }

  #groupChanged(group: GroupChat, detail: string, ids: readonly string[], more: CallbackFields): void {
    group.version += 1
    this.#callBack({
      Event: 'change_external_chat',
      ChatId: group.chatId,
      ChangeType: 'update',
      UpdateDetail: detail,
      ...more,
      MemChangeCnt: ids.length,
      MemChangeList: ids,
      LastMemVer: versionOf(group.version - 1),
      CurMemVer: versionOf(group.version),
    })
  }

  /** An event, to whoever listens. */
  callBack(fields: CallbackFields): void {
    this.#callBack(fields)
  }

  #callBack(fields: CallbackFields): void {
    const common = {
      ToUserName: this.corpId,
      FromUserName: 'sys',
      CreateTime: Math.floor(this.now() / 1000),
      MsgType: 'event',
    }
    this.emit({ kind: 'callback', fields: { ...common, ...fields } })
  }

  // Faults and events

  /** The fault that holds for this call, if any; one with a number of times has one less left. */
  takeFault(path: string): Fault | null {
    const index = this.faults.findIndex(fault => path === fault.path || path.startsWith(`${fault.path}/`))
    const fault = this.faults[index]
    if (!fault) return null
    if (fault.times !== undefined && --fault.times <= 0) this.faults.splice(index, 1)
    return fault
  }

  subscribe(listener: (event: WorldEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  emit(event: WorldEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  /** A text that nobody else has, the same in each run. */
  #make(purpose: string, length = 16): string {
    this.#made += 1
    return this.#long(`${purpose}/${this.#made}`, length)
  }

  #long(text: string, length: number): string {
    return `${this.#digest(text)}${this.#digest(`${text}/more`)}`.slice(0, length)
  }

  #digest(text: string): string {
    return createHash('sha256').update(`${this.#seed}/${text}`).digest('base64url')
  }

  #idOf(prefix: string, name: string): string {
    return `${prefix}${this.#digest(name)
      .replaceAll(/[^A-Za-z0-9]/g, '')
      .slice(0, 30)}`
  }

  #period(): number {
    return Math.floor(this.now() / lifeMs.period)
  }

  #secondsLeft(): number {
    return Math.ceil(((this.#period() + 1) * lifeMs.period - this.now()) / 1000)
  }

  #tokenOf(agentId: string, period: number): string {
    return this.#long(`token/${agentId}/${period}/${this.#generation}`, 64)
  }

  #ticketOf(owner: string, period: number): string {
    return this.#fixedTickets.get(owner) ?? this.#long(`ticket/${owner}/${period}`, 86)
  }

  #addCustomer(customer: CustomerDescription, beforeMs: number): void {
    const externalUserid = customer.externalUserid ?? this.#idOf('wm', `customer/${customer.name}`)
    if (this.customers.has(externalUserid)) throw new Error(`two customers are called ${customer.name}`)
    this.customers.set(externalUserid, {
      externalUserid,
      unionid: customer.unionid ?? this.#idOf('o', `unionid/${externalUserid}`),
      openid: this.#idOf('o', `openid/${externalUserid}`),
      name: customer.name,
      gender: customer.gender ?? 0,
      memberNo: customer.memberNo ?? null,
      phone: customer.phone ?? null,
      hint: customer.hint ?? '',
      follows: customer.follows.map(follow => ({
        userid: this.#staffNamed(follow.userid).userid,
        createdAt: follow.createdAt ?? beforeMs,
        state: follow.state ?? '',
        addWay: follow.addWay ?? 1,
        remark: follow.remark ?? customer.name,
        description: follow.description ?? '',
        remarkCorpName: '',
        remarkMobiles: [...(follow.remarkMobiles ?? [])],
        tagIds: new Set((follow.tags ?? []).map(tag => this.#tagNamed(tag))),
        operUserid: externalUserid,
      })),
    })
  }

  #addGroupChat(group: GroupChatDescription, beforeMs: number): void {
    const chatId = group.chatId ?? this.#idOf('wr', `group/${group.name}`)
    const joinedAt = group.createdAt ?? beforeMs
    const staff = [group.owner, ...(group.staff ?? [])].map(userid => this.#staffNamed(userid).userid)
    const customers = group.customers.map(name => this.#customerNamed(name).externalUserid)
    this.groupChats.set(chatId, {
      chatId,
      name: group.name,
      owner: group.owner,
      notice: group.notice ?? '',
      createdAt: joinedAt,
      version: 1,
      members: [
        ...staff.map(id => ({ kind: 'staff' as const, id, joinedAt, joinScene: 1 as const, invitor: group.owner })),
        ...customers.map((id, i) => ({
          kind: 'customer' as const,
          id,
          joinedAt: joinedAt + (i + 1) * 3_600_000,
          joinScene: 3 as const,
          invitor: group.owner,
        })),
      ],
    })
  }

  #staffNamed(userid: string): Staff {
    const person = this.staff.get(userid)
    if (!person) throw new Error(`the description has no staff member ${userid}`)
    return person
  }

  #customerNamed(name: string): Customer {
    const customer = this.customers.get(name) ?? [...this.customers.values()].find(each => each.name === name)
    if (!customer) throw new Error(`the description has no customer ${name}`)
    return customer
  }

  #groupNamed(name: string): GroupChat {
    const group = this.groupChats.get(name) ?? [...this.groupChats.values()].find(each => each.name === name)
    if (!group) throw new Error(`the description has no group ${name}`)
    return group
  }

  #tagNamed(name: string): string {
    const tag = this.tagGroups.flatMap(group => group.tags).find(each => each.name === name)
    if (!tag) throw new Error(`the description has no tag ${name}`)
    return tag.tagId
  }
}

/** A group's version of its members: nobody should read it. */
export const versionOf = (version: number) => createHash('md5').update(`members/${version}`).digest('hex')

/** The seat of a shell that names none, and of `/sidebar/?sim=1`. */
export const mainSeatId = 'main'

export const singleKey = (userid: string, externalUserid: string) => `single:${userid}:${externalUserid}`
export const groupKey = (chatId: string) => `group:${chatId}`

/** What a key of a chat stands for. userids may hold anything but a colon. */
export function readChatKey(chatKey: string): { userid: string; externalUserid: string } | { chatId: string } | null {
  const [kind, first, second] = chatKey.split(':')
  if (kind === 'group' && first) return { chatId: first }
  if (kind === 'single' && first && second) return { userid: first, externalUserid: second }
  return null
}
