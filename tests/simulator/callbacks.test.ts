import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decrypt, getSignature } from '@wecom/crypto'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { startCallbacks } from '../../simulator/callbacks.ts'
import { createWorld, type World } from '../../simulator/world.ts'
import { smallCorp } from './world.ts'

const keys = { token: 'test-token', aesKey: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C' }

let world: World
let server: Server
let end: () => Promise<void>
let heard: string[]
/** What the callback address answers to each call, by its number. */
let answer: (call: number) => number

beforeEach(async () => {
  world = createWorld(smallCorp)
  heard = []
  answer = () => 200
  server = createServer((request, response) => {
    const query = new URL(request.url!, 'http://localhost').searchParams
    let body = ''
    request.on('data', chunk => (body += String(chunk)))
    request.on('end', () => {
      const secret = /<Encrypt><!\[CDATA\[(.+?)\]\]>/.exec(body)![1]!
      const [timestamp, nonce] = [query.get('timestamp')!, query.get('nonce')!]
      expect(query.get('msg_signature')).toBe(getSignature(keys.token, timestamp, nonce, secret))
      const { message, id } = decrypt(keys.aesKey, secret)
      expect(id).toBe(world.corpId)
      heard.push(/<ChangeType><!\[CDATA\[(.+?)\]\]>/.exec(message)![1]!)
      response.writeHead(answer(heard.length)).end()
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/wecom/callback`
  end = startCallbacks(world, { url, ...keys })
})
afterEach(async () => {
  await end()
  await new Promise(resolve => server.close(resolve))
})

it('seals each event for the corporation, and is content with one that was heard', async () => {
  world.unfriend('demo-a02', 'wmDemoGold', 'customer')
  await end()
  expect(heard).toEqual(['del_follow_user'])
})

it('sends again three times where nobody says that it was heard', async () => {
  answer = () => 500
  world.unfriend('demo-a02', 'wmDemoGold', 'customer')
  await end()
  expect(heard).toHaveLength(4)
})

it('doubles, and does not hear of, as many as it is told to', async () => {
  world.deliveries.doubled = 0.2
  for (let i = 0; i < 10; i++) world.unfriend('demo-a02', 'wmDemoGold', 'customer')
  await end()
  expect(heard).toHaveLength(12)
})

it('comes again where the answer was lost', async () => {
  world.deliveries.unheard = 0.5
  for (let i = 0; i < 4; i++) world.unfriend('demo-a02', 'wmDemoGold', 'customer')
  await end()
  expect(heard.length).toBeGreaterThan(4)
  expect(heard.length).toBeLessThanOrEqual(16)
})
