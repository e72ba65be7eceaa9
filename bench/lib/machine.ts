import { mkdtempSync, openSync, closeSync, fdatasyncSync, rmSync, writeSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'

/** On what a run was measured. */
export interface Machine {
  cpu: string
  memoryGb: number
  node: string
  postgres: string
  /** What it takes to put one page on the disk for good: the floor of every commit. */
  fsyncMs: number
}

export async function describeMachine(options: { dataDir: string; databaseUrl: string }): Promise<Machine> {
  const cores = cpus()
  const sql = postgres(options.databaseUrl, { max: 1 })
  const [row] = await sql<{ version: string }[]>`SELECT current_setting('server_version') AS version`
  await sql.end()
  return {
    cpu: `${cores.length} × ${cores[0]?.model.trim() ?? 'unknown'}`,
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    node: process.version,
    postgres: row!.version,
    fsyncMs: measureFsyncMs(options.dataDir),
  }
}

const SYNCS = 200

/** The median of some writes of one page, each made durable. */
function measureFsyncMs(dataDir: string): number {
  const folder = mkdtempSync(join(dataDir, 'fsync-'))
  const file = openSync(join(folder, 'page'), 'w')
  const page = Buffer.alloc(8192, 1)
  const tookMs: number[] = []
  for (let i = 0; i < SYNCS; i++) {
    const startedAt = performance.now()
    writeSync(file, page, 0, page.length, i * page.length)
    fdatasyncSync(file)
    tookMs.push(performance.now() - startedAt)
  }
  closeSync(file)
  rmSync(folder, { recursive: true })
  return tookMs.sort((a, b) => a - b)[SYNCS / 2]!
}
