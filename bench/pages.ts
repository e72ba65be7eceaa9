import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { startConsoleMock } from '../tests/console/mock-server.ts'
import { openPage, openWindow } from '../tests/console/support.ts'
import { launchChromium } from '../tests/support/chromium.ts'
import { buildWeb } from '../tests/support/web.ts'
import type { Figure } from './lib/figure.ts'

const LIMIT_KIB = 250

/** Those with charts and lists: what they fetch is seen in a browser, with demo data. Of the others all that they may need counts. */
const LOOKED_AT = {
  PerformanceView: '/performance',
  CommunitiesView: '/community',
  CommunityView: '/community/S-SZ',
  TransfersView: '/handover',
} as const

/** What the browser fetches before a page of the console stands there for the first time, its charts with it. */
export const pages: Figure = {
  name: 'pages',
  measures: 'first use of the console’s largest page, gzip',
  async run() {
    const webRoot = await mkdtemp(join(tmpdir(), 'daogou-bench-pages-'))
    try {
      await buildWeb(webRoot)
      const sizes = { ...(await sizesOfPages(webRoot)), ...(await sizesSeen(webRoot)) }
      return {
        value: Math.max(...Object.values(sizes)),
        unit: 'KiB',
        limit: { atMost: LIMIT_KIB },
        details: sizes,
      }
    } finally {
      await rm(webRoot, { recursive: true, force: true })
    }
  },
}

/** As a browser that was never there before fetches them. */
async function sizesSeen(webRoot: string): Promise<Record<string, number>> {
  const mock = await startConsoleMock(webRoot)
  const browser = await launchChromium()
  try {
    const sizes: Record<string, number> = {}
    for (const [view, hash] of Object.entries(LOOKED_AT)) {
      mock.reset()
      mock.role = 'headquarters'
      const { assets } = await openPage(await openWindow(browser), { url: mock.url, hash })
      sizes[view] = await packedKib(webRoot, ['console/index.html', ...[...assets].map(path => path.slice(1))])
    }
    return sizes
  } finally {
    await browser.close()
    await mock.close()
  }
}

async function packedKib(webRoot: string, files: Iterable<string>): Promise<number> {
  const contents = await Promise.all([...files].map(name => readFile(join(webRoot, name))))
  const bytes = contents.reduce((sum, content) => sum + gzipSync(content, { level: 9 }).length, 0)
  return Math.round((bytes / 1024) * 10) / 10
}

/** All that a page may need, also what only an act on it would fetch; by the view that the router fetches. */
async function sizesOfPages(webRoot: string): Promise<Record<string, number>> {
  const html = await readFile(join(webRoot, 'console/index.html'), 'utf8')
  const first = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map(match => match[1]!)
  const entry = /src="\/(assets\/console-[^"]+\.js)"/.exec(html)?.[1]
  if (entry === undefined) throw new Error('the console’s page loads no script')
  const sizes: Record<string, number> = {}
  for (const { file, needs } of await fetchedLater(webRoot, entry)) {
    const view = /([A-Za-z]+View)-/.exec(file)?.[1]
    if (view === undefined) continue
    const files = new Set([...first, file, ...needs])
    for (const one of files) {
      if (first.includes(one) || !one.endsWith('.js')) continue
      for (const more of await fetchedLater(webRoot, one))
        for (const name of [more.file, ...more.needs]) files.add(name)
    }
    sizes[view] = await packedKib(webRoot, ['console/index.html', ...files])
  }
  return sizes
}

/** What a built file fetches when it is needed, and what comes with it: as Vite writes both into the file. */
async function fetchedLater(webRoot: string, file: string): Promise<{ file: string; needs: string[] }[]> {
  const text = await readFile(join(webRoot, file), 'utf8')
  const list = /__vite__mapDeps=.*?m\.f=(\[.*?\])/.exec(text)?.[1]
  const known = list === undefined ? [] : (JSON.parse(list) as string[])
  return [
    ...text.matchAll(/import\([`"']\.\/([\w.-]+\.js)[`"']\)(?:[^;]{0,80}?__vite__mapDeps\(\[([\d,]*)\]\))?/g),
  ].map(([, name, numbers]) => ({
    file: `assets/${name}`,
    needs: (numbers ?? '').split(',').flatMap(number => (number === '' ? [] : [known[Number(number)]!])),
  }))
}
