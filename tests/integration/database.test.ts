import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { isDatabaseAway, openPool, type Pool } from '../../server/database.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

/** A connection that the server ends while somebody works on it; `patches/` holds what the driver needs for that. */

let database: TestDatabase
let pool: Pool
let admin: Pool
beforeAll(async () => {
  database = await createTestDatabase()
  pool = openPool(database.url, { max: 1 })
  admin = openPool(database.url, { max: 1, asOwner: true })
})
afterAll(async () => {
  await pool.end({ timeout: 1 })
  await admin.end({ timeout: 1 })
  await database.drop()
})

const endOthers = () => admin`
  SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`

test('fails what is asked on it from then on, and the pool works again', async () => {
  for (let round = 0; round < 10; round++) {
    const faults: unknown[] = []
    let isDone = false
    const work = pool.begin(async tx => {
      await tx`CREATE TEMP TABLE mine (i int) ON COMMIT DROP`
      await endOthers()
      // Somebody who goes on regardless, at any time from before it is known until long after.
      for (let i = 0; i < 30; i++) {
        await tx`INSERT INTO mine VALUES (${i})`.catch((error: unknown) => faults.push(error))
        if (i % 3 === 0) await new Promise(resolve => setTimeout(resolve, round % 5))
      }
      isDone = true
    })
    await expect(work).rejects.toSatisfy(isDatabaseAway)
    // Nothing of it comes into what others do on the connection that takes its place.
    const told = pool.begin(async tx => {
      await tx`CREATE TEMP TABLE mine (i int) ON COMMIT DROP`
      await new Promise(resolve => setTimeout(resolve, 10))
      return await tx<{ i: number }[]>`SELECT i FROM mine`
    })
    expect(await told.catch((error: unknown) => (isDatabaseAway(error) ? [] : error))).toEqual([])
    await expect.poll(() => isDone).toBe(true)
    expect(faults.length).toBeGreaterThan(0)
    expect(faults.every(isDatabaseAway)).toBe(true)
    await expect.poll(() => pool`SELECT 1 AS one`.catch(() => null)).toEqual([{ one: 1 }])
  }
}, 20_000)

/** Says that everybody may come in, and resets the connection at the first thing that is asked on it. */
async function openResettingServer() {
  const welcome = Buffer.from([
    ...Buffer.from('R'),
    0,
    0,
    0,
    8,
    0,
    0,
    0,
    0,
    ...Buffer.from('Z'),
    0,
    0,
    0,
    5,
    ...Buffer.from('I'),
  ])
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(welcome)
      socket.once('data', () => socket.resetAndDestroy())
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  return { url: `postgres://nobody@127.0.0.1:${port}/nothing`, close: () => server.close() }
}

test('one that ends before anything was asked on it fails who asks, and not the process', async () => {
  const unhandled: unknown[] = []
  const note = (error: unknown) => unhandled.push(error)
  const others = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', note)
  const server = await openResettingServer()
  const dead = openPool(server.url, { max: 2 })
  try {
    for (let i = 0; i < 3; i++) await expect(dead`SELECT 1`).rejects.toSatisfy(isDatabaseAway)
    await expect(dead.begin(tx => tx`SELECT 1`)).rejects.toSatisfy(isDatabaseAway)
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(unhandled).toEqual([])
  } finally {
    await dead.end({ timeout: 0 })
    server.close()
    process.removeListener('unhandledRejection', note)
    for (const listener of others) process.on('unhandledRejection', listener)
  }
})

test('a pool that is never idle keeps nothing of what went through it', async () => {
  const busy = openPool(database.url, { max: 2 })
  let longest = 0
  const indexOf = vi.spyOn(Array.prototype, 'indexOf').mockImplementation(function (this: unknown[], wanted: unknown) {
    longest = Math.max(longest, this.length)
    for (let i = 0; i < this.length; i++) if (this[i] === wanted) return i
    return -1
  })
  try {
    const keepAsking = async () => {
      for (let asked = 0; asked < 500; asked++) await busy`SELECT 1`
    }
    await Promise.all(Array.from({ length: 8 }, keepAsking))
  } finally {
    indexOf.mockRestore()
    await busy.end({ timeout: 1 })
  }
  expect(longest).toBeGreaterThan(0)
  expect(longest).toBeLessThan(200)
})
