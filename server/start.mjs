/**
 * `npm start`: the built service. It runs in this process, so that signals reach it and its exit code is ours. What is
 * not built yet is built first; after an update, `npm run build` comes before.
 *
 * The script in package.json begins with `exec`, since a shell between npm and us would die of the SIGTERM that npm hands
 * on, and leave us running; the second half is for Windows, whose shell has no `exec`.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const main = new URL('../dist/server/main.js', import.meta.url)
const sidebar = new URL('../dist/web/sidebar/index.html', import.meta.url)

if (!existsSync(main) || !existsSync(sidebar)) {
  const { status } = spawnSync('npm run build', {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: ['ignore', 2, 2], // standard output is the service's log
    shell: true,
  })
  if (status !== 0) process.exit(1)
}
await import(main.href)
