import type { Figure } from './lib/figure.ts'
import { audit } from './audit.ts'
import { backtest } from './backtest.ts'
import { growth } from './growth.ts'
import { generation } from './generation.ts'
import { imports } from './imports.ts'
import { ingest, ingestBatches, ingestHot, ingestLatency } from './ingest.ts'
import { pages } from './pages.ts'
import { reads } from './reads.ts'
import { redirect, redirectHot, redirectP99 } from './redirect.ts'
import { settlement } from './settlement.ts'
import { sidebar } from './sidebar.ts'
import { viewsDuckdb } from './views-duckdb.ts'

/** In the order in which they run. A figure is a file of its own; to add one, name it here. */
export const figures: readonly Figure[] = [
  redirect,
  redirectP99,
  redirectHot,
  generation,
  imports,
  ingest,
  ingestLatency,
  ingestBatches,
  ingestHot,
  growth,
  backtest,
  audit,
  settlement,
  ...reads,
  viewsDuckdb,
  sidebar,
  pages,
]
