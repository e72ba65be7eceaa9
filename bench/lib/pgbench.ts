import { spawn } from 'node:child_process'

const SCALE = 50
/** As many send at once, here and in what is compared with it. */
export const CLIENTS = 16

/**
 * PostgreSQL's own measure, TPC-B as `pgbench` has it. Its tables are made in the database where they are missing.
 *
 * @returns transactions a second
 */
export async function runPgbench(
  databaseUrl: string,
  options: { seconds: number; isFilled: boolean },
): Promise<number> {
  if (!options.isFilled) await pgbench(databaseUrl, ['-i', '-q', '-s', String(SCALE)])
  const output = await pgbench(databaseUrl, ['-n', '-c', String(CLIENTS), '-j', '2', '-T', String(options.seconds)])
  const tps = Number(/^tps = ([\d.]+)/m.exec(output)?.[1])
  if (!(tps > 0)) throw new Error(`pgbench told nothing:\n${output}`)
  return tps
}

async function pgbench(databaseUrl: string, args: readonly string[]): Promise<string> {
  const child = spawn('pgbench', [...args, databaseUrl], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('exit', resolve)
    child.once('error', () => reject(new Error('there is no pgbench; Debian and Ubuntu have it in postgresql-contrib')))
  })
  if (code !== 0) throw new Error(`pgbench ended with ${code}:\n${output}`)
  return output
}
