/** Keeps clicks in the spool of a folder, three at a time, until it takes no more, and says how many it took. */
import { openSpool } from '../../server/features/touches/spool.ts'

const spool = openSpool(process.argv[2]!)
let kept = 0
let code: string | undefined
while (code === undefined && kept < 30_000) {
  const clicks = [0, 1, 2].map(i => ({
    brandId: 1,
    touchId: `t${kept + i}`,
    linkCode: 'L1',
    visitorId: 'v1',
    at: 1_764_500_000_000,
    byAssociate: false,
  }))
  await spool.keep(clicks).then(
    () => void (kept += clicks.length),
    (error: NodeJS.ErrnoException) => void (code = error.code),
  )
}
process.stdout.write(JSON.stringify({ kept, code }))
process.exit(0)
