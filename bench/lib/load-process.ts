/**
 * A process that sends requests over kept connections, each waiting for its answer before the next goes out, and tells how
 * long they took. It reads no more of an answer than it must: on a small machine what asks takes from what answers.
 */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'

export interface LoadOptions {
  port: number
  /** As `/api/v1/orders`. */
  path: string
  key: string
  /** A file with a body on each line; each is sent once. */
  bodies: string
  connections: number
  /** It ends then, or when there are no more bodies. */
  seconds: number
}

export interface LoadMeasured {
  requests: number
  seconds: number
  /** Answers by status. */
  statuses: Record<string, number>
  /** How many times each word stands in answers. */
  words: Record<string, number>
  p50Ms: number
  p99Ms: number
  maxMs: number
  cpuSeconds: number
}

const WORDS = ['"created"', '"updated"', '"unchanged"', '"rejected"']

const options = JSON.parse(process.argv[2]!) as LoadOptions
const head = `POST ${options.path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${options.key}\r\ncontent-type: application/json\r\n`
const requests = readFileSync(options.bodies, 'utf8')
  .split('\n')
  .filter(line => line !== '')
  .map(body => Buffer.from(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`))

let next = 0
const tookMs: number[] = []
const statuses: Record<string, number> = {}
const words = Object.fromEntries(WORDS.map(word => [word.slice(1, -1), 0]))
const began = performance.now()
const until = began + options.seconds * 1000
const cpu = process.cpuUsage()
await Promise.all(Array.from({ length: options.connections }, keepAsking))
const seconds = (performance.now() - began) / 1000
const { user, system } = process.cpuUsage(cpu)
tookMs.sort((a, b) => a - b)
const at = (part: number) => Math.round((tookMs[Math.floor((tookMs.length - 1) * part)] ?? 0) * 10) / 10
process.send!({
  requests: tookMs.length,
  seconds,
  statuses,
  words,
  p50Ms: at(0.5),
  p99Ms: at(0.99),
  maxMs: at(1),
  cpuSeconds: (user + system) / 1e6,
} satisfies LoadMeasured)
process.disconnect()

function keepAsking(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: options.port, host: '127.0.0.1', noDelay: true })
    let sentAt = 0
    let text = ''
    const send = () => {
      const request = performance.now() < until ? requests[next++] : undefined
      if (!request) {
        resolve()
        return socket.destroy()
      }
      sentAt = performance.now()
      socket.write(request)
    }
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk
      const bodyAt = text.indexOf('\r\n\r\n') + 4
      if (bodyAt === 3) return
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1])
      if (text.length < bodyAt + length) return
      tookMs.push(performance.now() - sentAt)
      const status = text.slice(9, 12)
      statuses[status] = (statuses[status] ?? 0) + 1
      for (const word of WORDS) words[word.slice(1, -1)]! += text.split(word).length - 1
      text = ''
      send()
    })
    socket.once('connect', send).once('error', reject)
    socket.once('close', () => reject(new Error('the service closed a connection')))
  })
}
