/** The server API by which an app writes to members of the corporation, and what arrived. */
import { WecomRefusal } from './wecom-errors.ts'
import type { Agent, World } from './world.ts'

type Body = Record<string, unknown>
type Handle = (call: { agent: Agent; body: Body }) => Record<string, unknown>
type On = (method: 'GET' | 'POST', path: string, handle: Handle) => void
interface Read {
  text(body: Body, name: string): string | undefined
}

/** A text card that a member got. */
export interface AppMessage {
  userid: string
  agentId: string
  at: number
  title: string
  /** As WeCom shows it: `div` with a class, and escaped text. */
  description: string
  url: string
  btntxt: string
}

const limits = { users: 1000, titleBytes: 128, descriptionBytes: 512, urlBytes: 2048, buttonLetters: 4 }
const spans = { minuteMs: 60_000, hourMs: 3_600_000, perMinute: 30, perHour: 1000 }
const duplicateSeconds = { usual: 1800, most: 14_400 }
const KEPT = 500

/** What apps wrote to members. */
export class AppMessages {
  /** What arrived, oldest first. */
  readonly arrived: AppMessage[] = []
  /** userids that are outside of the app's visible range. */
  readonly outOfSight = new Set<string>()
  /** userids without a licence for the interface. */
  readonly unlicensed = new Set<string>()
  readonly #sent = new Map<string, number>()
  readonly #times = new Map<string, number[]>()

  of(userid: string): AppMessage[] {
    return this.arrived.filter(message => message.userid === userid)
  }

  /** Whether the very same was sent within the interval. */
  isAgain(content: string, { now, seconds }: { now: number; seconds: number }): boolean {
    const before = this.#sent.get(content)
    if (before !== undefined && now - before < seconds * 1000) return true
    this.#sent.set(content, now)
    return false
  }

  /** More than a member may get of an app is dropped without a word. */
  deliver(message: AppMessage): void {
    const key = `${message.agentId} ${message.userid}`
    const times = (this.#times.get(key) ?? []).filter(at => message.at - at < spans.hourMs)
    const lately = times.filter(at => message.at - at < spans.minuteMs).length
    if (times.length >= spans.perHour || lately >= spans.perMinute) return
    this.#times.set(key, [...times, message.at])
    this.arrived.push(message)
    if (this.arrived.length > KEPT) this.arrived.shift()
  }
}

export function messagesApi(world: World, on: On, read: Read): void {
  const { appMessages } = world
  const bytes = (text: string) => Buffer.byteLength(text)

  on('POST', 'message/send', ({ agent, body }) => {
    const to = read.text(body, 'touser') ?? ''
    if (to === '' && !body['toparty'] && !body['totag']) throw new WecomRefusal(82001)
    if (body['agentid'] === undefined) throw new WecomRefusal(40056)
    if (String(body['agentid']) !== agent.agentId) throw new WecomRefusal(301002)
    if (body['msgtype'] !== 'textcard') throw new WecomRefusal(40008)
    const card = readCard(body['textcard'], read)
    if (bytes(card.title) > limits.titleBytes) throw new WecomRefusal(45002, 'textcard.title exceed max length 128')
    if (bytes(card.description) > limits.descriptionBytes) {
      throw new WecomRefusal(45002, 'textcard.description exceed max length 512')
    }
    if (!/^https?:\/\//.test(card.url) || bytes(card.url) > limits.urlBytes) throw new WecomRefusal(40094)
    if ([...card.btntxt].length > limits.buttonLetters) throw new WecomRefusal(45002, 'textcard.btntxt')

    const asked = to === '@all' ? [...world.staff.keys()] : [...new Set(to.split('|').filter(Boolean))]
    if (asked.length > limits.users) throw new WecomRefusal(40031)
    const isThere = (userid: string) => world.staff.get(userid)?.status === 1 && !appMessages.outOfSight.has(userid)
    const invalid = asked.filter(userid => !isThere(userid))
    const unlicensed = asked.filter(userid => isThere(userid) && appMessages.unlicensed.has(userid))
    const users = asked.filter(userid => isThere(userid) && !appMessages.unlicensed.has(userid))
    if (users.length === 0) throw new WecomRefusal(81013)

    const interval = body['duplicate_check_interval']
    const seconds = Math.min(typeof interval === 'number' ? interval : duplicateSeconds.usual, duplicateSeconds.most)
    const at = world.now()
    const content = JSON.stringify([agent.agentId, body])
    if (body['enable_duplicate_check'] !== 1 || !appMessages.isAgain(content, { now: at, seconds })) {
      for (const userid of users) {
        appMessages.deliver({ userid, agentId: agent.agentId, at, ...card })
        world.emit({ kind: 'app_message', userid })
      }
    }
    // Names come back in small letters.
    const named = (name: string, userids: string[]) =>
      userids.length === 0 ? {} : { [name]: userids.join('|').toLowerCase() }
    return { ...named('invaliduser', invalid), ...named('unlicenseduser', unlicensed), msgid: `msg${at}` }
  })
}

function readCard(value: unknown, read: Read): Pick<AppMessage, 'title' | 'description' | 'url' | 'btntxt'> {
  if (typeof value !== 'object' || value === null) throw new WecomRefusal(40058, 'missing textcard')
  const needed = (name: string) => {
    const text = read.text(value as Body, name)
    if (!text) throw new WecomRefusal(40058, `missing textcard.${name}`)
    return text
  }
  return {
    title: needed('title'),
    description: needed('description'),
    url: needed('url'),
    btntxt: read.text(value as Body, 'btntxt') ?? '详情',
  }
}
