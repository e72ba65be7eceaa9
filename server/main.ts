import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { buildApp } from './app.ts'
import { ExitError } from './errors.ts'
import { EmbeddedPostgresError } from './embedded-postgres.ts'
import { openData } from './open.ts'
import { readSettings } from './settings.ts'
import { startWorkers } from './workers/all.ts'

/** How long requests under way may take to end after SIGTERM. */
const CLOSE_MS = 5000
/** A back-test is beside the point of the service: it leaves cores to others where there are many. */
const BACKTEST_THREADS_MAX = 4
/** While developing there is a loader for TypeScript, which threads would not have. */
const isBuilt = import.meta.url.endsWith('.js')

/** Settings, database, app, workers, listen, close: the only file that starts anything. */
async function main(): Promise<void> {
  const settings = readSettings()
  const log = pino({
    level: settings.logLevel,
    redact: { paths: ['req.headers', '*.phone', '*.secret', '*.token', '*.code'], remove: true },
  })
  const data = await openData(settings, { log: message => log.info(message) })
  const tracing = settings.tracing && (await import('./tracing/opentelemetry.ts')).startTracing(settings.tracing)
  if (tracing) (await import('./tracing/statements.ts')).traceStatements(data.pool)
  const app = await buildApp({
    settings,
    pool: data.pool,
    figures: data.figures,
    vault: data.vault,
    now: Date.now,
    logger: {
      level: settings.logLevel,
      serializers: { req: request => ({ method: request.method, route: request.routeOptions?.url ?? null }) },
    },
  })
  const workers = startWorkers({
    data,
    settings,
    brands: app.brands,
    miniProgramOf: app.miniProgramOf,
    threads: isBuilt
      ? { databaseUrl: data.databaseUrl, count: Math.min(availableParallelism(), BACKTEST_THREADS_MAX) }
      : null,
    warn: (error, text) => {
      app.monitor.workerFailed()
      log.warn({ err: error }, text)
    },
  })

  let isClosing = false
  const close = async (signal: string) => {
    if (isClosing) return
    isClosing = true
    log.info({ signal }, 'closing')
    const end = async () => {
      await app.leave()
      await app.close()
      await workers.stop()
      await tracing?.stop()
    }
    await Promise.race([end(), sleep(CLOSE_MS, undefined, { ref: false })])
    await data.close()
    process.exit(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      close(signal).catch((error: unknown) => {
        log.error({ err: error }, 'closing failed')
        process.exit(1)
      })
    })
  }
  await app.listen({ port: settings.port, host: settings.host })
}

main().catch((error: unknown) => {
  const isExpected = error instanceof ExitError || error instanceof EmbeddedPostgresError
  process.stderr.write(`${isExpected ? error.message : (error as Error).stack}\n`)
  process.exit(error instanceof ExitError ? error.exitCode : 1)
})
