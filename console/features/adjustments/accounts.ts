import { calls as performance } from '../performance/calls.ts'

/** Associates or stores to choose from, by name. */
export async function loadAccounts(kind: 'associates' | 'stores') {
  const { items } = await performance.readTable(kind, { limit: 500 })
  const key = kind === 'associates' ? 'associateId' : 'storeCode'
  return items.flatMap(row => {
    const id = row[key]
    const name = row['name'] ?? row['storeName']
    return typeof id === 'string' ? [{ value: id, text: name ? `${name} · ${id}` : id }] : []
  })
}
