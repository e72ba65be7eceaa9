import { createHash } from 'node:crypto'
import { isIPv4 } from 'node:net'
import ipaddr from 'ipaddr.js'
import { LRUCache } from 'lru-cache'
import { isDatabaseAway, type Db, type Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { MINUTE_MS, type Instant } from '../../lib/time.ts'
import { addCount, deleteCounts, takeOne } from './queries.ts'

/**
 * A process tells the others of whoever has used so much of his limit since it last told of him: most use far less, and
 * cost no write. So all processes together let pass the limit and, for each process beyond the first, this part of it.
 */
const TOLD_AT = 0.05
/** How many wrong keys, link codes or refresh tokens an address may try in a minute, at all processes together. */
const GUESSES_PER_MINUTE = 60
/** How many of whom a process keeps count, and how many guesses it remembers. */
const REMEMBERED = 50_000
const KEPT_MS = 10 * MINUTE_MS

/** How often somebody may ask, whichever process he reaches. */
export interface Limits {
  /** Counts one request of somebody, by the name that he is known by. */
  count(name: string): { isOver: boolean; max: number; left: number; secondsLeft: number }
  /**
   * Looks whether something that can be guessed is right. What was right before, and what was wrong a moment ago, is looked
   * for as often as is asked; of new guesses an address has so many a minute.
   *
   * @param address or whoever else guesses, by the name that he is known by
   * @param look gives null where it is wrong
   * @param most how many new guesses a minute; always the same for the same name
   * @throws AppError rate_limited
   */
  guess<T>(address: string, what: string, look: () => Promise<T | null>, most?: number): Promise<T | null>
  /** Whether this was a right guess lately. */
  isRight(what: string): boolean
}

interface Count {
  /** Counted by this process, and how much of it the others know. */
  own: number
  told: number
  others: number
  isTelling: boolean
}

/** @param max requests a minute; 0: nothing is limited */
export function buildLimits(options: {
  pool: Pool
  max: number
  now: () => Instant
  onError: (error: unknown) => void
}): Limits {
  const { pool, max, now, onError } = options
  const step = Math.max(1, Math.floor(max * TOLD_AT))
  let minute = -Infinity
  const counts = new LRUCache<string, Count>({ max: REMEMBERED })
  /** Guesses that an address may still make without asking: those that were right gave theirs back. */
  const inHand = new LRUCache<string, number>({ max: REMEMBERED })
  const right = new LRUCache<string, true>({ max: REMEMBERED })
  const wrong = new LRUCache<string, true>({ max: REMEMBERED, ttl: MINUTE_MS })

  /** Begins anew with each minute of the clock, which the processes have in common. */
  const turn = (): Instant => {
    const current = Math.floor(now() / MINUTE_MS) * MINUTE_MS
    if (current !== minute) {
      minute = current
      counts.clear()
      inHand.clear()
    }
    return minute
  }
  const secondsLeft = () => Math.max(1, Math.ceil((minute + MINUTE_MS - now()) / 1000))

  const tell = async (name: string, count: Count, of: Instant) => {
    count.isTelling = true
    try {
      while (count.own - count.told >= step && of === minute) {
        const untold = count.own - count.told
        const all = await addCount(pool, { key: hashed(`asked ${name}`), minute: of, count: untold })
        count.told += untold
        count.others = all - count.told
      }
    } finally {
      count.isTelling = false
    }
  }

  /** While the database is away nothing new is found by guessing, and what is known without it is still given. */
  const mayGuess = async (address: string, of: Instant, most: number): Promise<boolean> =>
    await takeOne(pool, { key: hashed(`guessed ${address}`), minute: of, max: most }).catch((error: unknown) => {
      if (isDatabaseAway(error)) return true
      throw error
    })

  return {
    count(name) {
      const of = turn()
      let count = counts.get(name)
      if (!count) counts.set(name, (count = { own: 0, told: 0, others: 0, isTelling: false }))
      const all = count.own + count.others + 1
      const isOver = all > max
      // Who is told to come again later is not counted on: his minute ends by itself.
      if (!isOver) count.own += 1
      if (count.own - count.told >= step && !count.isTelling) tell(name, count, of).catch(onError)
      return { isOver, max, left: Math.max(0, max - all), secondsLeft: secondsLeft() }
    },
    async guess(address, what, look, most = GUESSES_PER_MINUTE) {
      if (max === 0) return await look()
      const guess = hashed(what)
      const ofAddress = `${address} ${guess}`
      if (right.has(guess) || wrong.has(ofAddress)) {
        const found = await look()
        if (found === null) right.delete(guess)
        return found
      }
      const of = turn()
      const left = inHand.get(address) ?? 0
      if (left > 0) inHand.set(address, left - 1)
      else if (!(await mayGuess(address, of, most))) throw tooMany(secondsLeft())
      const found = await look()
      if (found === null) {
        wrong.set(ofAddress, true)
      } else {
        right.set(guess, true)
        if (of === minute) inHand.set(address, (inHand.get(address) ?? 0) + 1)
      }
      return found
    },
    isRight: what => right.has(hashed(what)),
  }
}

export const tooMany = (seconds: number) =>
  new AppError('rate_limited', `Too many requests; come again in ${seconds} s.`, [], seconds)

/** Whom an address stands for: one home or office has the whole of an IPv6 /64. */
export function addressOf(ip: string): string {
  if (isIPv4(ip)) return ip
  if (!ipaddr.isValid(ip)) return ip
  const address = ipaddr.process(ip)
  if (address.kind() === 'ipv4') return address.toString()
  return `${address.toByteArray().slice(0, 8).join('.')}/64`
}

/** Counts of minutes that are over. */
export async function forgetOldCounts(db: Db, now: Instant): Promise<void> {
  await deleteCounts(db, { before: now - KEPT_MS })
}

const hashed = (text: string) => createHash('sha256').update(text).digest('base64url')
