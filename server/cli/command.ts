import { parseArgs, type ParseArgsConfig } from 'node:util'
import { EmbeddedPostgresError } from '../embedded-postgres.ts'
import { ExitError } from '../errors.ts'
import { openData, type Opened } from '../open.ts'
import { readSettings } from '../settings.ts'

/** What a command line tool is given: the data that the settings name, and a signal to end early. */
export interface CommandContext extends Opened {
  signal: AbortSignal
}

/**
 * Reads a tool's arguments.
 *
 * @throws ExitError 2 with the fault and the usage; 0 with the usage alone where `--help` asks for it
 */
export function readArguments<const T extends ParseArgsConfig>(argv: readonly string[], usage: string, config: T) {
  if (argv.includes('--help') || argv.includes('-h')) throw new ExitError(0, usage)
  try {
    return parseArgs({ ...config, args: [...argv], strict: true })
  } catch (error) {
    throw wrongArguments(error instanceof Error ? error.message : 'The arguments cannot be read', usage)
  }
}

export const wrongArguments = (fault: string, usage: string) => new ExitError(2, `${fault}\n\n${usage}`)

/**
 * Opens the data that the settings name, works on it, and closes it again. An embedded database that a service runs is
 * shared; one that nobody runs is started for as long as the tool works.
 *
 * @param serverSettings of an embedded server that is started here
 * @returns what the work gives: the exit code
 */
export async function withData(
  work: (context: CommandContext) => Promise<number>,
  serverSettings: Record<string, string> = {},
): Promise<number> {
  const settings = readSettings()
  const ending = new AbortController()
  const end = () => ending.abort()
  process.once('SIGINT', end).once('SIGTERM', end)
  const data = await openData(settings, { shareEmbedded: true, poolSize: 2, log: say, serverSettings })
  try {
    return await work({ ...data, signal: ending.signal })
  } finally {
    process.off('SIGINT', end).off('SIGTERM', end)
    await data.close()
  }
}

/** For people; what a script reads goes to standard output. */
export const say = (message: string) => void process.stderr.write(`${message}\n`)

/** Runs a tool and sets the exit code: 0 done, 1 failed, 2 wrong arguments or settings. */
export async function runCommand(main: (argv: readonly string[]) => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main(process.argv.slice(2))
  } catch (error) {
    const isExpected = error instanceof ExitError || error instanceof EmbeddedPostgresError
    const exitCode = error instanceof ExitError ? error.exitCode : 1
    const text = isExpected ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)
    ;(exitCode === 0 ? process.stdout : process.stderr).write(`${text.trimEnd()}\n`)
    process.exitCode = exitCode
  }
}
