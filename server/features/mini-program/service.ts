import { LRUCache } from 'lru-cache'
import type { Db, Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { DAY_MS, formatInstant, type Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import type { Caller } from '../auth/domain.ts'
import { findMember } from '../customers/service.ts'
import { linkAddresses, plainWebUrl } from '../share-links/domain.ts'
import { selectLinks, type LinkRow, type PublicLink } from '../share-links/service.ts'
import { isPassing, WecomError, type WecomMeter } from '../wecom/service.ts'
import { miniProgramAdvice } from './advice.ts'
import { buildMiniProgramApi, type MiniProgramApp } from './client.ts'
import {
  FORGET_AFTER_MS,
  isGood,
  isOfTheLink,
  LEASE_MS,
  LINK_LEFT_MS,
  placeOf,
  RENEW_BEFORE_MS,
  RENEW_USED_MS,
  retryAfterMs,
} from './domain.ts'
import {
  claimDueLinks,
  deleteOldLinks,
  selectCode,
  selectUrlLink,
  updateUsed,
  upsertCode,
  upsertRefusal,
  upsertUrlLink,
} from './queries.ts'
import type { ShownLink, Storefront } from './schema.ts'

export { miniProgramAdvice } from './advice.ts'
export { buildMiniProgramApi, type MiniProgramApi, type MiniProgramApp } from './client.ts'

/** How long a redirect waits for WeChat at most. */
const WAIT_MS = 800
/** How long nobody waits for WeChat after it did not answer. */
const REST_MS = 30_000
const LINKS_CACHED = 20_000
const RENEWED_AT_ONCE = 50

/** Where a share link leads. */
type Shared = Pick<PublicLink, 'linkCode' | 'target'>

export interface MiniProgram {
  /**
   * The address that opens the mini program at what was shared; null where there is none just now. It never fails, and
   * takes 800 ms at most: what WeChat says later is kept for the next visitor.
   *
   * @param options.mayAsk WeChat may be asked where none is known
   */
  urlOf(link: Shared, options: { mayAsk: boolean }): Promise<string | null>
  /** The code of a link as a picture, made once. @throws WecomError */
  pictureOf(linkCode: string, place: { page: string; scene: string }): Promise<Buffer>
  /** Renews URL links that end soon and are still used. @returns how many were looked at */
  renew(): Promise<number>
}

/** The brand's mini program: its codes and URL links, kept once WeChat gave them. */
export function buildMiniProgram(options: {
  pool: Pool
  vault: Vault
  brandId: number
  app: MiniProgramApp
  meter: WecomMeter
  now: () => Instant
  onError: (error: unknown) => void
}): MiniProgram {
  const { pool, brandId, app, now, onError } = options
  const { appId } = app
  const api = buildMiniProgramApi(options)
  /** What this process knows of links: `url` null means that WeChat is not asked before `until`. */
  const known = new LRUCache<string, { url: string | null; until: Instant; usedAt: Instant }>({ max: LINKS_CACHED })
  const asking = new Map<string, Promise<string | null>>()
  const drawing = new Map<string, Promise<Buffer>>()
  let restsUntil = -Infinity
  /** What lies farther ahead was put there by a clock that was set back since. */
  const rests = () => restsUntil > now() && restsUntil <= now() + REST_MS

  /** Asks WeChat, and keeps what it says. Fails only where the database does. */
  const ask = async (linkCode: string, path: string | undefined, patience: 'interactive' | 'job') => {
    const place = placeOf(linkCode, path)
    if (!place) return null
    const key = { brandId, linkCode, appId }
    try {
      const { url, expiresAt } = await api.urlLink(place, { patience })
      if (plainWebUrl(url) === null) throw new Error('WeChat gave what is no address')
      await upsertUrlLink(pool, { ...key, url, expiresAt, now: now() })
      known.set(linkCode, { url, until: expiresAt - LINK_LEFT_MS, usedAt: now() })
      return url
    } catch (error) {
      if (!(error instanceof WecomError)) throw error
      onError(error)
      if (!isOfTheLink(error.errcode)) restsUntil = now() + REST_MS
      const retryAt = now() + retryAfterMs(error.errcode)
      await upsertRefusal(pool, { ...key, errcode: error.errcode, retryAt, now: now() })
      return null
    }
  }
  const askOnce = (link: Shared): Promise<string | null> => {
    const running = asking.get(link.linkCode)
    if (running) return running
    const asked = ask(link.linkCode, link.target.path, 'interactive')
      .catch((error: unknown) => {
        onError(error)
        return null
      })
      .finally(() => asking.delete(link.linkCode))
    asking.set(link.linkCode, asked)
    return asked
  }

  /** What is known already; undefined where WeChat may be asked. */
  const find = async (linkCode: string): Promise<string | null | undefined> => {
    const at = now()
    const cached = known.get(linkCode)
    if (cached && cached.until > at) {
      if (cached.url !== null && at - cached.usedAt > DAY_MS) {
        known.set(linkCode, { ...cached, usedAt: at })
        updateUsed(pool, { brandId, linkCode, now: at }).catch(onError)
      }
      return cached.url
    }
    const row = await selectUrlLink(pool, { brandId, linkCode, appId })
    if (!row) return undefined
    if (isGood(row, at)) {
      known.set(linkCode, { url: row.url, until: row.expiresAt! - LINK_LEFT_MS, usedAt: row.usedAt })
      return row.url
    }
    if (row.retryAt <= at) return undefined
    known.set(linkCode, { url: null, until: row.retryAt, usedAt: at })
    return null
  }

  return {
    async urlOf(link, { mayAsk }) {
      if (placeOf(link.linkCode, link.target.path) === null) return null
      const looked = find(link.linkCode).catch((error: unknown) => {
        onError(error)
        return null
      })
      const found = await Promise.race([looked, after(WAIT_MS)])
      if (found !== undefined) return found
      if (!mayAsk || rests()) return null
      return await Promise.race([askOnce(link), after(WAIT_MS)])
    },
    async pictureOf(linkCode, place) {
      const running = drawing.get(linkCode)
      if (running) return await running
      const drawn = (async () => {
        const before = await selectCode(pool, { brandId, linkCode, appId })
        if (before) return before
        const picture = await api.code(place)
        await upsertCode(pool, { brandId, linkCode, appId, picture, now: now() })
        return picture
      })().finally(() => drawing.delete(linkCode))
      drawing.set(linkCode, drawn)
      return await drawn
    },
    async renew() {
      const at = now()
      await deleteOldLinks(pool, { brandId, expiredBefore: at - FORGET_AFTER_MS })
      const due = await claimDueLinks(pool, {
        brandId,
        appId,
        now: at,
        expiresBefore: at + RENEW_BEFORE_MS,
        usedAfter: at - RENEW_USED_MS,
        retryAt: at + LEASE_MS,
        limit: RENEWED_AT_ONCE,
      })
      for (const { linkCode, path } of due) {
        // After a fault that is not this link's own the others can wait as well.
        if (rests()) break
        await ask(linkCode, path ?? undefined, 'job')
      }
      return due.length
    },
  }
}

export type MiniProgramOf = (brandId: number) => MiniProgram | null

/** The mini program of each brand, as its settings are now; null where they name none. */
export function openMiniPrograms(
  options: Omit<Parameters<typeof buildMiniProgram>[0], 'brandId' | 'app'> & {
    apiUrl: string
    /** Another object when the brand's settings change. */
    brandOf: (brandId: number) => { miniProgram: { appId: string | null; secret: string | null } } | null
  },
): MiniProgramOf {
  const { apiUrl, brandOf, ...rest } = options
  const kept = new WeakMap<object, MiniProgram>()
  return brandId => {
    const brand = brandOf(brandId)
    if (!brand) return null
    const { appId, secret } = brand.miniProgram
    if (appId === null || secret === null) return null
    const miniProgram = kept.get(brand) ?? buildMiniProgram({ ...rest, brandId, app: { appId, secret, apiUrl } })
    kept.set(brand, miniProgram)
    return miniProgram
  }
}

const after = (ms: number) =>
  new Promise<null>(resolve => {
    setTimeout(() => resolve(null), ms).unref()
  })

/** A link that somebody may look at: a key any of its brand's, a person his own. @throws AppError not_found */
async function ownLink(db: Db, caller: Caller, linkCode: string): Promise<LinkRow> {
  const [link] = await selectLinks(db, { brandId: caller.brandId, linkCodes: [linkCode] })
  if (!link || (caller.person && link.associateId !== caller.person.associateId)) {
    throw new AppError('not_found', 'There is no such link of yours.')
  }
  return link
}

/** What a link is, for a mini program that was opened by its code: a scene holds no more than that. */
export async function readLink(
  db: Db,
  caller: Caller,
  { linkCode, publicUrl }: { linkCode: string; publicUrl: string },
): Promise<ShownLink> {
  const { associateId, storeCode, target, channel, createdAt, revokedAt } = await ownLink(db, caller, linkCode)
  const instant = (at: Instant | null) => (at === null ? null : formatInstant(at))
  return {
    linkCode,
    associateId,
    storeCode,
    target,
    channel,
    createdAt: instant(createdAt),
    revokedAt: instant(revokedAt),
    ...linkAddresses(linkCode, target.path, publicUrl),
  }
}

/**
 * The mini-program code of a link, as PNG or JPEG.
 *
 * @throws AppError not_found; mini_program.not_configured, .no_page, .unreachable, .refused
 */
export async function readCode(
  db: Db,
  caller: Caller,
  { linkCode, miniProgram }: { linkCode: string; miniProgram: MiniProgram | null },
): Promise<Buffer> {
  const link = await ownLink(db, caller, linkCode)
  if (!miniProgram) {
    throw new AppError('mini_program.not_configured', 'No mini program is set up for this service.')
  }
  const place = placeOf(linkCode, link.target.path)
  if (!place || place.scene === null) {
    throw new AppError('mini_program.no_page', 'This link has no page in the mini program, or a code too long for it.')
  }
  try {
    return await miniProgram.pictureOf(linkCode, { page: place.page, scene: place.scene })
  } catch (error) {
    if (!(error instanceof WecomError)) throw error
    const { zh, en } = miniProgramAdvice(error)
    throw new AppError(isPassing(error) ? 'mini_program.unreachable' : 'mini_program.refused', `${en} ${zh}`)
  }
}

/**
 * Which store's shelf to show a member: his home store as of now, as his orders would have it.
 *
 * @throws AppError not_found where there is no such member, or he is not the asker's to see
 */
export async function readStorefront(
  db: Db,
  caller: Caller,
  { memberNo, now }: { memberNo: string; now: Instant },
): Promise<Storefront> {
  const customer = await findMember(db, caller, { memberNo, now })
  if (!customer || customer.sight !== 'full') throw new AppError('not_found', 'There is no such member.')
  const { homeStore, homeStoreSince, stores, person } = customer
  const store = homeStore === null ? undefined : stores.get(homeStore)
  return {
    memberNo: person.memberNo,
    storeCode: homeStore,
    store: store ? { name: store.name } : null,
    since: homeStoreSince === null ? null : formatInstant(homeStoreSince),
    reason: homeStore === null ? 'not_assigned' : customer.isHomeStoreOpening ? 'opening_record' : 'assignment',
  }
}
