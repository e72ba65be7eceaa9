/** `npm run doctor`: looks at settings, database, WeCom and mini-program step by step, and says what to do. */
import { Registry } from 'prom-client'
import { openPool } from '../database.ts'
import { ExitError } from '../errors.ts'
import { openBrands, type Brand } from '../features/brands/service.ts'
import { examineBrand, examineDatabase, findingLines, type Finding } from '../features/doctor/service.ts'
import { buildWecomMeter } from '../features/wecom/service.ts'
import { createVault, type Vault } from '../lib/vault.ts'
import { readSettings, type Settings } from '../settings.ts'
import { readArguments, runCommand, wrongArguments } from './command.ts'
import { findDatabase } from './import-target.ts'

const usage = `npm run doctor [-- --brand SLUG]

  --brand   one brand alone; all of them unless said

✓ is well, ✗ has something to do (→ says what), – was not looked at or will show in time. Changes nothing.
Exit code 0: all is well. 1: there is something to do.
`

await runCommand(async argv => {
  const { values } = readArguments(argv, usage, { options: { brand: { type: 'string' } } })
  let isWell = true
  const show = (finding: Finding) => {
    if (finding.status === 'bad') isWell = false
    process.stdout.write(findingLines(finding))
  }
  let settings: Settings
  try {
    settings = readSettings()
  } catch (error) {
    if (!(error instanceof ExitError)) throw error
    show({
      step: 'settings',
      status: 'bad',
      found: error.message,
      next: 'Set them as docs/operations.md and .env.example say.',
    })
    return 1
  }
  show({ step: 'settings', status: 'good', found: 'The settings are valid, DATA_KEY and SESSION_SECRET among them.' })

  const database = await findDatabase(settings)
  const pool = openPool(database.url, { max: 2 })
  try {
    for await (const finding of examineDatabase({ url: database.url, settings, now: Date.now })) show(finding)
    const vault = createVault({ dataKey: settings.dataKey, formerKeys: settings.formerDataKeys })
    for (const brand of await brandsOf(pool, { settings, vault, slug: values.brand, show })) {
      process.stdout.write(`\nBrand ${brand.slug}\n`)
      for await (const finding of examineBrand({ pool, vault, settings, brand, now: Date.now })) show(finding)
    }
  } finally {
    await pool.end({ timeout: 1 })
    await database.stop()
  }
  process.stdout.write(isWell ? '\nAll is well.\n' : '\nThere is something to do: see ✗ above.\n')
  return isWell ? 0 : 1
})

async function brandsOf(
  pool: ReturnType<typeof openPool>,
  options: { settings: Settings; vault: Vault; slug: string | undefined; show: (finding: Finding) => void },
): Promise<readonly Brand[]> {
  const { settings, vault, slug, show } = options
  const brands = await openBrands({
    pool,
    vault,
    settings,
    meter: buildWecomMeter(new Registry()),
    now: Date.now,
    onError: error => {
      show({
        step: 'brands',
        status: 'bad',
        found: `The brands could not be read: ${error instanceof Error ? error.message : String(error)}`,
        next: 'See what is said of the database above; secrets of brands open with the DATA_KEY that they were made with.',
      })
    },
  })
  await brands.close()
  const chosen = slug === undefined ? brands.all() : brands.all().filter(brand => brand.slug === slug)
  if (chosen.length === 0) {
    throw wrongArguments(
      `There is no brand ${slug}; there are: ${brands
        .all()
        .map(each => each.slug)
        .join(', ')}`,
      usage,
    )
  }
  return chosen
}
