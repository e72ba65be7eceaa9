import type { TableName } from '../../../server/features/performance/schema.ts'
import type { FigureName } from '../../lib/figures.ts'

/** What names a row of each table, and what else is told of it. */
export const tables = {
  associates: { key: 'associateId', name: 'name', also: 'storeCode' },
  stores: { key: 'storeCode', name: 'name', also: 'region' },
  regions: { key: 'region', name: null, also: null },
  links: { key: 'linkCode', name: 'title', also: 'name' },
  channels: { key: 'channel', name: null, also: null },
  products: { key: 'sku', name: 'name', also: 'category' },
  groups: { key: 'chatId', name: 'name', also: 'storeCode' },
} as const satisfies Record<TableName, { key: string; name: string | null; also: string | null }>

export const tableNames = Object.keys(tables) as TableName[]

const sales: FigureName[] = ['netSalesFen', 'orders', 'averageTicketFen', 'directFen', 'indirectFen']

/** What is shown until somebody chooses. */
export const usualColumns: Record<TableName, readonly FigureName[]> = {
  associates: [
    'netSalesFen',
    'directFen',
    'indirectFen',
    'closerFen',
    'shares',
    'clickBps',
    'conversionBps',
    'commissionFen',
  ],
  stores: [...sales, 'privateDomainBps', 'buyers', 'repeatBps', 'commissionFen'],
  regions: [...sales, 'privateDomainBps', 'buyers', 'repeatBps', 'commissionFen'],
  links: ['netSalesFen', 'orders', 'clicks', 'visitors', 'conversionBps', 'commissionFen'],
  channels: ['netSalesFen', 'orders', 'shares', 'clickBps', 'visitors', 'conversionBps', 'commissionFen'],
  products: ['netSalesFen', 'netQuantity', 'orders', 'directFen', 'indirectFen', 'refundFen', 'commissionFen'],
  groups: ['netSalesFen', 'orders', 'clicks', 'visitors', 'buyers', 'commissionFen'],
}
