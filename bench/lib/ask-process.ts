/**
 * A process that asks over kept connections, each waiting for its answer before the next goes out, and tells how long they
 * took. With a pace, what is asked is due at fixed instants and its time counts from there, so that waiting for a free
 * connection is part of it.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** One line of the file that is asked from. */
export interface Asked {
  path: string
  /** As `authorization: Bearer …`, or a cookie. */
  header: string
  /** Where there is one it is a POST. */
  body?: string
}

export interface AskOptions {
  port: number
  file: string
  connections: number
  seconds: number
  /** As many are due each second; absent: as many as are answered. */
  perSecond?: number
  /** No more than so many. */
  atMost?: number
}

export interface Answered {
  perSecond: number
  statuses: Record<string, number>
  p50Ms: number
  p99Ms: number
  maxMs: number
  /** How much an answer is on average. */
  bytes: number
}

const options = JSON.parse(process.argv[2]!) as AskOptions
const requests = readFileSync(options.file, 'utf8')
  .split('\n')
  .filter(line => line !== '')
  .map(line => {
    const { path, header, body } = JSON.parse(line) as Asked
    const head = `${body === undefined ? 'GET' : 'POST'} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${header}\r\n`
    return Buffer.from(
      body === undefined
        ? `${head}\r\n`
        : `${head}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
  })

const { perSecond, atMost = Infinity } = options
const tookMs: number[] = []
const statuses: Record<string, number> = {}
let bytes = 0
let next = 0
const began = performance.now()
const until = began + options.seconds * 1000
await Promise.all(Array.from({ length: options.connections }, keepAsking))
const seconds = (performance.now() - began) / 1000
tookMs.sort((a, b) => a - b)
const at = (part: number) => Math.round((tookMs[Math.floor((tookMs.length - 1) * part)] ?? 0) * 10) / 10
process.send!({
  perSecond: tookMs.length / seconds,
  statuses,
  p50Ms: at(0.5),
  p99Ms: at(0.99),
  maxMs: at(1),
  bytes: Math.round(bytes / Math.max(1, tookMs.length)),
} satisfies Answered)
process.disconnect()

async function keepAsking(): Promise<void> {
  const open = async () => {
    const socket = connect({ port: options.port, host: '127.0.0.1', noDelay: true }).setEncoding('latin1')
    await once(socket, 'connect')
    return socket
  }
  for (let socket = await open(); ;) {
    const number = next++
    const due = perSecond === undefined ? performance.now() : began + (number / perSecond) * 1000
    if (due >= until || number >= atMost) return void socket.destroy()
    const early = due - performance.now()
    if (early > 0) await sleep(early)
    // A timer that fires late is this process's fault and not the service's.
    const since = early > 0 ? performance.now() : due
    // Closed since: with an answer that refused, or for having nothing to do.
    if (socket.destroyed) socket = await open()
    await ask(socket, requests[number % requests.length]!)
    tookMs.push(performance.now() - since)
  }
}

/** Reads no more of an answer than it must: on a small machine what asks takes from what answers. */
function ask(socket: Socket, request: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = ''
    const take = (chunk: string) => {
      text += chunk
      const bodyAt = text.indexOf('\r\n\r\n') + 4
      if (bodyAt === 3) return
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, bodyAt))?.[1])
      if (text.length < bodyAt + length) return
      const status = text.slice(9, 12)
      statuses[status] = (statuses[status] ?? 0) + 1
      bytes += length
      socket.off('data', take).off('close', lose)
      resolve()
    }
    const lose = () => reject(new Error('the service closed a connection'))
    socket.on('data', take).once('close', lose)
    socket.write(request)
  })
}
