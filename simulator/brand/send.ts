/** Sends the demo brand through the HTTP API, as a brand's own systems would: what the demo shows went the real way. */
import type { Brand } from './generate.ts'

export type SendProgress = { path: string; sent: number; total: number }

export type SendOptions = {
  /** The service's origin. */
  url: string
  apiKey: string
  /** 1 to 1000, the contract's limit. */
  batchSize?: number
  onProgress?: (progress: SendProgress) => void
}

type Answer = { key: string; status: string; error?: { code: string; message: string; field?: string } }

/**
 * Master data first, then plans (in the past, thus `retroactive`), then evidence. Safe to send again.
 *
 * @throws Error at the first item or call that is refused: a demo with a part missing would look like a fault of the
 *   product
 */
export async function sendBrand(brand: Brand, options: SendOptions): Promise<void> {
  await sendItems('stores', brand.stores, options)
  await sendItems('associates', brand.associates, options)
  await sendItems('members', brand.members, options)
  await sendItems('products', brand.products, options)
  await sendItems('coupons', brand.coupons, options)
  await sendItems('targets', brand.targets, options)
  await sendItems('share-links', brand.shareLinks, options)
  await sendItems('coupon-events', brand.couponEvents, options)
  for (const plan of brand.plans) await post('plans', { ...plan, retroactive: true }, options)
  await sendItems('identities', brand.identities, options)
  await sendItems('member-assignments', brand.assignments, options)
  await sendItems('touches', brand.touches, options)
  await sendItems('orders', brand.orders, options)
  await sendItems('refunds', brand.refunds, options)
  await sendItems('identities', brand.lateIdentities, options)
  for (const override of brand.overrides) await post('overrides', override, options)
}

async function sendItems(path: string, items: readonly object[], options: SendOptions): Promise<void> {
  const { batchSize = 1000, onProgress } = options
  for (let from = 0; from < items.length; from += batchSize) {
    const batch = items.slice(from, from + batchSize)
    const answers = (await post(path, batch, options)) as Answer[]
    const refused = answers.find(answer => answer.status === 'rejected')
    if (refused !== undefined) {
      const { code, message, field } = refused.error ?? { code: 'unknown', message: 'without a reason' }
      throw new Error(
        `POST /${path} refused ${refused.key}: ${code}${field === undefined ? '' : ` (${field})`}: ${message}`,
      )
    }
    if (answers.length !== batch.length)
      throw new Error(`POST /${path} answered ${answers.length} of ${batch.length} items`)
    onProgress?.({ path, sent: from + batch.length, total: items.length })
  }
}

async function post(path: string, body: unknown, { url, apiKey }: SendOptions): Promise<unknown> {
  const response = await fetch(new URL(`/api/v1/${path}`, url), {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`POST /${path} answered ${response.status}: ${text.slice(0, 500)}`)
  return JSON.parse(text)
}
