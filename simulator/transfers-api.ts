/** The server API of customers and groups that are given to a colleague. */
import type { TransferKind } from './transfers.ts'
import { WecomRefusal } from './wecom-errors.ts'
import type { World } from './world.ts'

type Body = Record<string, unknown>
type Handle = (call: { body: Body }) => Record<string, unknown>
type On = (method: 'GET' | 'POST', path: string, handle: Handle, needs?: 'customers') => void
interface Read {
  text(body: Body, name: string): string | undefined
  texts(body: Body, name: string): string[]
  page<T>(all: readonly T[], cursor: string | undefined, limit: number): { items: T[]; nextCursor: string }
}

const perCall = 100
const messageMax = 200
const pages = { results: 1000, unassigned: 1000 }
const seconds = (ms: number) => Math.floor(ms / 1000)

export function transfersApi(world: World, on: On, read: Read): void {
  const { transfers } = world
  const own = (path: string, handle: (body: Body) => Record<string, unknown>) =>
    on('POST', `externalcontact/${path}`, ({ body }) => handle(body), 'customers')
  const needed = (body: Body, name: string) => {
    const value = read.text(body, name)
    if (!value) throw new WecomRefusal(40003)
    return value
  }
  const few = (body: Body, name: string, errcode: number) => {
    const values = read.texts(body, name)
    if (values.length === 0 || values.length > perCall) throw new WecomRefusal(errcode)
    return values
  }

  const asked = (kind: TransferKind) => (body: Body) => {
    const externalUserids = few(body, 'external_userid', 40058)
    const message = read.text(body, 'transfer_success_msg') ?? null
    if (message !== null && (kind === 'resigned' || message.length > messageMax)) throw new WecomRefusal(40058)
    const told = transfers.ask(
      kind,
      needed(body, 'handover_userid'),
      needed(body, 'takeover_userid'),
      externalUserids,
      message,
    )
    return { customer: told.map(({ externalUserid, errcode }) => ({ external_userid: externalUserid, errcode })) }
  }
  own('transfer_customer', asked('on_job'))
  own('resigned/transfer_customer', asked('resigned'))

  const results = (kind: TransferKind) => (body: Body) => {
    const all = transfers.results(kind, needed(body, 'handover_userid'), needed(body, 'takeover_userid'))
    const { items, nextCursor } = read.page(all, read.text(body, 'cursor'), pages.results)
    return {
      customer: items.map(({ externalUserid, status, takeoverAt }) => ({
        external_userid: externalUserid,
        status,
        takeover_time: seconds(takeoverAt),
      })),
      next_cursor: nextCursor,
    }
  }
  own('transfer_result', results('on_job'))
  own('resigned/transfer_result', results('resigned'))

  own('get_unassigned_list', body => {
    const { items, nextCursor } = read.page(transfers.unassigned(), read.text(body, 'cursor'), pages.unassigned)
    return {
      info: items.map(({ from, externalUserid, resignedAt }) => ({
        handover_userid: from,
        external_userid: externalUserid,
        dimission_time: seconds(resignedAt),
      })),
      is_last: nextCursor === '',
      next_cursor: nextCursor,
    }
  })

  const groups = (kind: TransferKind) => (body: Body) => {
    const failed = transfers.giveGroups(kind, few(body, 'chat_id_list', 40058), needed(body, 'new_owner'))
    return {
      failed_chat_list: failed.map(({ chatId, errcode }) => ({ chat_id: chatId, errcode, errmsg: 'refused' })),
    }
  }
  own('groupchat/transfer', groups('resigned'))
  own('groupchat/onjob_transfer', groups('on_job'))
}
