import type { LoadMeasured, LoadOptions } from './load-process.ts'
import { runProcess } from './process.ts'

/** Sends requests from a process of its own. @throws where one was not answered with 200 */
export async function sendLoad(options: LoadOptions): Promise<LoadMeasured> {
  const measured = await runProcess<LoadMeasured>(new URL('load-process.ts', import.meta.url), [
    JSON.stringify(options),
  ])
  const refused = Object.keys(measured.statuses).filter(status => status !== '200')
  if (refused.length > 0) throw new Error(`answered with ${refused.join(', ')}`)
  return measured
}
