/**
 * `npm run dev`: the demo's stage, restarted when the service changes, with Vite in front that serves the pages from
 * their sources and reloads them.
 */
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createServer, type Plugin } from 'vite'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const port = Number(process.env['PORT'] ?? 8686)
const vitePort = Number(process.env['DEV_PORT'] ?? 5173)
const publicUrl = `http://127.0.0.1:${vitePort}`

/** The simulator's bridge must be there before the page's own scripts. */
const bridge: Plugin = {
  name: 'simulator-bridge',
  transformIndexHtml: {
    order: 'pre',
    handler: (_html, { originalUrl = '' }) =>
      originalUrl.includes('sim=1')
        ? [{ tag: 'script', attrs: { src: '/simulator/bridge.js' }, injectTo: 'head-prepend' }]
        : [],
  },
}

const stage = spawn(
  join(root, 'node_modules', '.bin', 'tsx'),
  ['watch', '--include', 'server/**', '--include', 'simulator/**', join(root, 'simulator', 'demo.ts')],
  { cwd: root, stdio: 'inherit', env: { ...process.env, PORT: String(port), PUBLIC_URL: publicUrl } },
)
const vite = await createServer({
  root,
  configFile: join(root, 'vite.config.ts'),
  plugins: [bridge],
  appType: 'mpa',
  server: {
    host: '127.0.0.1',
    port: vitePort,
    strictPort: true,
    proxy: Object.fromEntries(
      ['/api', '/auth', '/s/', '/simulator/', '/pages.css', '/healthz'].map(path => [path, `http://127.0.0.1:${port}`]),
    ),
  },
})
await vite.listen()
process.stdout.write(`\n  开发 Dev: ${publicUrl}/simulator/\n`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    stage.kill('SIGTERM')
    void vite.close().then(() => process.exit(0))
  })
}
