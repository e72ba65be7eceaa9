/** The console's calls with demo data: for its tests, and for looking: `npx vite build && npx tsx tests/console/mock-server.ts`. */
import type { ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import { startMockServer, type MockCall, type MockServer } from '../sidebar/mock-server.ts'
import * as demo from './demo-data.ts'

export async function startConsoleMock(webRoot: string, port = 0): Promise<MockServer> {
  const mock: MockServer = await startMockServer(webRoot, port, false, (call, response) => {
    if (call.method === 'GET' && call.accept === 'text/csv') {
      response.writeHead(200, {
        'content-type': 'text/csv; charset=utf-8',
        'content-disposition': 'attachment; filename="performance-associates.csv"',
      })
      response.end(demo.tableFile)
      return true
    }
    const told = answer(call, mock.role)
    if (told === undefined) return false
    send(response, told)
    return true
  })
  return mock
}

function answer({ method, url, body }: MockCall, role: string): unknown {
  const path = url.pathname.replace('/api/v1', '')
  const [, room, one, two] = path.split('/').map(decodeURIComponent)
  if (method === 'GET' && room === 'performance') {
    if (one === 'summary') return demo.summary(url)
    if (one === 'orders') return demo.orders
    return one === 'trend' ? demo.trend(url) : demo.table(one!, url)
  }
  if (method === 'GET' && room === 'orders') return demo.order
  if (method === 'GET' && room === 'community') {
    return two === undefined ? demo.communities(url, role) : (demo.community(two, url) ?? undefined)
  }
  if (method === 'GET' && room === 'associates') return { items: demo.listed(), nextCursor: null }
  if (room === 'transfers') {
    if (method === 'GET' && one === undefined) return { items: demo.transfers, nextCursor: null }
    if (method === 'GET' && one === 'unassigned') return demo.unassigned
    const transfer = demo.transfers.find(({ transferId }) => transferId === one)
    if (method === 'GET' && two !== undefined) return demo.transferItems(two, url)
    if (method === 'GET') return transfer
    if (one === undefined) return { ...demo.transfers[0], ...(body as object) }
    if (two === 'retry') return { ...transfer, retriedCount: 6 }
    if (two === 'undo') return { ...transfer, undoneAt: '2026-11-22T02:00:00.000Z', returnedCount: 300, left: [] }
  }
  return path === '/auth/logout' ? {} : undefined
}

function send(response: ServerResponse, told: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(told))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mock = await startConsoleMock(
    fileURLToPath(new URL('../../dist/web', import.meta.url)),
    Number(process.env['PORT'] ?? 8688),
  )
  mock.role = 'headquarters'
  console.log(`${mock.url}/console/`)
}
