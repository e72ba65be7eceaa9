/**
 * Imports a CSV file: rows to items by a mapping, items to the ingest in batches, refused lines to a file beside it.
 * Knows neither HTTP nor database; both are behind `ingest`.
 */
import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { createAssembler, withCompanions, type SourceRow, type Unit } from './assemble.ts'
import { createCsvReader, type CsvRead } from './csv.ts'
import { readText, surveyFile, type Encoding } from './encoding.ts'
import { createLanes, type Lanes } from './lanes.ts'
import { compileMapping, type CompiledMapping } from './compile.ts'
import { MappingError } from './mapping.ts'
import { hasRejects, isRejectsHeader, openRejects, unguardCell, type RejectsWriter } from './rejects.ts'
import { createStateFile, type ImportCounts, type ImportStateStore } from './state.ts'
import type { Item, ItemKind, LineError, Mapping } from './schema.ts'
import type { ItemError, ItemResult } from '../../lib/items.ts'

export { MappingError, readMapping } from './mapping.ts'
export { createAssembler, type Unit } from './assemble.ts'
export { compileMapping } from './compile.ts'
export { createCsvReader } from './csv.ts'
export { decodeBytes, encodings, type Encoding } from './encoding.ts'
export { itemKinds, type Item, type ItemKind, type LineError, type Mapping } from './schema.ts'
export type { ImportCounts } from './state.ts'

export type ImportProgress = {
  /** The last line dealt with. */
  line: number
  bytesRead: number
  bytesTotal: number
  counts: ImportCounts
}

export type ImportOptions = {
  file: string
  /** As {@link readMapping} checked it. */
  mapping: Mapping
  /** IANA zone of dates without offset, that of the brand. */
  zone: string
  /** Takes 1 to 1000 items and answers for each, in the same order. What it throws ends the import, which can go on later. */
  ingest: (kind: ItemKind, items: Item[]) => Promise<ItemResult[]>
  /** For a dry run: what the ingest would refuse an item for, so far as that shows without a database. */
  validate?: (kind: ItemKind, item: Item) => ItemError | undefined
  /** Writes nothing anywhere: neither items nor rejects file nor state. `created` counts what would be taken. */
  dryRun?: boolean
  /** Takes no notice of how far an earlier run came. */
  restart?: boolean
  /** Goes before what the mapping says and what the bytes look like. */
  encoding?: Encoding
  /** Which brand of which database: an import that was interrupted there must not be gone on with elsewhere. */
  target?: string
  state?: ImportStateStore
  /** Ends the import after the batches under way; it can go on later. */
  signal?: AbortSignal
  /** Smaller batches than the kind's, for tests. */
  batchSize?: number
  onProgress?: (progress: ImportProgress) => void
  onReject?: (errors: readonly LineError[]) => void
}

export type ImportResult = {
  counts: ImportCounts
  encoding: Encoding
  /** False where `signal` ended it before its end. */
  isComplete: boolean
  /** The line after which it went on; undefined where it began at the start. */
  resumedAfterLine: number | undefined
  /** Undefined where every line was taken, and in a dry run. */
  rejectsFile: string | undefined
}

/**
 * Imports one file, and says what became of its lines.
 *
 * Safe to run again at any time, whole or after a kill: what was taken before is answered `unchanged`.
 *
 * @throws MappingError where mapping and file do not fit; nothing was taken then
 * @throws ImportFailure where the file cannot be read on; what was taken before stays taken
 */
export async function runImport(options: ImportOptions): Promise<ImportResult> {
  const { file, mapping, dryRun = false } = options
  const { size, mtimeMs } = await stat(file)
  const survey = await surveyFile(file, options.encoding ?? mapping.encoding)
  const store = options.state ?? createStateFile(`${file}.import-state.json`)
  const fingerprint = fingerprintOf([
    survey.digest,
    survey.encoding,
    JSON.stringify(mapping),
    options.zone,
    options.target ?? '',
  ])
  const earlier = dryRun || options.restart === true ? undefined : await store.read()
  const rejectsFile = `${file}.rejects.csv`
  const canResume = earlier?.fingerprint === fingerprint && (await hasRejects(rejectsFile, earlier.rejectsBytes))
  const resumed = canResume ? earlier : undefined
  const counts = resumed?.counts ?? { created: 0, updated: 0, unchanged: 0, rejected: 0, rejectedLines: 0 }

  let rejects: RejectsWriter | undefined
  let bytesRead = 0
  let isComplete = true
  let line = resumed?.linesDone ?? 0
  const report = () => options.onProgress?.({ line, bytesRead, bytesTotal: survey.bytes, counts: { ...counts } })

  const lanes = createLanes(mapping.kind)
  const underWay: { batch: Batch; taken: Promise<Taken> }[] = []
  /** Waits for the oldest batch under way, and writes down what became of it. */
  const settleOldest = async () => {
    const { batch, taken } = underWay.shift()!
    const { compiled, units, lastLine } = batch
    rejects ??= dryRun
      ? undefined
      : await openRejects({
          path: rejectsFile,
          header: compiled.columns,
          delimiter: mapping.delimiter ?? ',',
          keepBytes: resumed?.rejectsBytes ?? 0,
        })
    const { errorsOf, statuses } = await taken
    for (const status of statuses) counts[status] += 1
    for (const unit of units) {
      const errors = errorsOf.get(unit)
      if (errors === undefined) continue
      counts.rejected += 1
      counts.rejectedLines += unit.rows.length
      await rejects?.write(unit.rows, errors)
      options.onReject?.(errors)
    }
    if (lastLine > 0) line = lastLine
    if (rejects !== undefined && lastLine > 0) {
      const rejectsBytes = await rejects.flush()
      await store.write({ fingerprint, linesDone: lastLine, rejectsBytes, counts })
    }
    report()
  }

  const pieces = readText(file, survey.encoding, bytes => (bytesRead = bytes))
  const batches = readBatches({
    pieces,
    mapping,
    zone: options.zone,
    batchSize: options.batchSize ?? lanes.batchSize,
    linesDone: resumed?.linesDone ?? 0,
  })
  try {
    for await (const batch of batches) {
      const taken = takeUnits(batch.units, { ...options, dryRun, lanes })
      taken.catch(() => {}) // told when its turn comes
      underWay.push({ batch, taken })
      while (underWay.length >= lanes.batchesUnderWay) await settleOldest()
      if (options.signal?.aborted === true) {
        isComplete = false
        break
      }
    }
    while (underWay.length > 0) await settleOldest()
  } catch (error) {
    if (error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      throw new ImportFailure(`after line ${line} the file is not ${survey.encoding}; name its encoding`, {
        cause: error,
      })
    }
    throw error
  } finally {
    await Promise.allSettled(underWay.map(({ taken }) => taken))
    await rejects?.close()
  }
  const after = await stat(file)
  if (after.size !== size || after.mtimeMs !== mtimeMs) {
    throw new ImportFailure('the file was changed while it was read; import it again')
  }
  if (isComplete && !dryRun) await store.remove()
  return {
    counts,
    encoding: survey.encoding,
    isComplete,
    resumedAfterLine: resumed?.linesDone,
    rejectsFile: counts.rejectedLines > 0 && !dryRun ? rejectsFile : undefined,
  }
}

/** The file itself cannot be read on: nothing that a mapping or a corrected line would change. */
export class ImportFailure extends Error {
  override readonly name = 'ImportFailure'
}

export type Batch = {
  compiled: CompiledMapping
  units: Unit[]
  /** The last line of the file that these units, and all before them, cover; 0 for an empty batch at the start. */
  lastLine: number
}

/**
 * Text in, batches of whole items out, none with more than `batchSize` items and none with many more errors. How the
 * text is cut into pieces changes nothing. The first batch comes as soon as the header is read, and is empty, so that
 * a header that does not fit is told before anything is taken.
 *
 * @throws MappingError where the file has no header, or one that does not fit the mapping
 */
export async function* readBatches(options: {
  pieces: AsyncIterable<string> | Iterable<string>
  mapping: Mapping
  zone: string
  batchSize: number
  /** Units that end on this line or before it are passed over. */
  linesDone?: number
}): AsyncGenerator<Batch> {
  const { mapping, zone, batchSize, linesDone = 0 } = options
  const reader = createCsvReader(mapping.delimiter ?? ',')
  let compiled: CompiledMapping | undefined
  let assembler: ReturnType<typeof createAssembler> | undefined
  let isRejectsFile = false
  let waiting: Unit[] = []

  function* take(reads: readonly CsvRead[]): Generator<Batch> {
    for (const read of reads) {
      if (compiled === undefined || assembler === undefined) {
        if ('code' in read) throw new MappingError([{ path: 'header', message: `line ${read.line} cannot be read` }])
        isRejectsFile = isRejectsHeader(read.cells)
        compiled = compileMapping(mapping, isRejectsFile ? read.cells.map(unguardCell) : read.cells, zone)
        assembler = createAssembler(compiled)
        yield { compiled, units: [], lastLine: 0 }
        continue
      }
      const row = isRejectsFile && 'cells' in read ? { line: read.line, cells: read.cells.map(unguardCell) } : read
      yield* gather(compiled, assembler.push(row))
    }
  }

  function* gather(mappingOfFile: CompiledMapping, units: readonly Unit[]): Generator<Batch> {
    for (const unit of units) {
      if (lastLineOf([unit]) <= linesDone) continue
      waiting.push(unit)
      if (waiting.length < batchSize) continue
      yield { compiled: mappingOfFile, units: waiting, lastLine: lastLineOf(waiting) }
      waiting = []
    }
  }

  for await (const piece of options.pieces) yield* take(reader.push(piece))
  yield* take(reader.end())
  if (compiled === undefined || assembler === undefined) {
    throw new MappingError([{ path: 'header', message: 'the file is empty' }])
  }
  yield* gather(compiled, assembler.end())
  if (waiting.length > 0) yield { compiled, units: waiting, lastLine: lastLineOf(waiting) }
}

function lastLineOf(units: readonly Unit[]): number {
  return units.at(-1)?.rows.reduce((last, row) => Math.max(last, row.line), 0) ?? 0
}

/** What became of a batch: the errors of the units that were not taken, and how each of the others was. */
type Taken = { errorsOf: Map<Unit, readonly LineError[]>; statuses: Exclude<ItemResult['status'], 'rejected'>[] }

/** Sends the units that became items. */
async function takeUnits(
  units: readonly Unit[],
  options: ImportOptions & { dryRun: boolean; lanes: Lanes },
): Promise<Taken> {
  const { kind } = options.mapping
  const errorsOf: Taken['errorsOf'] = new Map()
  const statuses: Taken['statuses'] = []
  const sent: { unit: Unit; item: Item }[] = []
  for (const unit of units) {
    if (unit.item === undefined) errorsOf.set(unit, unit.errors)
    else sent.push({ unit, item: unit.item })
  }
  const items = sent.map(({ item }) => item)
  const results = options.dryRun
    ? items.map(item => resultOfValidation(options.validate?.(kind, item)))
    : items.length === 0
      ? []
      : await options.lanes.take(items, some => options.ingest(kind, some))
  if (results.length !== items.length) throw new Error(`the ingest answered ${results.length} of ${items.length} items`)
  for (const [i, { unit }] of sent.entries()) {
    const { status, error } = results[i]!
    if (status !== 'rejected') statuses.push(status)
    else errorsOf.set(unit, errorsOfRejection(unit.rows, error ?? { code: 'rejected', message: 'without a reason' }))
  }
  return { errorsOf, statuses }
}

function resultOfValidation(error: ItemError | undefined): Omit<ItemResult, 'key'> {
  return error === undefined ? { status: 'created' } : { status: 'rejected', error }
}

/** An item's error stands at the row that its field names (`lines.2.sku` or `/lines/2/sku`), else at its first. */
function errorsOfRejection(rows: readonly SourceRow[], error: ItemError): LineError[] {
  const index = Number(/^[/.]?lines[./[](\d+)/.exec(error.field ?? '')?.[1] ?? 0)
  const line = (rows[index] ?? rows[0])?.line ?? 0
  return withCompanions(rows, [{ ...error, line }])
}

function fingerprintOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
