import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Pool } from '../../server/database.ts'
import { associateItem, linkItem, orderItem, planBody, storeItem } from '../builders/items.ts'
import { call, tell, type ServiceProcess } from './service-process.ts'

/** What is asked of a service while its database is away. */

/** The link that everybody opens. */
export const LINK = 'L1'
export const SHOP = 'https://shop.example/p/1'
export const OUTAGE_SETTINGS = { ALLOWED_REDIRECTS: 'shop.example' }
export const RULES = [
  { id: 'share', role: 'sharer', rateBps: 1000, bearer: 'headquarters' },
  { id: 'till', role: 'closer', rateBps: 300, bearer: 'headquarters' },
]
export const order = (n: number) => orderItem({ orderNo: `o-${n}`, memberNo: `M-${n}` })

export async function prepareShop(service: ServiceProcess): Promise<void> {
  expect((await call(service, 'POST', '/plans', planBody({ rules: RULES, retroactive: true }))).status).toBe(201)
  await tell(service, 'stores', [storeItem()])
  await tell(service, 'associates', [associateItem()])
  const link = [linkItem({ linkCode: LINK, target: { kind: 'product', ref: 'k1', title: '大衣', url: SHOP } })]
  expect(await tell(service, 'share-links', link)).toEqual(['created'])
}

/** Somebody opens the link; the answer's status, and how long it took. */
export async function open(service: ServiceProcess, linkCode = LINK): Promise<{ status: number; tookMs: number }> {
  const began = performance.now()
  const answer = await fetch(`${service.url}/s/${linkCode}`, { redirect: 'manual' })
  await answer.arrayBuffer()
  return { status: answer.status, tookMs: performance.now() - began }
}
export const openMany = (service: ServiceProcess, count: number) =>
  Promise.all(Array.from({ length: count }, () => open(service)))

/** Whatever needs the database says so, soon and in the same words. */
export async function expectAway(service: ServiceProcess, withinMs: number): Promise<void> {
  const began = performance.now()
  const answers = await Promise.all([
    call(service, 'POST', '/orders', [order(900_000)]),
    call(service, 'GET', '/balances'),
    fetch(`${service.url}/s/never-opened-before`),
    fetch(`${service.url}/readyz`),
  ])
  expect(performance.now() - began).toBeLessThan(withinMs)
  for (const answer of answers) {
    expect(answer.status).toBe(503)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
    expect(await answer.json()).toMatchObject({ code: 'database_unavailable' })
  }
  expect((await fetch(`${service.url}/healthz`)).status).toBe(200)
}

/** The files of a spool by name, with what they hold. */
export async function spooled(dataDir: string): Promise<Map<string, string>> {
  const folder = join(dataDir, 'spool')
  const names = (await readdir(folder).catch(() => [] as string[])).filter(name => name.endsWith('.jsonl'))
  return new Map(
    await Promise.all(names.map(async name => [name, await readFile(join(folder, name), 'utf8')] as const)),
  )
}

/** Those of short links, not the touches that were told. */
export async function countClicks(pool: Pool): Promise<{ rows: number; ids: number }> {
  const [row] = await pool<{ rows: number; ids: number }[]>`
    SELECT count(*)::int AS rows, count(DISTINCT touch_id)::int AS ids FROM touches WHERE touch_id LIKE 'click-%'`
  return row!
}

export async function waitUntil(isSo: () => Promise<boolean>, withinMs: number): Promise<void> {
  const until = performance.now() + withinMs
  while (!(await isSo())) {
    if (performance.now() > until) throw new Error(`it was not so within ${withinMs} ms`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
