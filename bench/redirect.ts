import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Bench } from './lib/bench.ts'
import type { Figure } from './lib/figure.ts'
import { onceInRun } from './lib/once.ts'
import type { LinksOpened, OpenLinksOptions } from './lib/open-links.ts'
import { runProcess } from './lib/process.ts'
import { startService } from './lib/service.ts'

const CONNECTIONS = 50
const LINKS = 1000
const ROUNDS = 5
const SECONDS = 3
const WARM_SECONDS = 3

interface Measurement {
  empty: LinksOpened
  thousand: LinksOpened
  hot: LinksOpened
}

const measureOnce = onceInRun<Measurement>(measure)

/** Short links with every click in the database before the answer, against a Fastify route that does nothing. */
export const redirect: Figure = {
  name: 'redirect',
  measures: `short links, ${LINKS} of them, ${CONNECTIONS} connections`,
  async run(bench) {
    const { empty, thousand } = await measureOnce(bench)
    return {
      value: Math.round(thousand.perSecond),
      unit: 'redirects/s',
      ratio: thousand.perSecond / empty.perSecond,
      against: `an empty route: ${Math.round(empty.perSecond)}/s`,
      limit: { atLeast: 0.4 },
      details: { p50Ms: thousand.p50Ms, emptyP50Ms: empty.p50Ms },
    }
  },
}

export const redirectP99: Figure = {
  name: 'redirect-p99',
  measures: 'the same, 99 of 100 within',
  async run(bench) {
    const { empty, thousand, hot } = await measureOnce(bench)
    return {
      value: thousand.p99Ms,
      unit: 'ms',
      limit: { atMost: 25 },
      details: { hotP99Ms: hot.p99Ms, emptyP99Ms: empty.p99Ms },
    }
  },
}

export const redirectHot: Figure = {
  name: 'redirect-hot',
  measures: 'one link that everybody opens',
  async run(bench) {
    const { thousand, hot } = await measureOnce(bench)
    return {
      value: Math.round(hot.perSecond),
      unit: 'redirects/s',
      ratio: hot.perSecond / thousand.perSecond,
      against: `${LINKS} links`,
      limit: { atLeast: 0.95 },
    }
  },
}

async function measure(bench: Bench): Promise<Measurement> {
  const service = await startService(await bench.emptyDatabase(), { env: { ALLOWED_REDIRECTS: 'shop.example' } })
  const empty = fork(new URL('./lib/empty-route.ts', import.meta.url))
  try {
    const [{ port: emptyPort }] = (await once(empty, 'message')) as [{ port: number }]
    await fillShop(service.port, service.key)
    const links = Array.from({ length: LINKS }, (_, i) => `/s/link-${i}`)
    const kinds = {
      empty: { port: emptyPort, paths: links },
      thousand: { port: service.port, paths: links },
      hot: { port: service.port, paths: ['/s/link-7'] },
    }
    for (const kind of Object.values(kinds)) await openLinks({ ...kind, seconds: WARM_SECONDS })
    const rounds: Measurement[] = []
    for (let i = 0; i < ROUNDS; i++) {
      rounds.push({
        empty: await openLinks({ ...kinds.empty, seconds: SECONDS }),
        thousand: await openLinks({ ...kinds.thousand, seconds: SECONDS }),
        hot: await openLinks({ ...kinds.hot, seconds: SECONDS }),
      })
    }
    return {
      empty: medianOf(rounds.map(round => round.empty)),
      thousand: medianOf(rounds.map(round => round.thousand)),
      hot: medianOf(rounds.map(round => round.hot)),
    }
  } finally {
    empty.kill('SIGTERM')
    await service.stop()
  }
}

async function openLinks(options: Omit<OpenLinksOptions, 'connections'>): Promise<LinksOpened> {
  const load: OpenLinksOptions = { ...options, connections: CONNECTIONS }
  const opened = await runProcess<LinksOpened>(new URL('./lib/open-links.ts', import.meta.url), [JSON.stringify(load)])
  const wrong = Object.keys(opened.statuses).filter(status => status !== '302' && status !== '204')
  if (wrong.length > 0) throw new Error(`links were answered by ${wrong.join(', ')}`)
  return opened
}

const medianOf = (rounds: readonly LinksOpened[]) =>
  [...rounds].sort((a, b) => a.perSecond - b.perSecond)[rounds.length >> 1]!

async function fillShop(port: number, key: string): Promise<void> {
  const tell = async (kind: string, items: readonly object[]) => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${kind}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(items),
    })
    if (!answer.ok) throw new Error(`${kind}: ${answer.status} ${await answer.text()}`)
  }
  await tell('stores', [{ storeCode: 'S1', name: '一店', type: 'direct' }])
  await tell('associates', [
    { associateId: 'A1', name: '导购', storeCode: 'S1', activeFrom: '2025-01-01T00:00:00+08:00' },
  ])
  const links = Array.from({ length: LINKS }, (_, i) => ({
    linkCode: `link-${i}`,
    associateId: 'A1',
    target: { kind: 'product', ref: `sku-${i}`, title: '大衣', url: `https://shop.example/p/${i}` },
    channel: 'single_chat',
  }))
  for (let i = 0; i < LINKS; i += 100) await tell('share-links', links.slice(i, i + 100))
}
