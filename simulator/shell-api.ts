/** What the chat shell and the plugin say to each other under /simulator/api. Browser code imports the types only. */
import type { AppMessage } from './messages-api.ts'
import type { Phone, PhonePage, ShopDescription, Step, TillIdentity } from './shop.ts'
import type { BridgeCallRecord, ClientOptions, Entry, Message, WorldEvent } from './world.ts'

export interface ShellStaff {
  userid: string
  name: string
  note: string
}

export interface ShellCustomer {
  externalUserid: string
  name: string
  hint: string
  hasPhone: boolean
}

export interface ShellChat {
  chatKey: string
  kind: 'single' | 'group'
  name: string
  hint: string
  /** The customer, or the customers of the group. */
  customers: ShellCustomer[]
  memberCount: number
  lastMessage: Message | null
}

export interface ShellState {
  corpName: string
  seatId: string
  userid: string
  entry: Entry
  /** null: the workbench. */
  chatKey: string | null
  client: ClientOptions
  staff: ShellStaff[]
  /** Names of everybody in the user's chats, by userid or external_userid. */
  names: Record<string, string>
  chats: ShellChat[]
  calls: BridgeCallRecord[]
  faults: string[]
  /** What the app wrote to the user, newest first. */
  appMessages: AppMessage[]
  shop: ShopDescription | null
  /** Counts up with each sign-in, so that the sidebar signs in anew. */
  signIns: number
}

export interface SeatChange {
  userid?: string
  /** null: the workbench. */
  chatKey?: string | null
  entry?: Entry
  client?: Partial<ClientOptions>
}

export interface PhoneAnswer {
  phone: Phone
  steps: Step[]
  page?: PhonePage
}

export type PhoneAction =
  | { kind: 'open'; messageId: string }
  | { kind: 'look'; sku: string }
  | { kind: 'buy_online'; sku: string; quantity: number; shareCode: string | null }
  | {
      kind: 'buy_in_store'
      sku: string
      quantity: number
      storeCode: string
      closer: string | null
      identity: TillIdentity
    }
  | { kind: 'refund'; orderNo: string; share: 'all' | 'half' }
  | { kind: 'enrol'; sharedBy: string | null }

export type {
  AppMessage,
  BridgeCallRecord,
  ClientOptions,
  Entry,
  Message,
  Phone,
  PhonePage,
  ShopDescription,
  Step,
  TillIdentity,
  WorldEvent,
}
