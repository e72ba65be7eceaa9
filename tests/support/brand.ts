import { expect } from 'vitest'
import type { Pool } from '../../server/database.ts'
import { createKey } from '../../server/features/auth/service.ts'
import type { ItemResult } from '../../server/lib/items.ts'
import type { TestService } from './service.ts'

type Item = Record<string, unknown>

/** A brand of the service, by a key of its own. */
export class BrandClient {
  readonly #service: TestService
  readonly #key: string
  readonly brandId: number
  constructor(service: TestService, key: string, brandId: number) {
    this.#service = service
    this.#key = key
    this.brandId = brandId
  }

  async #call(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, payload?: unknown) {
    return await this.#service.app.inject({
      method,
      url: `/api/v1${path}`,
      headers: { authorization: `Bearer ${this.#key}` },
      ...(payload === undefined ? {} : { payload: payload as object }),
    })
  }

  async get<T>(path: string): Promise<T> {
    const answer = await this.#call('GET', path)
    if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.statusCode} ${answer.body}`)
    return answer.json()
  }

  async send(method: 'POST' | 'PUT' | 'DELETE', path: string, payload?: unknown) {
    const answer = await this.#call(method, path, payload)
    return { status: answer.statusCode, body: answer.body === '' ? {} : answer.json<Record<string, unknown>>() }
  }

  /** The same brand by another key: what one makes another must confirm. */
  async another(): Promise<BrandClient> {
    return new BrandClient(this.#service, await keyOf(this.#service, this.brandId), this.brandId)
  }

  async post(path: string, body: unknown): Promise<number> {
    return (await this.#call('POST', path, body)).statusCode
  }

  /** Nothing that a history tells may be refused. */
  async tell(kind: string, items: readonly Item[]): Promise<void> {
    const answer = await this.#call('POST', `/${kind}`, items)
    if (answer.statusCode !== 200) throw new Error(`${kind}: ${answer.statusCode} ${answer.body}`)
    const refused = answer
      .json<ItemResult[]>()
      .flatMap((result, i) => (result.error ? [{ result, item: items[i] }] : []))
    expect(refused).toEqual([])
  }

  async settled(): Promise<void> {
    for (let i = 0; i < 6000; i++) {
      const { pendingOrders } = await this.get<{ pendingOrders: number }>('/health/reconcile')
      if (pendingOrders === 0) return
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    throw new Error('not everything was booked in time')
  }
}

let brands = 100

/** A new brand of the service. */
export async function openBrand(service: TestService): Promise<BrandClient> {
  const brandId = ++brands
  const pool: Pool = service.pool
  await pool`INSERT INTO brands (brand_id, slug, name, timezone, created_at)
    VALUES (${brandId}, ${`brand-${brandId}`}, 'Test', 'Asia/Shanghai', now())`
  return new BrandClient(service, await keyOf(service, brandId), brandId)
}

const keyOf = (service: TestService, brandId: number) =>
  createKey(service.pool, { brandId, name: 'test', scopes: ['ingest', 'read', 'admin'], now: Date.now() })
