/** `npm run chaos`: kills the service and its database while many write, and says whether what was promised holds. */
import { parseArgs } from 'node:util'
import { bundleService } from '../support/service-process.ts'
import { runChaos, showTable } from './chaos.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Date.now() / 1000) % 1_000_000) },
    'service-kills': { type: 'string', default: '200' },
    'database-kills': { type: 'string', default: '50' },
  },
})
const whole = (name: keyof typeof values) => {
  const value = Number(values[name])
  if (Number.isSafeInteger(value) && value >= 0) return value
  process.stderr.write(`--${name} must be a whole number of 0 or more\n`)
  process.exit(2)
}
const { table, faults } = await runChaos({
  seed: whole('seed'),
  serviceKills: whole('service-kills'),
  databaseKills: whole('database-kills'),
  bundle: await bundleService('chaos'),
  log: line => process.stderr.write(`${line}\n`),
})
process.stdout.write(showTable(table))
const SHOWN = 50
for (const fault of faults.slice(0, SHOWN)) process.stdout.write(`${fault.slice(0, 1000)}\n`)
if (faults.length > SHOWN) process.stdout.write(`and ${faults.length - SHOWN} more; ${faults.at(-1)}\n`)
process.stdout.write(faults.length === 0 ? 'everything holds\n' : 'something does not hold\n')
process.exitCode = faults.length === 0 ? 0 : 1
