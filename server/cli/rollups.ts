/**
 * `npm run rollups:rebuild`: makes everything that is summed ahead anew from evidence, holds it against what is kept row by
 * row, and puts right what differs. May run while the service works.
 */
import { allBrands, chooseBrand } from '../features/brands/service.ts'
import { zoneOf } from '../features/commissions/service.ts'
import { rebuildSums } from '../features/rollups/service.ts'
import { readArguments, runCommand, say, withData } from './command.ts'

const usage = `npm run rollups:rebuild [-- --brand SLUG]

  --brand   one brand alone; all of them unless said

Exit code 0: everything was right. 1: something differed, and is right now; or it ended early.
`

await runCommand(async argv => {
  const { values } = readArguments(argv, usage, { options: { brand: { type: 'string' } } })
  return await withData(async ({ pool, signal }) => {
    const chosen =
      values.brand === undefined ? await allBrands(pool) : [await chooseBrand(pool, { slug: values.brand })]
    let isRight = true
    for (const { brandId, slug } of chosen) {
      const { days, differing } = await rebuildSums(pool, {
        brandId,
        zone: await zoneOf(pool, brandId),
        now: Date.now(),
        isStopped: () => signal.aborted,
        onStep: left => {
          if (left > 0) say(`${slug}: ${left} lots of days are to be summed for the first time`)
        },
        onDays: ({ from, last, differing, part }) => {
          if (differing > 0) process.stdout.write(`${slug} ${from} to ${last}: ${differing} rows differed\n`)
          say(`${slug}: ${Math.floor(part * 100)} % is summed anew, until ${last}`)
        },
      })
      process.stdout.write(`${slug}: ${days} days summed anew, ${differing} rows differed\n`)
      isRight &&= differing === 0
    }
    return isRight && !signal.aborted ? 0 : 1
  })
})
