import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the stub was asked: nothing of it is checked, that is for the tests. */
export interface Asked {
  api: string
  query: Record<string, string>
  body: unknown
}

export type StubAnswer =
  | Record<string, unknown>
  /** No answer: the connection is cut after the call was read. */
  | 'hang_up'
  /** An answer that is not WeCom's, as a proxy gives one. */
  | 'html'

export interface WecomStub {
  url: string
  asked: Asked[]
  /** How often an API was called. */
  count(api: string): number
  close(): Promise<void>
}

/** An HTTP server that answers as a test says: tokens by itself, everything else by `answer`. */
export async function startWecomStub(
  answer: (asked: Asked, count: number) => StubAnswer | Promise<StubAnswer>,
): Promise<WecomStub> {
  const asked: Asked[] = []
  const count = (api: string) => asked.filter(one => one.api === api).length
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '/', 'http://stub')
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const one: Asked = {
      api: url.pathname.replace('/cgi-bin/', ''),
      query: Object.fromEntries(url.searchParams),
      body: text === '' ? undefined : (JSON.parse(text) as unknown),
    }
    asked.push(one)
    const said = await answer(one, count(one.api))
    if (said === 'hang_up') return void request.socket.destroy()
    if (said === 'html')
      return void response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>')
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(said))
  }
  const server = createServer((request, response) => {
    handle(request, response).catch(() => request.socket.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    count,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** WeCom's error body. */
export const refusal = (errcode: number, words = 'refused') => ({
  errcode,
  errmsg: `${words}, hint: [1700000000000000000000], from ip: 203.0.113.9, more info at https://open.work.weixin.qq.com/devtool/query?e=${errcode}`,
})
