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
 * Nothing is inlined: the service's content security policy allows neither inline scripts nor styles.
 */
const config = {
  plugins: [vue(), aheadOfAll(), thenTheConsole()],
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
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { sidebar: 'sidebar/index.html' },
      // In one file: on a slow network each is a round of its own.
      output: {
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

/** The page names its first script, which asks for what the card needs, before those that draw it. */
function aheadOfAll(): Plugin {
  return {
    name: 'ahead-of-all',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler(html, { bundle = {} }) {
        const ahead = Object.values(bundle).find(file => file.type === 'chunk' && file.name === 'ahead')
        if (!ahead) return undefined
        const src = `/${ahead.fileName}`
        const tags = [{ tag: 'script', attrs: { type: 'module', async: true, crossorigin: true, src }, injectTo: 'head-prepend' as const }] // prettier-ignore
        return { html: html.replace(new RegExp(`\\s*<link rel="modulepreload"[^>]*${src}">`), ''), tags }
      },
    },
  }
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
