/**
 * `npm run restore`: makes a new DATA_DIR out of a backup and the archived write-ahead log, up to a point in time.
 * docs/backup.md says what to do before and after.
 */
import { EmbeddedPostgresError, freePort } from '../embedded-postgres.ts'
import { restoreBackup } from '../embedded-postgres/restore.ts'
import { parseInstant, type Instant } from '../lib/time.ts'
import { readPlaces } from '../settings.ts'
import { readArguments, runCommand, say, wrongArguments } from './command.ts'

const usage = `npm run restore -- --from DIR [--archive DIR] [--to-time INSTANT]

  --from      a backup, or a folder of them: then the newest that is older than the point in time
  --archive   where the write-ahead log was archived; WAL_ARCHIVE_DIR unless said
  --to-time   what was committed until then is there, and nothing later; RFC 3339 with offset, such as
              2026-03-01T12:00:00+08:00. Without it: all that was archived

Into DATA_DIR, which must be missing or empty: nothing is ever restored over something.
Exit code 0: restored. 1: failed, and nothing is left of it. 2: wrong arguments.
`

await runCommand(async argv => {
  const { values } = readArguments(argv, usage, {
    options: { from: { type: 'string' }, archive: { type: 'string' }, 'to-time': { type: 'string' } },
  })
  if (values.from === undefined) throw wrongArguments('Say --from', usage)
  const { dataDir, walArchiveDir } = readPlaces()
  const toTime = readInstant(values['to-time'])
  try {
    const { backup, lastCommitAt } = await restoreBackup({
      from: values.from,
      dataDir,
      archive: values.archive ?? walArchiveDir,
      toTime,
      port: freePort,
      log: say,
    })
    say(`restored ${backup} into ${dataDir}`)
    process.stdout.write(`${lastCommitAt ?? 'nothing was committed after the backup'}\n`)
    say('Next: npm run audit, npm start, and a new backup: the restored history begins a new one.')
    return 0
  } catch (error) {
    const isTooLate =
      error instanceof EmbeddedPostgresError && /recovery target was(?: not)? reached/.test(error.message)
    if (isTooLate) say('The archive ends before that point in time: restore without --to-time, or to an earlier one.')
    throw error
  }
})

function readInstant(text: string | undefined): Instant | null {
  if (text === undefined) return null
  const instant = parseInstant(text)
  if (instant === null) throw wrongArguments(`--to-time must be an instant with its offset; ${text} is none`, usage)
  return instant
}
