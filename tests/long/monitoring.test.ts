import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ROOT } from '../support/service-process.ts'

const run = promisify(execFile)

/** Debian's, taken out of its package and not installed. null where there is none. */
async function findPromtool(folder: string): Promise<string | null> {
  const isHere = (program: string) => run(program, ['--version']).then(() => true, () => false) // prettier-ignore
  if (await isHere('promtool')) return 'promtool'
  try {
    await run('apt-get', ['update', '-q'])
    await run('apt-get', ['download', 'prometheus'], { cwd: folder })
    const [archive] = (await readdir(folder)).filter(name => name.endsWith('.deb'))
    await run('dpkg', ['-x', join(folder, archive!), folder])
  } catch {
    return null
  }
  const program = join(folder, 'usr', 'bin', 'promtool')
  return (await isHere(program)) ? program : null
}

test('Prometheus reads the rules', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'daogou-promtool-'))
  try {
    const promtool = await findPromtool(folder)
    if (promtool === null) return console.log('promtool: not run, since it is not here and apt cannot fetch it')
    const { stdout } = await run(promtool, ['check', 'rules', join(ROOT, 'docs/monitoring/alerts.yml')])
    expect(stdout).toContain('SUCCESS')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
