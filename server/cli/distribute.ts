/**
 * `npm run db:distribute`: spreads the tables over the servers of a Citus cluster, by brand. Done once; what is distributed
 * already stays as it is.
 */
import { openPool } from '../database.ts'
import { planDistribution, selectCitusVersion, selectIsCitusInstalled, selectTables } from '../distribution.ts'
import { ExitError } from '../errors.ts'
import { readSettings } from '../settings.ts'
import { readArguments, runCommand, withData } from './command.ts'

const usage = `npm run db:distribute [-- --dry-run]

  --dry-run   prints what would be done, also where there is no Citus

Needs a coordinator of Citus 12 or later in DATABASE_URL, with its workers added (citus_add_node), and the tables' owner,
in MIGRATION_DATABASE_URL where DATABASE_URL names another. Nobody else may work on the database meanwhile. A run that was
ended goes on where it was when it is begun again.
`

await runCommand(async argv => {
  const { values } = readArguments(argv, usage, { options: { 'dry-run': { type: 'boolean', default: false } } })
  return await withData(async ({ databaseUrl, signal }) => {
    const settings = readSettings()
    const owner = openPool(settings.migrationDatabaseUrl ?? databaseUrl, {
      max: 1,
      asOwner: true,
      statementTimeoutMs: 0,
    })
    try {
      const version = await selectCitusVersion(owner)
      const steps = planDistribution(await selectTables(owner, { hasCitus: version !== null }))
      if (values['dry-run']) {
        for (const { statement } of steps) process.stdout.write(`${statement};\n`)
        return 0
      }
      if (version === null) throw new ExitError(1, await refusal(owner, settings.databaseUrl))
      for (const [i, { table, statement }] of steps.entries()) {
        if (signal.aborted) throw new ExitError(1, `Ended early: ${steps.length - i} tables are left.`)
        process.stdout.write(`${i + 1} of ${steps.length}: ${table}\n`)
        await owner.unsafe(statement)
      }
      process.stdout.write(`Citus ${version}: ${steps.length} tables were distributed.\n`)
      return 0
    } finally {
      await owner.end({ timeout: 5 })
    }
  })
})

async function refusal(owner: Parameters<typeof selectIsCitusInstalled>[0], databaseUrl: string): Promise<string> {
  const nothing = 'Nothing was changed: this database has no extension citus.'
  if (databaseUrl === 'embedded') return `${nothing} The embedded server cannot have it; name a Citus coordinator.`
  return (await selectIsCitusInstalled(owner))
    ? `${nothing} It is installed: run CREATE EXTENSION citus in it, and add the workers with citus_add_node.`
    : `${nothing} Install Citus on this server and its workers, or name a coordinator in DATABASE_URL.`
}
