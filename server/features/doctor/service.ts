import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import type { Settings } from '../../settings.ts'
import { DEFAULT_BRAND_SLUG, selectBrand } from '../auth/service.ts'
import type { Caller } from '../auth/domain.ts'
import type { Brand } from '../brands/service.ts'
import { WELCOMES_KEPT_DAYS } from '../channel-codes/service.ts'
import { REJECTS_KEPT_DAYS } from '../ingest/service.ts'
import { KEPT_DAYS as MESSAGES_KEPT_DAYS } from '../messages/service.ts'
import { KEPT_DAYS as DELIVERIES_KEPT_DAYS } from '../webhooks/service.ts'
import { CALLBACKS_KEPT_DAYS } from '../wecom/service.ts'
import { examineAddress } from './address.ts'
import type { Finding } from './domain.ts'
import { examineMiniProgram } from './mini-program.ts'
import type { BrandSetup, Examination } from './schema.ts'
import { examineTraffic } from './traffic.ts'
import { examineWecom } from './wecom.ts'

export { examineDatabase } from './database.ts'
export { findingLines, type Finding } from './domain.ts'

/** What a brand's examination needs. */
export interface Examined {
  pool: Pool
  vault: Vault
  settings: Settings
  brand: Brand
  now: () => Instant
}

/** A brand's set-up, step by step, in the sequence in which it is set up. */
export async function* examineBrand(examined: Examined): AsyncGenerator<Finding> {
  yield* examineAddress(examined)
  yield* examineWecom(examined)
  yield* examineTraffic(examined)
  yield* examineMiniProgram(examined)
}

/** A page waits for it. */
const EXAMINATION_MS = 10_000

/** The same as one answer; what takes too long is left out. */
export async function examine(examined: Examined): Promise<Examination> {
  const findings: Finding[] = []
  let timer: NodeJS.Timeout | undefined
  const isOver = new Promise<null>(resolve => {
    timer = setTimeout(() => resolve(null), EXAMINATION_MS)
  })
  const steps = examineBrand(examined)
  for (;;) {
    const step = await Promise.race([steps.next(), isOver])
    if (step?.done === false) findings.push(step.value)
    else {
      clearTimeout(timer)
      return { findings, isComplete: step !== null }
    }
  }
}

/** What the brand is set up with elsewhere, and how long the service keeps what is not evidence. */
export async function readSetup({ pool, settings, brand }: Examined, { zone }: Caller): Promise<BrandSetup> {
  const row = await selectBrand(pool, { brandId: brand.brandId })
  return {
    slug: brand.slug,
    name: row?.name ?? brand.slug,
    timeZone: zone,
    publicUrl: settings.publicUrl,
    isFromEnvironment: brand.slug === DEFAULT_BRAND_SLUG,
    kept: {
      rejectedItems: REJECTS_KEPT_DAYS,
      callbacks: CALLBACKS_KEPT_DAYS,
      messages: MESSAGES_KEPT_DAYS,
      welcomes: WELCOMES_KEPT_DAYS,
      deliveries: DELIVERIES_KEPT_DAYS,
    },
  }
}
