/** What the shell knows, and what it can ask of the simulator. */
import { computed, reactive } from 'vue'
import type {
  BridgeCallRecord,
  Message,
  Phone,
  PhoneAction,
  PhoneAnswer,
  PhonePage,
  SeatChange,
  ShellChat,
  ShellCustomer,
  ShellState,
  Step,
  WorldEvent,
} from '../shell-api.ts'

export type Tab = 'chats' | 'conversation' | 'sidebar' | 'phone'

interface PhoneView {
  phone: Phone | null
  page: PhonePage | null
  steps: Step[]
  isBusy: boolean
  /** What was looked at last: what is bought in the store, more often than not. */
  seenSku: string | null
}

/** Which client of the simulator this window is; several may run beside each other. */
const seatId = new URLSearchParams(location.search).get('seat') ?? 'main'

export const shell = reactive({
  state: null as ShellState | null,
  isReachable: true,
  tab: 'conversation' as Tab,
  messages: {} as Record<string, Message[]>,
  /** Whose phone is shown: of a group, one of its customers. */
  customerId: null as string | null,
  phones: {} as Record<string, PhoneView>,
  confirm: null as { confirmId: string; title: string } | null,
  toast: null as { word: 'copied' | 'mini_program' | 'closed' | 'profile'; detail: string } | null,
  /** Counts up when the sidebar is to be loaded again. */
  reloads: 0,
  isSettingsOpen: false,
})

/** The sign-in that the frame shows already; another one goes by way of WeCom's authorise page. */
let shownSignIn: number | null = null

export const chat = computed<ShellChat | null>(
  () => shell.state?.chats.find(each => each.chatKey === shell.state?.chatKey) ?? null,
)

export const customer = computed<ShellCustomer | null>(() => {
  const customers = chat.value?.customers ?? []
  return customers.find(each => each.externalUserid === shell.customerId) ?? customers[0] ?? null
})

export const phoneView = computed<PhoneView | null>(() =>
  customer.value ? (shell.phones[customer.value.externalUserid] ?? null) : null,
)

/** Changes where the frame must be made anew, as WeCom does with each chat that is opened. */
export const frameKey = computed(() => {
  if (!shell.state) return null
  const { signIns, chatKey, entry, client, faults } = shell.state
  return JSON.stringify([signIns, chatKey, entry, client, faults, shell.reloads])
})

/** Where the next frame begins: by way of WeCom's authorise page where somebody else has signed in since the last. */
export function nextFrameSource(): string {
  const page = `/sidebar/?sim=${seatId === 'main' ? '1' : encodeURIComponent(seatId)}`
  const mustSignIn = shownSignIn !== shell.state?.signIns
  shownSignIn = shell.state?.signIns ?? null
  return mustSignIn ? `/auth/wecom/login?redirect=${encodeURIComponent(page)}` : page
}

export async function start(): Promise<void> {
  await refresh()
  if (shell.state && !shell.state.chatKey) shell.tab = 'chats'
  const events = new EventSource(`/simulator/api/events?seat=${encodeURIComponent(seatId)}`)
  events.onmessage = event => hear(JSON.parse(String(event.data)) as WorldEvent)
  events.onerror = () => (shell.isReachable = false)
  events.onopen = () => {
    shell.isReachable = true
    // What was said before the stream was open, or while it was away, came to nobody.
    void refresh()
  }
}

const refresh = () => take(fetch(`/simulator/api/state?seat=${encodeURIComponent(seatId)}`))

export async function changeSeat(change: SeatChange): Promise<void> {
  await take(post(`/simulator/api/seats/${encodeURIComponent(seatId)}`, change))
}

export async function signIn(userid: string): Promise<void> {
  // What the sidebar kept for the one before must not be seen by the next.
  await fetch('/auth/logout', { method: 'POST' }).catch(() => undefined)
  await changeSeat({ userid })
  shell.tab = 'chats'
}

export async function openChat(chatKey: string | null): Promise<void> {
  await changeSeat({ chatKey })
  shell.tab = 'conversation'
}

export async function say(text: string, from: string): Promise<void> {
  const chatKey = shell.state?.chatKey
  if (chatKey && text.trim()) await post('/simulator/api/messages', { chatKey, from, text })
}

export async function answerConfirm(isConfirmed: boolean): Promise<void> {
  const { confirm } = shell
  shell.confirm = null
  if (confirm) await post(`/simulator/api/confirms/${encodeURIComponent(confirm.confirmId)}`, { isConfirmed })
}

export async function setFaults(names: string[]): Promise<void> {
  await post('/simulator/api/faults', { names })
  if (shell.state) shell.state.faults = names
}

/** Does something on the customer's phone, one thing at a time. */
export async function act(externalUserid: string, action: PhoneAction): Promise<PhoneAnswer | null> {
  const view = shell.phones[externalUserid]
  if (!view || view.isBusy) return null
  view.isBusy = true
  try {
    const response = await post(`/simulator/api/phones/${encodeURIComponent(externalUserid)}`, action)
    const answer = (await response.json()) as PhoneAnswer & { error?: string }
    if (answer.error !== undefined) {
      view.steps = [{ what: action.kind, answer: answer.error, isRefused: true }]
      return null
    }
    view.phone = answer.phone
    view.steps = answer.steps
    if (action.kind === 'enrol') await refresh()
    if (answer.page) {
      view.page = answer.page
      if (answer.page.kind === 'product') view.seenSku = answer.page.sku
    }
    return answer
  } catch (error) {
    view.steps = [{ what: action.kind, answer: String(error), isRefused: true }]
    return null
  } finally {
    view.isBusy = false
  }
}

/** What stands on somebody's picture: the last character, without what the name has behind it in brackets. */
export const faceOf = (name: string) => [...name.replace(/[（(].*$/, '')].at(-1) ?? ''

export function nameOf(id: string): string {
  return shell.state?.names[id] ?? id
}

let asked = 0

/** Shows what is answered, unless something newer was asked meanwhile. */
async function take(request: Promise<Response>): Promise<void> {
  const mine = ++asked
  const response = await request
  if (!response.ok || mine !== asked) return
  shell.state = (await response.json()) as ShellState
  await Promise.all([loadMessages(), loadPhones()])
}

async function loadMessages(): Promise<void> {
  const chatKey = shell.state?.chatKey
  if (!chatKey) return
  const response = await fetch(`/simulator/api/messages?chat=${encodeURIComponent(chatKey)}`)
  shell.messages[chatKey] = (await response.json()) as Message[]
}

async function loadPhones(): Promise<void> {
  for (const { externalUserid } of chat.value?.customers ?? []) {
    if (shell.phones[externalUserid]) continue
    shell.phones[externalUserid] = { phone: null, page: null, steps: [], isBusy: false, seenSku: null }
    const response = await fetch(`/simulator/api/phones/${encodeURIComponent(externalUserid)}`)
    shell.phones[externalUserid].phone = ((await response.json()) as PhoneAnswer).phone
  }
}

function hear(event: WorldEvent): void {
  switch (event.kind) {
    case 'message': {
      const { message } = event
      shell.messages[message.chatKey]?.push(message)
      const listed = shell.state?.chats.find(each => each.chatKey === message.chatKey)
      if (listed) listed.lastMessage = message
      return
    }
    case 'confirm':
      shell.confirm = { confirmId: event.confirmId, title: titleOf(event.body) }
      return
    case 'open_chat': {
      const { chatId, externalUserid } = event
      const chatKey = chatId ? `group:${chatId}` : `single:${shell.state?.userid ?? ''}:${externalUserid ?? ''}`
      void openChat(chatKey)
      return
    }
    case 'open_profile':
      show('profile', nameOf(event.userid))
      return
    case 'notice':
      show(event.what === 'clipboard' ? 'copied' : event.what === 'close' ? 'closed' : 'mini_program', event.detail)
      return
    case 'call':
      keepCall(event.call)
      return
    case 'seat':
      // Also where a test has moved the client from outside.
      void refresh()
      return
    case 'app_message':
      if (event.userid === shell.state?.userid) void refresh()
      return
    case 'callback':
      return // for the service, not for who looks on
  }
}

function keepCall(call: BridgeCallRecord): void {
  const calls = shell.state?.calls
  calls?.push(call)
  if (calls && calls.length > 50) calls.shift()
}

let toastTimer: ReturnType<typeof setTimeout> | undefined

function show(word: NonNullable<typeof shell.toast>['word'], detail: string): void {
  clearTimeout(toastTimer)
  shell.toast = { word, detail }
  toastTimer = setTimeout(() => (shell.toast = null), 4000)
}

export function titleOf(body: Message['body']): string {
  if (body.kind === 'text') return body.text
  return body.kind === 'media' ? body.media : body.title
}

function post(url: string, body: object): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
}
