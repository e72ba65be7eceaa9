/**
 * `npm run import -- --kind orders --map FILE.json FILE.csv`: see docs/import.md.
 *
 * Exit codes: 0 every line taken, 1 some refused or the import ended early, 2 wrong arguments, mapping or settings.
 */
import { access, readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import {
  ImportFailure,
  MappingError,
  encodings,
  itemKinds,
  readMapping,
  runImport,
  type Encoding,
  type ImportProgress,
  type ImportResult,
  type LineError,
} from '../features/imports/service.ts'
import { ExitError } from '../errors.ts'
import { openImportTarget } from './import-target.ts'

const usage = `npm run import -- --kind KIND --map MAPPING.json [options] FILE.csv

  --kind KIND      ${itemKinds.slice(0, 8).join(', ')},
                   ${itemKinds.slice(8).join(', ')}
  --map FILE       which column is which field: docs/import.md
  --dry-run        says what would be taken and why lines would not; writes nothing
  --encoding NAME  ${encodings.join(', ')}; found out where unsaid
  --brand SLUG     where the service has several brands
  --restart        begins anew where an earlier run was interrupted
`

export type ImportArguments = {
  kind: string
  map: string
  file: string
  dryRun: boolean
  restart: boolean
  encoding?: Encoding
  brand?: string
}

/** @throws ExitError (2) that says what is wrong with the arguments */
export function readArguments(argv: readonly string[]): ImportArguments {
  let parsed
  try {
    parsed = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        kind: { type: 'string' },
        map: { type: 'string' },
        encoding: { type: 'string' },
        brand: { type: 'string' },
        'dry-run': { type: 'boolean' },
        restart: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new ExitError(2, `${error instanceof Error ? error.message : 'Arguments cannot be read'}\n\n${usage}`)
  }
  const { values, positionals } = parsed
  if (values.help === true) throw new ExitError(0, usage)
  const faults: string[] = []
  const kind = itemKinds.find(known => known === values.kind)
  if (kind === undefined) faults.push(`--kind must be one of ${itemKinds.join(', ')}`)
  if (values.map === undefined) faults.push('--map must name a mapping file')
  if (positionals.length !== 1) faults.push('exactly one CSV file must be named')
  const name = values.encoding?.toLowerCase()
  const encoding = encodings.find(known => known === (encodingAliases[name ?? ''] ?? name))
  if (name !== undefined && encoding === undefined) faults.push(`--encoding must be one of ${encodings.join(', ')}`)
  const [file] = positionals
  if (faults.length > 0 || kind === undefined || values.map === undefined || file === undefined) {
    throw new ExitError(2, `${faults.join('\n')}\n\n${usage}`)
  }
  return {
    kind,
    map: values.map,
    file,
    dryRun: values['dry-run'] === true,
    restart: values.restart === true,
    ...(encoding === undefined ? {} : { encoding }),
    ...(values.brand === undefined ? {} : { brand: values.brand }),
  }
}

/** GB18030 contains the other two, byte for byte. */
const encodingAliases: Record<string, Encoding> = { utf8: 'utf-8', gbk: 'gb18030', gb2312: 'gb18030' }

async function main(argv: readonly string[]): Promise<number> {
  const options = readArguments(argv)
  const mapping = readMapping(await readNamed(options.map), options.kind)
  await access(options.file).catch((error: Error) => {
    throw new ExitError(2, `${options.file} cannot be read: ${error.message}`)
  })
  const target = await openImportTarget(options.brand)
  const interrupt = new AbortController()
  const onSignal = () => interrupt.abort()
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  const progress = createProgressLine(process.stderr)
  const log = options.dryRun ? null : await target.openRunLog(mapping.kind, options.file)
  try {
    const result = await runImport({
      file: options.file,
      mapping,
      zone: target.zone,
      target: target.name,
      ingest: target.ingest,
      validate: target.validate,
      dryRun: options.dryRun,
      restart: options.restart,
      signal: interrupt.signal,
      onProgress: done => {
        progress.show(done)
        log?.note(done)
      },
      ...(options.encoding === undefined ? {} : { encoding: options.encoding }),
      ...(options.dryRun ? { onReject: errors => process.stdout.write(errors.map(describeLineError).join('')) } : {}),
    })
    progress.end()
    await log?.end(result.isComplete ? 'done' : 'interrupted')
    process.stdout.write(describeResult(result, options))
    return result.isComplete && result.counts.rejected === 0 ? 0 : 1
  } catch (error) {
    await log?.end('failed')
    throw error
  } finally {
    progress.end()
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
    await target.close()
  }
}

async function readNamed(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new ExitError(2, `${path} cannot be read: ${error instanceof Error ? error.message : 'unknown reason'}`)
  }
}

function describeLineError({ line, field, code, message }: LineError): string {
  return `line ${line}: ${field === undefined ? '' : `${field}: `}${message} (${code})\n`
}

export function describeResult(result: ImportResult, options: ImportArguments): string {
  const { counts } = result
  const taken = counts.created + counts.updated + counts.unchanged
  const lines = [
    options.dryRun
      ? `Dry run, nothing written: ${taken} ${options.kind} would be taken, ${counts.rejected} would not`
      : `${taken} ${options.kind} taken (${counts.created} new, ${counts.updated} changed, ${counts.unchanged} as they were), ${counts.rejected} refused`,
  ]
  if (result.resumedAfterLine !== undefined)
    lines.push(`Gone on after line ${result.resumedAfterLine}, where an earlier run ended`)
  if (result.rejectsFile !== undefined) {
    lines.push(
      `${counts.rejectedLines} lines with their reasons: ${result.rejectsFile}; correct them and import that file`,
    )
  }
  if (!result.isComplete) lines.push('Interrupted; the same command goes on from here')
  return `${lines.join('\n')}\n`
}

/** A bar on a terminal; in a log, a line every few seconds. */
function createProgressLine(stream: NodeJS.WriteStream): { show(progress: ImportProgress): void; end(): void } {
  const everyMs = stream.isTTY ? 100 : 5000
  let shownAtMs = stream.isTTY ? 0 : Date.now()
  let isOpen = false
  return {
    show({ line, bytesRead, bytesTotal, counts }) {
      if (Date.now() - shownAtMs < everyMs) return
      shownAtMs = Date.now()
      const share = bytesTotal === 0 ? 1 : bytesRead / bytesTotal
      const text = `${Math.floor(share * 100)} %, line ${line}, ${counts.rejected} refused`
      if (!stream.isTTY) stream.write(`${text}\n`)
      else stream.write(`\r[${'#'.repeat(Math.round(share * 30)).padEnd(30, '.')}] ${text}\x1b[K`)
      isOpen = stream.isTTY
    },
    end() {
      if (isOpen) stream.write('\r\x1b[K')
      isOpen = false
    },
  }
}

function exitOf(error: unknown): { code: number; message: string } {
  if (error instanceof ExitError) return { code: error.exitCode, message: error.message }
  if (error instanceof MappingError) return { code: 2, message: `The mapping does not do:\n${error.message}` }
  if (error instanceof ImportFailure) return { code: 1, message: error.message }
  const reason = error instanceof Error ? error.message : 'unknown reason'
  return { code: 1, message: `The import ended: ${reason}\nWhat was taken stays; the same command goes on from there` }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    process.exitCode = await main(process.argv.slice(2))
  } catch (error) {
    const { code, message } = exitOf(error)
    ;(code === 0 ? process.stdout : process.stderr).write(`${message}\n`)
    process.exitCode = code
  }
}
