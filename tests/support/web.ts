import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../../', import.meta.url))
const finished = process.env['BUILT_WEB']

/** Where browser tests find the built pages: what the environment variable BUILT_WEB names, else a build of their own. */
export const webRoot = finished ?? `${root}artifacts/web`

/**
 * Builds what production would serve, so that size, content security policy and lazy chunks are the real ones. In a
 * process of its own: under the test runner's NODE_ENV it would be Vue's development build.
 */
export async function buildWeb(outDir: string): Promise<void> {
  await promisify(execFile)(process.execPath, ['node_modules/vite/bin/vite.js', 'build', '--outDir', outDir], {
    cwd: root,
    env: { ...process.env, NODE_ENV: 'production' },
  })
}

let built: Promise<void> | undefined

/** One build for all files of browser tests; none where a finished one was named. */
export async function setup(): Promise<void> {
  if (finished === undefined) await (built ??= buildWeb(webRoot))
}
