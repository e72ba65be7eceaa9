/** `npm run db:migrate`: brings the schema up to date, also where the service is told not to (`MIGRATE=false`). */
import { openData } from '../open.ts'
import { readSettings } from '../settings.ts'
import { readArguments, runCommand, say } from './command.ts'

const usage = `npm run db:migrate

Migrates the database that MIGRATION_DATABASE_URL names, else DATABASE_URL. Safe while services run, and more than once.
`

await runCommand(async argv => {
  readArguments(argv, usage, {})
  const settings = { ...readSettings(), migrate: true }
  const data = await openData(settings, { shareEmbedded: true, poolSize: 1, log: say })
  await data.close()
  say('The schema is up to date.')
  return 0
})
