import { spawn } from 'node:child_process'
import { access, chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '../../server/embedded-postgres.ts'

/** Where Debian and Ubuntu put it. */
export const NATIVE_DIR = '/usr/lib/postgresql/15'

/**
 * The oldest PostgreSQL that we promise to work on, on a folder of its own; installed by apt where we are root.
 *
 * @returns null where there is none and none can be installed
 */
export async function startPostgres15(): Promise<{ url: string; stop: () => Promise<void> } | null> {
  if (!(await isInstalled()) && !(await installByApt())) return null
  const dataDir = await mkdtemp(join(tmpdir(), 'daogou-postgres-15-'))
  await chmod(dataDir, 0o711) // as root, the server runs as another user
  const settings = { fsync: 'off', full_page_writes: 'off' }
  const server = await startEmbeddedPostgres({ dataDir, settings, nativeDir: NATIVE_DIR })
  return {
    url: server.adminUrl,
    async stop() {
      await server.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

const isInstalled = () =>
  access(join(NATIVE_DIR, 'bin', 'postgres')).then(
    () => true,
    () => false,
  )

async function installByApt(): Promise<boolean> {
  if (process.getuid?.() !== 0) return false
  for (const args of [
    ['update', '-q'],
    ['install', '-y', '-q', '--no-install-recommends', 'postgresql-15'],
  ]) {
    const child = spawn('apt-get', args, {
      stdio: ['ignore', 2, 2],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    })
    const code = await new Promise(resolve => child.once('error', resolve).once('exit', resolve))
    if (code !== 0) return false
  }
  return await isInstalled()
}
