import type { Caller } from '../../server/features/auth/domain.ts'
import { createKey } from '../../server/features/auth/service.ts'
import { callerOfSession, signIn } from '../../server/features/auth/sessions.ts'
import type { ItemResult } from '../../server/lib/items.ts'
import type { TestService } from './service.ts'

/** Somebody as his session makes him, without the way through WeCom. */
export async function personAt(
  service: TestService,
  associateId: string,
  now: number,
  brandId = 1,
): Promise<Caller & { person: NonNullable<Caller['person']> }> {
  const { pool } = service
  const result = await signIn(pool, { brandId, userid: associateId, bootstrapHeadquarters: [], now })
  if (result.status !== 'signed_in') throw new Error(`${associateId} may not come in: ${result.status}`)
  const { sessionId } = result.tokens
  const caller = await callerOfSession(pool, { brandId, sessionId, bootstrapHeadquarters: [], now })
  if (caller === null || caller === 'inactive' || !caller.person) throw new Error(`${associateId} has no session`)
  return { ...caller, person: caller.person }
}

/** Sends all of it, and throws where an item was refused. */
export async function tell(
  service: TestService,
  kinds: Readonly<Record<string, readonly object[]>>,
): Promise<ItemResult[]> {
  const results: ItemResult[] = []
  for (const [kind, items] of Object.entries(kinds)) {
    for (const result of await service.ingest(kind, items)) {
      if (result.status === 'rejected') throw new Error(`${kind} ${result.key}: ${JSON.stringify(result.error)}`)
      results.push(result)
    }
  }
  return results
}

/** Another brand of the same service, spoken to with a key of its own; it closes with the service. */
export async function openOtherBrand(service: TestService, brandId: number, now: number): Promise<TestService> {
  const { pool, app } = service
  await pool`
    INSERT INTO brands (brand_id, slug, name, timezone, created_at)
    VALUES (${brandId}, ${`brand-${brandId}`}, 'Other', 'Asia/Shanghai', ${now})`
  const key = await createKey(pool, { brandId, name: 'test', scopes: ['ingest', 'read', 'admin'], now })
  const call = (method: 'GET' | 'POST', path: string, payload?: object) =>
    app.inject({
      method,
      url: `/api/v1${path}`,
      headers: { authorization: `Bearer ${key}` },
      ...(payload === undefined ? {} : { payload }),
    })
  const get = async <T>(path: string): Promise<T> => {
    const answer = await call('GET', path)
    if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.statusCode} ${answer.body}`)
    return answer.json<T>()
  }
  return {
    ...service,
    get,
    async ingest(kind, items) {
      const answer = await call('POST', `/${kind}`, [...items] as object[])
      if (answer.statusCode !== 200) throw new Error(`${kind}: ${answer.statusCode} ${answer.body}`)
      return answer.json()
    },
    async post(path, body) {
      const answer = await call('POST', path, body as object)
      return { status: answer.statusCode, body: answer.json() }
    },
    async settled() {
      while ((await get<{ pendingOrders: number }>('/health/reconcile')).pendingOrders > 0) {
        await new Promise(resolve => setTimeout(resolve, 5))
      }
    },
    close: () => Promise.resolve(),
  }
}

/**
 * Sends items of a random history, those of one kind that follow each other together. Link codes are unique in the
 * whole service, so they carry the brand.
 */
export async function tellHistory(
  brand: TestService,
  brandId: number,
  items: readonly { kind: string; item: unknown }[],
): Promise<void> {
  const own = JSON.parse(JSON.stringify(items).replace(/"(linkCode|shareCode)":"/g, `$&${brandId}-`)) as {
    kind: string
    item: unknown
  }[]
  for (const [i, { kind }] of own.entries()) {
    if (own[i - 1]?.kind === kind) continue
    const end = own.findIndex((other, k) => k > i && other.kind !== kind)
    await brand.ingest(
      kind,
      own.slice(i, end === -1 ? undefined : end).map(({ item }) => item),
    )
  }
}
