/**
 * A process that opens links over kept connections, each waiting for its answer before the next goes out. Every other
 * visitor was there before. It reads no more of an answer than its status and its end.
 */
import { connect } from 'node:net'

export interface OpenLinksOptions {
  port: number
  /** Opened in turn. */
  paths: readonly string[]
  connections: number
  seconds: number
}

export interface LinksOpened {
  perSecond: number
  statuses: Record<string, number>
  p50Ms: number
  p99Ms: number
}

const VISITORS = 5000

const options = JSON.parse(process.argv[2]!) as OpenLinksOptions
const requests = Array.from({ length: VISITORS }, (_, i) => {
  const visitor = String(i).padStart(22, 'v')
  const cookie = i % 2 === 0 ? `cookie: daogou_visitor=${visitor}\r\n` : ''
  const path = options.paths[i % options.paths.length]!
  return Buffer.from(
    `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: Mozilla/5.0 MicroMessenger\r\n${cookie}\r\n`,
  )
})

let next = 0
const tookMs: number[] = []
const statuses: Record<string, number> = {}
const began = performance.now()
const until = began + options.seconds * 1000
await Promise.all(Array.from({ length: options.connections }, keepOpening))
const seconds = (performance.now() - began) / 1000
tookMs.sort((a, b) => a - b)
const at = (part: number) => Math.round((tookMs[Math.floor((tookMs.length - 1) * part)] ?? 0) * 10) / 10
process.send!({
  perSecond: tookMs.length / seconds,
  statuses,
  p50Ms: at(0.5),
  p99Ms: at(0.99),
} satisfies LinksOpened)
process.disconnect()

function keepOpening(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: options.port, host: '127.0.0.1', noDelay: true })
    let sentAt = 0
    const send = () => {
      sentAt = performance.now()
      if (sentAt >= until) {
        resolve()
        return socket.destroy()
      }
      socket.write(requests[next++ % VISITORS]!)
    }
    // Answers are short, without a body, and come in one piece.
    socket.on('data', (chunk: Buffer) => {
      tookMs.push(performance.now() - sentAt)
      const status = chunk.toString('latin1', 9, 12)
      statuses[status] = (statuses[status] ?? 0) + 1
      send()
    })
    socket.once('connect', send).once('error', reject)
    socket.once('close', () => reject(new Error('the service closed a connection')))
  })
}
