import { createServer, type IncomingHttpHeaders } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

export interface Received {
  headers: IncomingHttpHeaders
  body: string
}

/** Another system that is told of events. */
export interface Receiver {
  url: string
  host: string
  received: Received[]
  /** What it answers; `never` keeps the line open. */
  answer: number | 'never' | ((received: Received) => number)
  /** Cuts every line that is open. */
  cut(): void
  close(): Promise<void>
}

export async function startReceiver(): Promise<Receiver> {
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      const received = { headers: request.headers, body }
      receiver.received.push(received)
      const { answer } = receiver
      if (answer === 'never') return
      const code = typeof answer === 'function' ? answer(received) : answer
      response.writeHead(code, code === 302 ? { location: `${receiver.url}elsewhere` } : {}).end('{}')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const receiver: Receiver = {
    url: `http://${host}/`,
    host,
    received: [],
    answer: 204,
    cut: () => server.closeAllConnections(),
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return receiver
}
