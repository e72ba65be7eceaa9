/**
 * The codes by which customers come: contact ways, acquisition links and join ways of groups, and the welcomes that may
 * be said to who came. What WeCom checks is checked here; what a customer does with a code is done here.
 */
import { createHash } from 'node:crypto'
import { WecomRefusal } from './wecom-errors.ts'
import type { World } from './world.ts'

export interface ContactWay {
  configId: string
  type: 1 | 2
  scene: 1 | 2
  remark: string
  skipVerify: boolean
  state: string
  users: string[]
  createdAt: number
}

export interface AcquisitionLink {
  linkId: string
  name: string
  users: string[]
  skipVerify: boolean
  createdAt: number
}

export interface JoinWay {
  configId: string
  scene: 1 | 2
  remark: string
  autoCreateRoom: boolean
  roomBaseName: string
  roomBaseId: number
  chatIds: string[]
  state: string
}

interface Welcome {
  userid: string
  externalUserid: string
  expiresAt: number
  isUsed: boolean
}

/** A welcome that was said. */
export interface Welcomed {
  userid: string
  externalUserid: string
  at: number
  text: string
  attachments: Record<string, unknown>[]
}

/** WeCom's own limits: 100 people for a contact way, 500 for an acquisition link, 5 groups for a join way. */
const limits = { wayUsers: 100, linkUsers: 500, joinChats: 5, groupMembers: 500 }
const welcomeMs = 20_000
const codes = { notActivated: 41054, tooManyUsers: 41041, wrongConfig: 41044 }

export class Channels {
  readonly contactWays = new Map<string, ContactWay>()
  readonly links = new Map<string, AcquisitionLink>()
  readonly joinWays = new Map<string, JoinWay>()
  /** What customers were sent, oldest first. */
  readonly welcomed: Welcomed[] = []
  /** userids for whom a welcome is set up in the admin console: no code is given for theirs. */
  readonly welcomedByConsole = new Set<string>()
  /** How many customers acquisition links may still bring. */
  balance = 1000

  readonly #world: World
  readonly #welcomes = new Map<string, Welcome>()
  readonly #media = new Map<string, { expiresAt: number; bytes: number }>()
  readonly #turns = new Map<string, number>()
  #made = 0

  constructor(world: World) {
    this.#world = world
  }

  // What an app may do

  addContactWay(way: Omit<ContactWay, 'configId' | 'createdAt'>): ContactWay {
    this.#checkWay(way)
    const made = { ...way, configId: this.#make('config'), createdAt: this.#world.now() }
    this.contactWays.set(made.configId, made)
    return made
  }

  contactWay(configId: string): ContactWay {
    const way = this.contactWays.get(configId)
    if (!way) throw new WecomRefusal(codes.wrongConfig)
    return way
  }

  updateContactWay(configId: string, change: Partial<ContactWay>): void {
    const way = this.contactWay(configId)
    const changed = { ...way, ...change }
    this.#checkWay(changed)
    this.contactWays.set(configId, changed)
  }

  deleteContactWay(configId: string): void {
    this.contactWays.delete(this.contactWay(configId).configId)
  }

  createLink(link: Omit<AcquisitionLink, 'linkId' | 'createdAt'>): AcquisitionLink {
    this.#checkUsers(link.users, limits.linkUsers)
    const made = { ...link, linkId: `ca${this.#make('link').slice(0, 20)}`, createdAt: this.#world.now() }
    this.links.set(made.linkId, made)
    return made
  }

  link(linkId: string): AcquisitionLink {
    const link = this.links.get(linkId)
    if (!link) throw new WecomRefusal(40058, 'invalid link_id')
    return link
  }

  updateLink(linkId: string, change: Partial<AcquisitionLink>): void {
    const changed = { ...this.link(linkId), ...change }
    this.#checkUsers(changed.users, limits.linkUsers)
    this.links.set(linkId, changed)
  }

  deleteLink(linkId: string): void {
    this.links.delete(this.link(linkId).linkId)
  }

  addJoinWay(way: Omit<JoinWay, 'configId'>): JoinWay {
    this.#checkJoinWay(way)
    const made = { ...way, configId: this.#make('join') }
    this.joinWays.set(made.configId, made)
    return made
  }

  joinWay(configId: string): JoinWay {
    const way = this.joinWays.get(configId)
    if (!way) throw new WecomRefusal(codes.wrongConfig)
    return way
  }

  /** Everything is replaced. */
  updateJoinWay(configId: string, way: Omit<JoinWay, 'configId'>): void {
    this.joinWay(configId)
    this.#checkJoinWay(way)
    this.joinWays.set(configId, { ...way, configId })
  }

  deleteJoinWay(configId: string): void {
    this.joinWays.delete(this.joinWay(configId).configId)
  }

  upload(bytes: number): string {
    if (bytes <= 5) throw new WecomRefusal(44001)
    const mediaId = this.#make('media')
    this.#media.set(mediaId, { expiresAt: this.#world.now() + 3 * 86_400_000, bytes })
    return mediaId
  }

  /** Whether a file was uploaded, and is still kept. */
  hasMedia(mediaId: string): boolean {
    return (this.#media.get(mediaId)?.expiresAt ?? 0) > this.#world.now()
  }

  /** Sends a welcome: within 20 seconds of the friendship, and once. */
  sendWelcome(code: string, text: string, attachments: Record<string, unknown>[]): Welcomed {
    const welcome = this.#welcomes.get(code)
    if (!welcome || welcome.expiresAt <= this.#world.now()) throw new WecomRefusal(41050)
    if (welcome.isUsed) throw new WecomRefusal(41051)
    if (text === '' && attachments.length === 0) throw new WecomRefusal(40058)
    if (Buffer.byteLength(text) > 4000 || attachments.length > 9) throw new WecomRefusal(40058)
    for (const attachment of attachments) this.#checkAttachment(attachment)
    welcome.isUsed = true
    const { userid, externalUserid } = welcome
    const welcomed = { userid, externalUserid, at: this.#world.now(), text, attachments }
    this.welcomed.push(welcomed)
    return welcomed
  }

  // What customers do

  /** A customer scans whatever a picture shows, or opens a link. @throws Error where that is none of these */
  come(url: string, externalUserid: string): { userid: string } | { chatId: string } {
    const configId = /\/simulated\/(\w+)\//.exec(url)?.[1] ?? ''
    if (this.contactWays.has(configId)) return this.scan(configId, externalUserid)
    if (this.joinWays.has(configId)) return this.scanJoinWay(configId, externalUserid)
    return this.open(url, externalUserid)
  }

  /** A customer scans a contact way's code; whoever's turn it is becomes his friend. */
  scan(configId: string, externalUserid: string): { userid: string } {
    const way = this.contactWay(configId)
    const userid = this.#nextOf(configId, way.users)
    this.#world.befriend(userid, externalUserid, { state: way.state, addWay: 1 })
    return { userid }
  }

  /** A customer opens an acquisition link, with what stands behind its `customer_channel`. */
  open(url: string, externalUserid: string): { userid: string } {
    const address = new URL(url)
    const link = this.link(address.pathname.split('/').at(-1)!)
    const state = Buffer.from(address.searchParams.get('customer_channel') ?? '')
      .subarray(0, 64)
      .toString()
    const about = { LinkId: link.linkId, State: state }
    if (state !== '') this.#tell('friend_request', about)
    const userid = this.#nextOf(link.linkId, link.users)
    this.balance -= 1
    this.#world.befriend(userid, externalUserid, { state, addWay: 16 })
    if (this.balance === 19) this.#tell('balance_low')
    if (this.balance === 0) this.#tell('balance_exhausted')
    return { userid }
  }

  /** He writes his first message. */
  startChat(userid: string, externalUserid: string): void {
    for (const welcome of this.#welcomes.values()) {
      if (welcome.userid === userid && welcome.externalUserid === externalUserid) welcome.isUsed = true
    }
    this.#tell('customer_start_chat', { UserID: userid, ExternalUserID: externalUserid })
  }

  /** A customer scans a join way's code, and comes into the first of its groups that is not full. */
  scanJoinWay(configId: string, externalUserid: string): { chatId: string } {
    const way = this.joinWay(configId)
    const isOpen = (chatId: string) =>
      (this.#world.groupChats.get(chatId)?.members.length ?? limits.groupMembers) < limits.groupMembers
    const chatId = way.chatIds.find(isOpen)
    if (chatId === undefined) throw new Error('all groups of this code are full')
    this.#world.join(chatId, [externalUserid], 3, way.state)
    return { chatId }
  }

  /** The code for a welcome, of a friendship that has just begun; null where WeCom gives none. */
  welcomeFor(userid: string, externalUserid: string): string | null {
    if (this.welcomedByConsole.has(userid)) return null
    const code = this.#make('welcome')
    this.#welcomes.set(code, { userid, externalUserid, expiresAt: this.#world.now() + welcomeMs, isUsed: false })
    return code
  }

  /** A link is deleted in the admin console. */
  removeLink(linkId: string): void {
    this.deleteLink(linkId)
    this.#tell('delete_link', { LinkId: linkId })
  }

  #tell(changeType: string, fields: Record<string, string> = {}): void {
    this.#world.callBack({ Event: 'customer_acquisition', ChangeType: changeType, ...fields })
  }

  #checkWay({ type, users, remark, state }: Omit<ContactWay, 'configId' | 'createdAt'>): void {
    if (type === 1 && users.length !== 1) throw new WecomRefusal(40031)
    if (remark.length > 30 || state.length > 30) throw new WecomRefusal(40058)
    this.#checkUsers(users, limits.wayUsers)
  }

  #checkUsers(users: readonly string[], most: number): void {
    if (users.length === 0) throw new WecomRefusal(40031)
    if (users.length > most) throw new WecomRefusal(codes.tooManyUsers)
    for (const userid of users) {
      const person = this.#world.staff.get(userid)
      if (!person) throw new WecomRefusal(60111)
      if (person.status !== 1) throw new WecomRefusal(codes.notActivated)
    }
  }

  #checkJoinWay({ chatIds, remark, state, autoCreateRoom, roomBaseName }: Omit<JoinWay, 'configId'>): void {
    if (chatIds.length > limits.joinChats) throw new WecomRefusal(41091)
    if (chatIds.length === 0 && !autoCreateRoom) throw new WecomRefusal(40058)
    if (remark.length > 30 || state.length > 30 || roomBaseName.length > 40) throw new WecomRefusal(40058)
    for (const chatId of chatIds) if (!this.#world.groupChats.has(chatId)) throw new WecomRefusal(86001)
  }

  #checkAttachment({ msgtype, ...body }: Record<string, unknown>): void {
    const part = body[String(msgtype)] as Record<string, unknown> | undefined
    const text = (name: string) => (typeof part?.[name] === 'string' ? part[name] : '')
    const isIn = (name: string, most: number, isNeeded = true) =>
      (text(name) !== '' || !isNeeded) && Buffer.byteLength(text(name)) <= most
    if (msgtype === 'link') {
      if (!isIn('title', 128) || !isIn('url', 2048) || !isIn('desc', 512, false) || !isIn('picurl', 2048, false)) {
        throw new WecomRefusal(41065)
      }
    } else if (msgtype === 'miniprogram') {
      const media = this.#media.get(text('pic_media_id'))
      if (!media || media.expiresAt <= this.#world.now()) throw new WecomRefusal(40007)
      const isLinked = this.#world.miniPrograms.some(({ appId }) => appId === text('appid'))
      if (!isIn('title', 64) || text('page') === '' || !isLinked) throw new WecomRefusal(41065)
    } else throw new WecomRefusal(41064)
  }

  #nextOf(key: string, users: readonly string[]): string {
    const turn = this.#turns.get(key) ?? 0
    this.#turns.set(key, turn + 1)
    return users[turn % users.length]!
  }

  #make(purpose: string): string {
    this.#made += 1
    return createHash('sha256').update(`${this.#world.corpId}/${purpose}/${this.#made}`).digest('hex').slice(0, 32)
  }
}
