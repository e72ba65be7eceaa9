import type { StorePage } from '../../server/features/people/schema.ts'
import { api } from '../../sidebar/lib/session.ts'
import type { Choice } from '../components/ConsolePick.vue'

/** Stores and regions to choose among: the first of them; what is not there may be typed in. */

const readStores = async () => (await api.get<StorePage>('/stores', { limit: 500 })).items

export const loadStores = async (): Promise<Choice[]> =>
  (await readStores()).map(({ storeCode, name }) => ({ value: storeCode, text: `${name} · ${storeCode}` }))

export async function loadRegions(): Promise<Choice[]> {
  const regions = new Set((await readStores()).flatMap(({ region }) => region ?? []))
  return [...regions].sort().map(region => ({ value: region, text: region }))
}
