import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, gzip } from 'node:zlib'
import vue from '@vitejs/plugin-vue'
import { build, type Plugin, type UserConfig } from 'vite'

/** What every view stands on, and nothing that stands on a view: a part that needed one would tie a knot of files. */
const BASE =
  /node_modules\/(@vue|vue|pinia)\/|plugin-vue:export-helper|\/sidebar\/(components\/(Base(Amount|Chip|Empty|Picture)|messages)|lib\/(connection|coupons|format|locale|service|words))\./
/** What the first customer looks like. A web view asks for six files at a time, and one more is one more round. */
const FIRST_STYLE =
  /\/sidebar\/(style\.css$|(App|components\/\w+|features\/customer\/CustomerCard\w+)\.vue\?.*type=style)/

/**
 * One command for all screens that run in a browser. Each screen is a page of its own (`/sidebar/`, `/console/`) and its
 * files lie under `/assets/`. They are built one after the other: built together they would share one copy of Vue, and
 * the sidebar's first load would carry the parts that the console alone uses.
 *
 * Nothing is inlined but the sidebar's first script, whose hash the service names in the page's content security policy.
 */
const config = {
  plugins: [vue(), aheadInPage(), thenTheConsole()],
  base: '/',
  publicDir: false,
  define: { __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false' },
  build: {
    outDir: 'dist/web',
    emptyOutDir: true,
    // Associates have old Android web views and iPhones: nothing newer than these may remain in the output.
    target: ['chrome87', 'safari14'],
    cssTarget: ['chrome87', 'safari14'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false, resolveDependencies: (_, files) => files.filter(file => !isAhead(file)) },
    rolldownOptions: {
      input: { sidebar: 'sidebar/index.html', worker: 'sidebar/worker.ts' },
      output: {
        // A worker is found by its name, and serves the folder that it lies in.
        entryFileNames: ({ name }) => (name === 'worker' ? 'sidebar/worker.js' : 'assets/[name]-[hash].js'),
        // In one file: on a slow network each is a round of its own.
        codeSplitting: {
          groups: [
            { name: 'ahead', test: /\/sidebar\/ahead\.ts$/, includeDependenciesRecursively: true, priority: 1 },
            { name: 'base', test: id => BASE.test(id) || FIRST_STYLE.test(id), includeDependenciesRecursively: false },
          ],
        },
      },
    },
  },
} satisfies UserConfig

export default config

/** How the parts that come later find what the page's first script holds. */
const AHEAD = 'daogouAhead'
const isAhead = (file: string) => /\bahead-[^/]*\.js$/.test(file)

/**
 * The first script, which asks for what the card needs, stands in the page itself: it runs before the style and the
 * parts that draw are there, and one way to the service is saved. It is a classic script, so it runs before any of them;
 * they find what it holds in a global.
 */
function aheadInPage(): Plugin {
  return {
    name: 'ahead-in-page',
    apply: 'build',
    // Their content is changed after their names were made of it.
    augmentChunkHash: () => AHEAD,
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        const page = bundle['sidebar/index.html']
        const ahead = Object.values(bundle).find(file => file.type === 'chunk' && isAhead(file.fileName))
        if (page?.type !== 'asset' || ahead?.type !== 'chunk') return
        const script = toClassic(ahead.code)
        // Before the style: a script after it waits for it.
        const html = String(page.source).replace(
          /(?=\s*<link rel="stylesheet")/,
          () => `\n    <script>${script}</script>`,
        )
        if (!html.includes(script)) this.error('The page has no style before which its first script would stand.')
        page.source = html
        delete bundle[ahead.fileName]
        for (const file of Object.values(bundle)) {
          if (file.type !== 'chunk') continue
          file.code = file.code.replace(/import\{([^}]*)\}from"\.\/ahead-[^"]+";/g, (_, names: string) => {
            return `const{${names.replace(/ as /g, ':')}}=${AHEAD};`
          })
          if (file.code.includes(ahead.fileName.replace(/^.*\//, ''))) this.error(`${file.fileName} asks for a script that stands in the page.`) // prettier-ignore
        }
      },
    },
  }
}

/** A module that needs no other, as a script that leaves what it exports in a global. */
function toClassic(code: string): string {
  const exported = /export\{([^}]*)\};?\s*$/.exec(code)
  if (!exported) throw new Error('The first script exports nothing')
  const held = exported[1]!.split(',').map(one => one.replace(/^(.+) as (.+)$/, '$2:$1'))
  const script = `(()=>{"use strict";${code.slice(0, exported.index)}window.${AHEAD}={${held.join()}}})()`
  if (/<\/script|<!--|\bimport\b\s*[.("'{]/.test(script)) throw new Error('The first script cannot stand in a page')
  return script
}

function thenTheConsole(): Plugin {
  let outDir = ''
  return {
    name: 'then-the-console',
    apply: 'build',
    configResolved: resolved => void (outDir = resolved.build.outDir),
    closeBundle: {
      sequential: true,
      async handler() {
        const input = { console: 'console/index.html' }
        await build({
          ...config,
          configFile: false,
          plugins: [vue()],
          build: { ...config.build, outDir, emptyOutDir: false, rolldownOptions: { input } },
        })
        await compress(outDir)
      },
    },
  }
}

/** Below this a packed file saves nothing that a network would notice. */
const WORTH_PACKING_BYTES = 1024

/** What browsers take packed is packed once, as small as it gets; the service sends what each of them asks for. */
async function compress(folder: string): Promise<void> {
  const names = await readdir(folder, { recursive: true })
  await Promise.all(
    names
      .filter(name => /\.(js|css|html)$/.test(name))
      .map(async name => {
        const file = join(folder, name)
        const content = await readFile(file)
        if (content.length < WORTH_PACKING_BYTES) return
        await writeFile(`${file}.br`, await promisify(brotliCompress)(content))
        await writeFile(`${file}.gz`, await promisify(gzip)(content, { level: 9 }))
      }),
  )
}
