import type { Pool } from '../database.ts'
import { tracer } from '../lib/tracing.ts'

const TEXT_MAX = 2000

/** A statement as the driver has it: a promise that is sent when somebody waits for it. */
interface Statement extends Promise<unknown> {
  executed: boolean
  /** With `$1` where a value goes; known when it was sent. */
  string?: string
  handle(): Promise<void>
}

/**
 * Has every statement told, of this pool and all others: the driver has one kind of statement. Only its text is told,
 * never a value of it.
 */
export function traceStatements(pool: Pool): void {
  const prototype = Object.getPrototypeOf(pool`SELECT 1`) as Statement & { [isTraced]?: true }
  if (prototype[isTraced]) return
  prototype[isTraced] = true
  const handle = Reflect.get(prototype, 'handle') as Statement['handle']
  prototype.handle = function (this: Statement) {
    const span = this.executed ? null : tracer()?.begin('postgresql', { kind: 'client' })
    const sent = handle.call(this)
    if (span) {
      const end = (isError: boolean) => {
        const text = (this.string ?? '').replace(/\s+/g, ' ').trim().slice(0, TEXT_MAX)
        span.end({ isError, attributes: { 'db.system.name': 'postgresql', 'db.query.text': text } })
      }
      // Not by its own `then`, which would send it; and without making another's failure unheard.
      void Promise.prototype.then.call(this, () => end(false), () => end(true)) // prettier-ignore
    }
    return sent
  }
}

const isTraced = Symbol('traced')
