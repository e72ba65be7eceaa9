import type { Figure } from './lib/figure.ts'
import { backtest } from './backtest.ts'
import { generation } from './generation.ts'
import { imports } from './imports.ts'
import { settlement } from './settlement.ts'
import { sidebar } from './sidebar.ts'

/** In the order in which they run. A figure is a file of its own; to add one, name it here. */
export const figures: readonly Figure[] = [generation, imports, backtest, settlement, sidebar]
