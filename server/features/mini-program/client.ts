import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import {
  buildBuckets,
  buildClient,
  buildTokens,
  fetchedOf,
  WecomError,
  type WecomCall,
  type WecomMeter,
} from '../wecom/service.ts'
import { LINK_MS, type Place } from './domain.ts'

/** What a mini program is known by. */
export interface MiniProgramApp {
  appId: string
  secret: string
  apiUrl: string
}

type Haste = Pick<WecomCall, 'patience' | 'deadlineMs'>

export interface MiniProgramApi {
  /** The picture of a code that opens the page. @throws WecomError */
  code(place: { page: string; scene: string }, haste?: Haste): Promise<Buffer>
  /** An address that opens the page from any browser. @throws WecomError */
  urlLink(place: Pick<Place, 'page' | 'query'>, haste?: Haste): Promise<{ url: string; expiresAt: Instant }>
}

/**
 * WeChat's server API for a mini program, called as WeCom's is: one token for all processes, limits kept together, faults
 * that pass tried again. Making a code or a link twice is as good as once.
 */
export function buildMiniProgramApi(options: {
  pool: Pool
  vault: Vault
  brandId: number
  app: MiniProgramApp
  meter: WecomMeter
  now: () => Instant
}): MiniProgramApi {
  const { pool, brandId, app, meter, now } = options
  const token = buildTokens({
    ...options,
    // Never with force_refresh: it would end the token that the brand's other systems have.
    async fetchAnew() {
      const api = 'cgi-bin/stable_token'
      const body = { grant_type: 'client_credential', appid: app.appId, secret: app.secret }
      const answer = await request(api, { body, isHarmless: true }, false)
      return fetchedOf(api, answer['access_token'], answer['expires_in'], now())
    },
  })
  const request = buildClient({
    host: { owner: 'WeChat', apiUrl: app.apiUrl, folder: '/' },
    buckets: buildBuckets({ db: pool, brandId, now }),
    meter,
    now,
    token: async refused => (await token('mini_program_token', refused)).value,
  })
  const ask = (api: string, body: object, call: Haste & Pick<WecomCall, 'isPicture'>) =>
    request(api, { ...call, body, isHarmless: true }, true)

  return {
    async code({ page, scene }, haste = {}) {
      const api = 'wxa/getwxacodeunlimit'
      const { picture } = await ask(api, { scene, page }, { ...haste, isPicture: true })
      if (!Buffer.isBuffer(picture))
        throw new WecomError(api, { owner: 'WeChat', outcome: 'unknown', why: 'no picture' })
      return picture
    },
    async urlLink({ page, query }, haste = {}) {
      const api = 'wxa/generate_urllink'
      const expiresAt = Math.floor((now() + LINK_MS) / 1000) * 1000
      const body = { path: `/${page}`, query, expire_type: 0, expire_time: expiresAt / 1000 }
      const { url_link: url } = await ask(api, body, haste)
      if (typeof url !== 'string') throw new WecomError(api, { owner: 'WeChat', outcome: 'unknown', why: 'no link' })
      return { url, expiresAt }
    },
  }
}
