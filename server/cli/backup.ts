/**
 * `npm run backup`: copies the embedded database, its password and its kept keys while the service works, verifies the
 * copy, and then removes the oldest ones. docs/backup.md has the rest.
 */
import { join } from 'node:path'
import { findRunningEmbeddedPostgres, startEmbeddedPostgres } from '../embedded-postgres.ts'
import { makeBackup } from '../embedded-postgres/backup.ts'
import { listBackups, readManifest, verifyBackup } from '../embedded-postgres/manifest.ts'
import { ExitError } from '../errors.ts'
import { readSettings } from '../settings.ts'
import { readArguments, runCommand, say, wrongArguments } from './command.ts'

const usage = `npm run backup -- --to DIR [--keep N]
npm run backup -- --verify DIR

  --to       the folder of the backups; each is a folder in it, named after when it was made
  --keep     how many are left there, the new one among them; 7 unless said
  --verify   reads a backup, or each one in a folder, and holds it against its manifest; makes none

Wants DATABASE_URL=embedded. The path of the new backup goes to standard output.
Exit code 0: made and verified, or whole. 1: failed, or damaged. 2: wrong arguments or settings.
`

await runCommand(async argv => {
  const { values } = readArguments(argv, usage, {
    options: { to: { type: 'string' }, keep: { type: 'string' }, verify: { type: 'string' } },
  })
  if ((values.to === undefined) === (values.verify === undefined)) {
    throw wrongArguments('Say either --to or --verify', usage)
  }
  if (values.verify !== undefined) return await verify(values.verify)
  if (values.keep !== undefined && !/^[1-9]\d{0,3}$/.test(values.keep)) {
    throw wrongArguments('--keep must be a whole number from 1 to 9999', usage)
  }
  return await backUp(values.to!, Number(values.keep ?? 7))
})

async function backUp(to: string, keep: number): Promise<number> {
  const { databaseUrl, dataDir, walArchiveDir: archive } = readSettings()
  if (databaseUrl !== 'embedded') {
    throw new ExitError(2, 'This is for DATABASE_URL=embedded. For a PostgreSQL of your own see docs/backup.md.')
  }
  const running = await findRunningEmbeddedPostgres(dataDir, 'postgres')
  const started = running ? null : await startEmbeddedPostgres({ dataDir, log: say, archive })
  try {
    const { path, manifest, removed } = await makeBackup({
      dataDir,
      url: running?.url ?? started!.adminUrl,
      to,
      keep,
      archive,
      log: say,
    })
    const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0)
    say(`${manifest.files.length} files, ${Math.ceil(bytes / 1024 / 1024)} MB, verified; ended at ${manifest.endedAt}`)
    if (removed.backups > 0)
      say(`removed ${removed.backups} older ones, and ${removed.pieces} archived pieces of the log`)
    process.stdout.write(`${path}\n`)
    return 0
  } finally {
    await started?.stop()
  }
}

async function verify(folder: string): Promise<number> {
  const own = await readManifest(folder)
  const all = own ? [{ path: folder, manifest: own }] : await listBackups(folder)
  if (all.length === 0) throw new ExitError(1, `There is no finished backup in ${folder}.`)
  let exitCode = 0
  for (const { path, manifest } of all) {
    try {
      await verifyBackup(path, manifest)
      process.stdout.write(`${join(path)}: whole\n`)
    } catch (error) {
      exitCode = 1
      process.stdout.write(`${(error as Error).message}\n`)
    }
  }
  return exitCode
}
