import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { openSpool } from '../../server/features/touches/spool.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

test('of a spool that ran full every click that was taken is delivered once, and none of those that were refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'daogou-spool-'))
  try {
    // No file of the process may grow beyond 16 KiB: its last write is done by half, as on a full disk.
    const writer = 'ulimit -f 16; exec node --import ./server/cli/typescript.mjs tests/support/spool-writer.ts "$0"'
    const { stdout } = await promisify(execFile)('bash', ['-c', writer, folder], { cwd: root })
    const { kept, code } = JSON.parse(stdout) as { kept: number; code: string }
    expect(code).toBe('EFBIG')
    expect(kept).toBeGreaterThan(60)

    const delivered: string[] = []
    const spool = openSpool(folder)
    const take = (clicks: { touchId: string }[]) => {
      delivered.push(...clicks.map(({ touchId }) => touchId))
      return Promise.resolve()
    }
    await spool.adopt(take)
    await spool.adopt(take)
    await spool.close()
    expect(delivered).toEqual(Array.from({ length: kept }, (_, i) => `t${i}`))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
