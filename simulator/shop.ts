/**
 * The customer's side: his phone, the brand's mini program and its tills.
 *
 * It knows the service only from outside, as the real ones do: it opens `/s/{code}` like a browser and sends what a
 * mall and a till would send, with an API key. Whatever it did is told step by step, so that the screen can show it.
 */
import type { Customer, Message, World } from './world.ts'

/** What the mall sells and which tills there are. */
export interface ShopDescription {
  miniProgram: { appId: string; name: string }
  products: readonly ShopProduct[]
  stores: readonly { storeCode: string; name: string; associates: readonly string[] }[]
  /**
   * Whether the brand's CRM knows WeCom's ids and tells them with the others. A mini program does not, and the service
   * has to find them by the unionid that WeCom's API gives; false where not said.
   */
  knowsExternalUserids?: boolean
}

export interface ShopProduct {
  sku: string
  name: string
  priceFen: number
  listFen?: number
  category?: string
  imageUrl?: string
}

export interface ShopOptions {
  world: World
  service: { url: string; apiKey: string }
  shop: ShopDescription
}

/** One thing that was done at the service's door, and what it answered. */
export interface Step {
  what: string
  answer: string
  isRefused: boolean
}

export type PhonePage =
  | { kind: 'product'; sku: string; shareCode: string | null; sharedBy: string | null }
  | { kind: 'enrol'; shareCode: string | null; sharedBy: string | null }
  | { kind: 'home'; shareCode: string | null; sharedBy: string | null }
  | { kind: 'gone'; title: string; detail: string }

export interface ShopOrder {
  source: string
  orderNo: string
  channel: 'online' | 'in_store'
  paidAt: number
  sku: string
  name: string
  quantity: number
  paidFen: number
  refundedFen: number
  storeCode: string | null
  closer: string | null
  shareCode: string | null
}

export interface Phone {
  externalUserid: string
  memberNo: string | null
  orders: readonly ShopOrder[]
}

/** How the buyer is recognised at the till. */
export type TillIdentity = 'member' | 'phone' | 'none'

interface PhoneState {
  cookies: Map<string, string>
  memberNo: string | null
  orders: ShopOrder[]
  /** `unionid/M1`: told already. */
  identities: Set<string>
}

type Item = Record<string, unknown>

/** The mobile WeChat that opens a link; short links must not take it for a crawler. */
const userAgent =
  'Mozilla/5.0 (Linux; Android 14; Demo) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/138.0.7204.180 ' +
  'Mobile Safari/537.36 MMWEBID/1 MicroMessenger/8.0.50.2701 NetType/WIFI Language/zh_CN'

const timeoutMs = 15_000

export class Shop {
  readonly description: ShopDescription
  readonly #world: World
  readonly #service: { url: string; apiKey: string }
  readonly #phones = new Map<string, PhoneState>()
  /** The service may remember an earlier run, so numbers must differ from run to run. */
  readonly #run: string
  #made = 0

  constructor({ world, service, shop }: ShopOptions) {
    this.description = shop
    this.#world = world
    this.#service = service
    this.#run = world.now().toString(36).toUpperCase()
  }

  phone(externalUserid: string): Phone {
    const { memberNo, orders } = this.#phone(externalUserid)
    return { externalUserid, memberNo, orders }
  }

  /** Taps a message: a link opens in the browser, a card in the mini program. */
  async open(externalUserid: string, messageId: string): Promise<{ page: PhonePage; steps: Step[] }> {
    const message = this.#world.messages.find(each => each.messageId === messageId)
    const customer = this.#world.customerOf(externalUserid)
    if (!message) throw new Error('no such message')
    const { body } = message
    if (body.kind === 'mini_program') return await this.#openCard(customer, message, body.page, body.title)
    const url = body.kind === 'link' ? body.url : body.kind === 'text' ? findAddress(body.text) : null
    if (url === null) throw new Error('nothing to open')
    return await this.#openLink(customer, message, url, body.kind === 'link' ? body.title : '')
  }

  /** Opens a product in the mall without anybody's share: a view that earns nobody anything. */
  async look(externalUserid: string, sku: string): Promise<{ page: PhonePage; steps: Step[] }> {
    const page: PhonePage = { kind: 'product', sku, shareCode: null, sharedBy: null }
    const steps = await this.#reportTouch(this.#world.customerOf(externalUserid), page, { kind: 'visit' })
    return { page, steps }
  }

  async buyOnline(
    externalUserid: string,
    { sku, quantity, shareCode }: { sku: string; quantity: number; shareCode: string | null },
  ): Promise<Step[]> {
    const customer = this.#world.customerOf(externalUserid)
    const { memberNo, cookies } = this.#phone(externalUserid)
    const visitorId = visitorOf(cookies)
    return await this.#order(externalUserid, {
      order: { source: 'sim-mall', channel: 'online', sku, quantity, storeCode: null, closer: null, shareCode },
      buyer: {
        unionid: customer.unionid,
        ...(memberNo ? { memberNo } : {}),
        ...(visitorId ? { visitorId } : {}),
        ...(shareCode ? { shareCode } : {}),
      },
    })
  }

  async buyInStore(
    externalUserid: string,
    {
      sku,
      quantity,
      storeCode,
      closer,
      identity,
    }: { sku: string; quantity: number; storeCode: string; closer: string | null; identity: TillIdentity },
  ): Promise<Step[]> {
    const customer = this.#world.customerOf(externalUserid)
    const { memberNo } = this.#phone(externalUserid)
    const buyer =
      identity === 'member' && memberNo
        ? { memberNo }
        : identity === 'phone' && customer.phone
          ? { phone: customer.phone }
          : {}
    return await this.#order(externalUserid, {
      order: { source: 'sim-pos', channel: 'in_store', sku, quantity, storeCode, closer, shareCode: null },
      buyer: { ...buyer, sellingStore: storeCode, ...(closer ? { closer } : {}) },
    })
  }

  /** @param share of what is left of the order: all of it, or half */
  async refund(
    externalUserid: string,
    { orderNo, share }: { orderNo: string; share: 'all' | 'half' },
  ): Promise<Step[]> {
    const order = this.#phone(externalUserid).orders.find(each => each.orderNo === orderNo)
    if (!order) throw new Error('no such order')
    const leftFen = order.paidFen - order.refundedFen
    const refundFen = share === 'all' ? leftFen : Math.floor(leftFen / 2)
    if (refundFen <= 0) throw new Error('nothing left to refund')
    // Goods come back with the whole sum; half of it is an allowance for goods that stay.
    const line = { lineNo: 1, quantity: share === 'all' ? order.quantity : 0, refundFen }
    const steps = [
      await this.#send('refunds', {
        source: order.source,
        refundNo: this.#number('SIM-R'),
        orderNo,
        refundedAt: this.#instant(),
        lines: [line],
      }),
    ]
    if (steps.every(step => !step.isRefused)) order.refundedFen += refundFen
    return steps
  }

  /** Becomes a member on the enrolment page of whoever sent it. */
  async enrol(externalUserid: string, { sharedBy }: { sharedBy: string | null }): Promise<Step[]> {
    const customer = this.#world.customerOf(externalUserid)
    const phone = this.#phone(externalUserid)
    const store = this.description.stores.find(each => sharedBy !== null && each.associates.includes(sharedBy))
    const memberNo = this.#number('SIM-M')
    const steps = [
      await this.#send('members', {
        memberNo,
        name: customer.name,
        ...(customer.phone ? { phone: customer.phone } : {}),
        joinedAt: this.#instant(),
        ...(store ? { openingStore: store.storeCode } : {}),
        ...(sharedBy && store ? { openingAssociate: sharedBy } : {}),
        miniProgramAuthorised: true,
        consents: { tracking: true, marketing: true },
      }),
    ]
    if (steps.some(step => step.isRefused)) return steps
    phone.memberNo = memberNo
    customer.hint = '刚入会'
    return [...steps, ...(await this.#reportIdentities(customer))]
  }

  /**
   * WeChat opens the mini program at the card's page; no short link is asked. The mini program sees the code in its
   * query and whose unionid looks, and reports both.
   */
  async #openCard(customer: Customer, message: Message, page: string, title: string) {
    const [path = '', query = ''] = page.split('?')
    if (!path.endsWith('.html')) {
      const detail = `${path}：企业微信发出的小程序卡片，页面路径须以 .html 结尾`
      return { page: { kind: 'gone', title: '页面不存在', detail } satisfies PhonePage, steps: [] }
    }
    const parameters = new URLSearchParams(query)
    const shareCode = parameters.get('dg') ?? parameters.get('scene')
    const shown = this.#pageOf(page, title, shareCode, senderOf(message))
    const isGroup = message.chatKey.startsWith('group:')
    const touch = {
      kind: 'click' as const,
      channel: isGroup ? 'group_chat' : 'single_chat',
      ...(isGroup ? { chatId: message.chatKey.slice('group:'.length) } : {}),
    }
    return { page: shown, steps: await this.#reportTouch(customer, shown, touch) }
  }

  /** A browser opens the link: the service counts the click itself and says where to go. */
  async #openLink(customer: Customer, message: Message, url: string, title: string) {
    const address = new URL(url, this.#service.url)
    const shareCode = /^\/s\/([^/]+)$/.exec(address.pathname)?.[1] ?? null
    if (shareCode === null) {
      const page: PhonePage = { kind: 'gone', title: '外部网页', detail: address.href }
      return { page, steps: [] }
    }
    const phone = this.#phone(customer.externalUserid)
    const response = await fetch(new URL(address.pathname + address.search, this.#service.url), {
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        'user-agent': userAgent,
        accept: 'text/html,application/xhtml+xml',
        'accept-language': 'zh-CN,zh;q=0.9',
        ...(phone.cookies.size > 0 ? { cookie: [...phone.cookies].map(pair => pair.join('=')).join('; ') } : {}),
      },
    })
    keepCookies(phone.cookies, response.headers.getSetCookie())
    const to = response.headers.get('location')
    const text = to === null ? await response.text() : ''
    const step: Step = {
      what: `GET ${address.pathname}`,
      answer: `${response.status}${to === null ? '' : ` → ${to}`}`,
      isRefused: response.status >= 400,
    }
    if (step.isRefused) {
      const page: PhonePage = { kind: 'gone', title: plainTitle(text) || '打不开了', detail: `HTTP ${response.status}` }
      return { page, steps: [step] }
    }
    const urlLink = to === null ? null : this.#world.wechat.linkAt(to, this.#world.now())
    if (urlLink) {
      // WeChat opens the mini program, which tells of the visit: the click was counted by the short link.
      const place = `${urlLink.path}?${urlLink.query}`
      const page = this.#pageOf(place, title, new URLSearchParams(urlLink.query).get('dg'), senderOf(message))
      return { page, steps: [step, ...(await this.#reportTouch(customer, page, { kind: 'visit' }))] }
    }
    const shown = this.#pageOf(to ?? text, title || plainTitle(text), decodeURIComponent(shareCode), senderOf(message))
    return { page: shown, steps: [step, ...(await this.#reportIdentities(customer))] }
  }

  #pageOf(address: string, title: string, shareCode: string | null, sharedBy: string | null): PhonePage {
    const place = decode(address)
    const product =
      this.description.products.find(each => holdsWord(place, each.sku)) ??
      this.description.products.find(each => title.includes(each.name))
    if (product) return { kind: 'product', sku: product.sku, shareCode, sharedBy }
    if (/enrol|join|register/i.test(place) || /入会|注册|开卡/.test(title)) {
      return { kind: 'enrol', shareCode, sharedBy }
    }
    return { kind: 'home', shareCode, sharedBy }
  }

  /** What the mini program reports when a page of it is shown. */
  async #reportTouch(
    customer: Customer,
    page: PhonePage,
    touch: { kind: 'click' | 'visit'; channel?: string; chatId?: string },
  ): Promise<Step[]> {
    const { memberNo } = this.#phone(customer.externalUserid)
    const product = page.kind === 'product' ? this.description.products.find(each => each.sku === page.sku) : undefined
    const step = await this.#send('touches', {
      touchId: this.#number('SIM-T'),
      ...('shareCode' in page && page.shareCode ? { linkCode: page.shareCode } : {}),
      at: this.#instant(),
      ...touch,
      unionid: customer.unionid,
      openid: customer.openid,
      ...(memberNo ? { memberNo } : {}),
      ...(product ? { page: { kind: 'product', ref: product.sku, title: product.name } } : {}),
    })
    return [step, ...(await this.#reportIdentities(customer))]
  }

  /** A member who signs in tells the mini program who he is; each id is told once. */
  async #reportIdentities(customer: Customer): Promise<Step[]> {
    const phone = this.#phone(customer.externalUserid)
    const { memberNo } = phone
    if (memberNo === null) return []
    const visitorId = visitorOf(phone.cookies)
    const known: [kind: string, value: string][] = [
      ['unionid', customer.unionid],
      ['openid', customer.openid],
      ...(this.description.knowsExternalUserids
        ? [['external_userid', customer.externalUserid] as [string, string]]
        : []),
      ...(visitorId ? [['visitor', visitorId] as [string, string]] : []),
    ]
    const fresh = known.filter(([kind, value]) => !phone.identities.has(`${kind}/${value}/${memberNo}`))
    if (fresh.length === 0) return []
    const at = this.#instant()
    const step = await this.#send('identities', ...fresh.map(([kind, value]) => ({ kind, value, memberNo, at })))
    if (!step.isRefused) for (const [kind, value] of fresh) phone.identities.add(`${kind}/${value}/${memberNo}`)
    return [step]
  }

  async #order(
    externalUserid: string,
    {
      order,
      buyer,
    }: { order: Omit<ShopOrder, 'orderNo' | 'paidAt' | 'paidFen' | 'refundedFen' | 'name'>; buyer: Item },
  ): Promise<Step[]> {
    const product = this.description.products.find(each => each.sku === order.sku)
    if (!product) throw new Error('no such product')
    const { source, channel, sku, quantity } = order
    const orderNo = this.#number(channel === 'online' ? 'SIM-W' : 'SIM-P')
    const paidAt = this.#world.now()
    const paidFen = product.priceFen * quantity
    const step = await this.#send('orders', {
      source,
      orderNo,
      channel,
      paidAt: this.#instant(),
      ...(channel === 'in_store' ? { completedAt: this.#instant() } : {}),
      ...buyer,
      lines: [
        {
          lineNo: 1,
          sku,
          name: product.name,
          ...(product.category ? { category: product.category } : {}),
          quantity,
          paidFen,
          ...(product.listFen ? { listFen: Math.max(product.listFen * quantity, paidFen) } : {}),
        },
      ],
    })
    if (!step.isRefused) {
      this.#phone(externalUserid).orders.unshift({
        ...order,
        orderNo,
        paidAt,
        name: product.name,
        paidFen,
        refundedFen: 0,
      })
    }
    return [step]
  }

  /** Sends items to one ingest call, as an integrator does. A refusal is an answer, not an exception. */
  async #send(call: string, ...items: Item[]): Promise<Step> {
    const what = `POST /api/v1/${call}`
    try {
      const response = await fetch(new URL(`/api/v1/${call}`, this.#service.url), {
        method: 'POST',
        signal: AbortSignal.timeout(timeoutMs),
        headers: { authorization: `Bearer ${this.#service.apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify(items),
      })
      const answer = (await response.json().catch(() => null)) as unknown
      if (!response.ok || !Array.isArray(answer)) {
        const code = (answer as { code?: unknown } | null)?.code
        return { what, answer: `${response.status}${typeof code === 'string' ? ` ${code}` : ''}`, isRefused: true }
      }
      const results = answer as { status: string; error?: { code: string; message: string } }[]
      const refused = results.find(result => result.status === 'rejected')
      return refused
        ? { what, answer: `${refused.error?.code ?? 'rejected'}: ${refused.error?.message ?? ''}`, isRefused: true }
        : { what, answer: results.map(result => result.status).join(', '), isRefused: false }
    } catch (error) {
      return { what, answer: error instanceof Error ? error.message : String(error), isRefused: true }
    }
  }

  #phone(externalUserid: string): PhoneState {
    const held = this.#phones.get(externalUserid)
    if (held) return held
    const { memberNo } = this.#world.customerOf(externalUserid)
    const phone: PhoneState = { cookies: new Map(), memberNo, orders: [], identities: new Set() }
    this.#phones.set(externalUserid, phone)
    return phone
  }

  #number(prefix: string): string {
    this.#made += 1
    return `${prefix}-${this.#run}-${this.#made}`
  }

  #instant(): string {
    return new Date(this.#world.now()).toISOString()
  }
}

const senderOf = ({ from }: Message) => (from.kind === 'staff' ? from.id : null)

/** The first web address in a text, without the punctuation that a sentence puts behind it. */
export function findAddress(text: string): string | null {
  return /https?:\/\/[^\s<>"'，。；！？、）】」]+/i.exec(text)?.[0].replace(/[.,;!?)\]]+$/, '') ?? null
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** `D-P1` is not in `D-P12`. */
function holdsWord(text: string, word: string): boolean {
  const at = text.indexOf(word)
  return at >= 0 && !/[A-Za-z0-9]/.test(text.charAt(at + word.length))
}

const plainTitle = (html: string) => /<title>([^<]*)<\/title>/i.exec(html)?.[1]?.trim() ?? ''

/** The service's first-party cookie; the brand's pages lie on the same domain and can read whose it is. */
function visitorOf(cookies: ReadonlyMap<string, string>): string | null {
  for (const [name, value] of cookies) if (/visitor/i.test(name)) return decode(value)
  return null
}

function keepCookies(cookies: Map<string, string>, headers: readonly string[]): void {
  for (const header of headers) {
    const [pair = '', ...attributes] = header.split(';')
    const at = pair.indexOf('=')
    if (at < 1) continue
    const name = pair.slice(0, at).trim()
    const isOver = attributes.some(attribute => /^\s*max-age\s*=\s*(0|-\d+)\s*$/i.test(attribute))
    if (isOver) cookies.delete(name)
    else cookies.set(name, pair.slice(at + 1).trim())
  }
}
