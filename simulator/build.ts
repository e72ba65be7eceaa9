import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Where the built chat shell is. */
export const shellDir = join(root, 'dist', 'simulator')

const builds = [
  { built: 'dist/web/sidebar/index.html', sources: ['sidebar', 'console', 'vite.config.ts'], config: 'vite.config.ts' },
  { built: 'dist/simulator/index.html', sources: ['simulator/shell'], config: 'simulator/shell/vite.config.ts' },
]

/**
 * Builds the pages that are missing or older than their sources.
 *
 * @throws Error with the builder's own words where a build fails
 */
export function buildPages(say: (text: string) => void): void {
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js')
  for (const { built, sources, config } of builds) {
    const file = join(root, built)
    const builtAt = existsSync(file) ? statSync(file).mtimeMs : 0
    if (sources.every(path => newest(join(root, path)) <= builtAt)) continue
    say(`构建界面 Building the pages (${config})`)
    const { status, stderr } = spawnSync(process.execPath, [vite, 'build', '--config', config, '--logLevel', 'error'], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'pipe'],
      // Also where a test runner says otherwise: it would be Vue's development build.
      env: { ...process.env, NODE_ENV: 'production' },
    })
    if (status !== 0) throw new Error(`The pages could not be built:\n${stderr.toString()}`)
  }
}

function newest(path: string): number {
  const stats = statSync(path)
  if (!stats.isDirectory()) return stats.mtimeMs
  return Math.max(0, ...readdirSync(path).map(name => newest(join(path, name))))
}
