import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startEmbeddedPostgres } from '../../server/embedded-postgres.ts'
import { databaseUrl, runAsAdmin, templateDatabase, testLocale } from './postgres.ts'

/**
 * One server for the whole run. TEST_DATABASE_URL names another one instead, to its database `postgres`: that is how
 * the tests run on PostgreSQL 15.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['TEST_DATABASE_URL']
  const server = given === undefined ? await startTestServer() : { url: given, stop: () => Promise.resolve() }
  try {
    await createTemplate(server.url)
  } catch (error) {
    await server.stop()
    throw error
  }
  project.provide('postgresUrl', server.url)
  return server.stop
}

/** Not durable, therefore quick; its data goes with it. */
async function startTestServer(): Promise<{ url: string; stop: () => Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'daogou-tests-'))
  await chmod(dataDir, 0o711) // as root, the server runs as another user
  const settings = { fsync: 'off', full_page_writes: 'off' }
  const server = await startEmbeddedPostgres({ dataDir, settings })
  const stop = async (): Promise<void> => {
    await server.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
  return { url: server.adminUrl, stop }
}

/** Migrated once, copied by every test file. Closed afterwards: a database that somebody is in cannot be copied. */
async function createTemplate(serverUrl: string): Promise<void> {
  await runAsAdmin(
    serverUrl,
    `DROP DATABASE IF EXISTS ${templateDatabase} WITH (FORCE)`,
    `CREATE DATABASE ${templateDatabase} TEMPLATE template0 ENCODING 'UTF8' ${testLocale}`,
  )
  const { migrateDatabase } = await import('../../server/database.ts')
  await migrateDatabase(databaseUrl(serverUrl, templateDatabase))
  await runAsAdmin(serverUrl, `ALTER DATABASE ${templateDatabase} ALLOW_CONNECTIONS false`)
}
