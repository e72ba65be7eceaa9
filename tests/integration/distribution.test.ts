import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPool, type Pool } from '../../server/database.ts'
import { planDistribution, selectTables } from '../../server/distribution.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

/** What Citus asks of tables and statements that are spread by brand; there is no Citus here to ask. */

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

let database: TestDatabase
let owner: Pool
beforeAll(async () => {
  database = await createTestDatabase()
  owner = openPool(database.url, { max: 2, asOwner: true })
})
afterAll(async () => {
  await owner.end()
  await database.drop()
})

describe('tables', () => {
  test('every one can be spread, or is one of those that brands share', async () => {
    const tables = await selectTables(owner, { hasCitus: false })
    expect(tables.length).toBeGreaterThan(80)
    const byBrand = planDistribution(tables).filter(step => step.statement.includes('create_distributed_table'))
    expect(new Set(tables.filter(table => !table.isKeptByBrand).map(table => table.name))).toEqual(
      new Set(['brands', 'link_codes', 'rate_counts']),
    )
    expect(byBrand[0]!.table).toBe('orders') // the others are laid beside it
    expect(byBrand).toHaveLength(tables.length - 3)
  })

  test('one whose key does not hold the brand is refused by name', () => {
    const table = { name: 'strays', isKeptByBrand: false, isDistributed: false }
    expect(() => planDistribution([table])).toThrow(/strays/)
  })

  test('what is distributed stays as it is', () => {
    const table = { name: 'orders', isKeptByBrand: true, isDistributed: true }
    expect(planDistribution([table])).toEqual([])
  })

  test('none has a trigger, a foreign key or a sequence', async () => {
    const [found] = await owner<{ triggers: number; foreignKeys: number; sequences: number }[]>`
      SELECT (SELECT count(*)::int FROM pg_trigger WHERE NOT tgisinternal) AS triggers,
        (SELECT count(*)::int FROM pg_constraint WHERE contype = 'f') AS "foreignKeys",
        (SELECT count(*)::int FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
          WHERE c.relkind = 'S' AND n.nspname = 'public') AS sequences`
    expect(found).toEqual({ triggers: 0, foreignKeys: 0, sequences: 0 })
  })
})

describe('statements', () => {
  const files = readdirSync(join(ROOT, 'server'), { recursive: true, encoding: 'utf8' }).filter(
    name => name.endsWith('.ts') && !name.startsWith('embedded-postgres'),
  )
  const statements = files.flatMap(name => statementsOf(join(ROOT, 'server', name)).map(text => ({ name, text })))

  test('what locks rows names their brand', () => {
    const locking = statements.filter(({ text }) => /\bFOR (NO KEY )?(UPDATE|SHARE)\b/.test(text))
    expect(locking.length).toBeGreaterThan(30)
    expect(locking.filter(({ text }) => !/\bbrand_id = (\$\{|\w+\.brand_id)/.test(text))).toEqual([])
  })

  test('none is two', () => {
    const sql = statements.filter(({ text }) => /^\W*(WITH|SELECT|INSERT|UPDATE|DELETE)\b/.test(text))
    expect(sql.length).toBeGreaterThan(400)
    expect(sql.filter(({ text }) => /;\s*\S/.test(text.replace(/'[^']*'/g, '')))).toEqual([])
  })

  /** Every template that stands in no other one, as it is written. */
  function statementsOf(path: string): string[] {
    const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest)
    const found: string[] = []
    const visit = (node: ts.Node): void => {
      if (ts.isTemplateExpression(node) || ts.isNoSubstitutionTemplateLiteral(node)) {
        found.push(node.getText(source).slice(1, -1))
        return
      }
      node.forEachChild(visit)
    }
    visit(source)
    return found
  }
})

describe('npm run db:distribute', () => {
  const run = (...args: string[]) =>
    promisify(execFile)(
      process.execPath,
      ['--import', './server/cli/typescript.mjs', 'server/cli/distribute.ts', ...args],
      {
        cwd: ROOT,
        env: {
          PATH: process.env['PATH'],
          DATABASE_URL: database.url,
          DATA_KEY: Buffer.alloc(32, 7).toString('base64'),
          SESSION_SECRET: 'a secret for tests that is long enough',
        },
      },
    ).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error: { code: number; stdout: string; stderr: string }) => error,
    )

  test('says what it would do, and refuses where there is no Citus', async () => {
    const [plan, refused] = await Promise.all([run('--dry-run'), run()])
    expect(plan.code).toBe(0)
    expect(plan.stdout).toContain("SELECT create_reference_table('public.brands');")
    expect(plan.stdout).toContain("create_distributed_table('public.ledger_rows', 'brand_id'")
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(/^Nothing was changed: this database has no extension citus\./)
  }, 30_000)
})
