import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { inject } from 'vitest'

declare module 'vitest' {
  interface ProvidedContext {
    /** The tests' server, to its database `postgres`, as a role that may create databases. */
    postgresUrl: string
  }
}

/** Made once per run by global-setup.ts, with all migrations. */
export const templateDatabase = 'daogou_template'

/**
 * Tests sort by a Chinese collation and not by bytes, as a customer's server may: code that leans on the order of
 * strings, for paging say, must state its collation or fail here.
 */
export const testLocale = "LOCALE_PROVIDER icu ICU_LOCALE 'zh-Hans'"

export interface TestDatabase {
  name: string
  url: string
  drop(): Promise<void>
}

export interface TestDatabaseOptions {
  /** The database to copy; the migrated one unless told. */
  template?: string
  /** The locale clauses of CREATE DATABASE. A copy cannot change its locale, so this begins from an empty database. */
  locale?: string
  /** The server to make it on; the run's own unless told. */
  serverUrl?: string
}

/** A database for one test file, of a name that nobody else has; parallel files do not see each other. */
export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const { locale, serverUrl = inject('postgresUrl') } = options
  const template = options.template ?? (locale === undefined ? templateDatabase : 'template0')
  const name = `daogou_test_${randomBytes(6).toString('hex')}`
  await runAsAdmin(serverUrl, `CREATE DATABASE ${name} TEMPLATE ${template} ${locale ?? ''}`)
  return {
    name,
    url: databaseUrl(serverUrl, name),
    drop: () => runAsAdmin(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  }
}

/** The same server, another database. */
export function databaseUrl(serverUrl: string, name: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}

/** Statements that cannot be in a transaction, one by one. */
export async function runAsAdmin(serverUrl: string, ...statements: string[]): Promise<void> {
  const sql = postgres(serverUrl, { max: 1, onnotice: () => undefined })
  try {
    for (const statement of statements) await sql.unsafe(statement)
  } finally {
    await sql.end()
  }
}
