import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import type { Settings } from '../../settings.ts'
import type { Brand } from '../brands/service.ts'
import { examineAddress } from './address.ts'
import type { Finding } from './domain.ts'
import { examineMiniProgram } from './mini-program.ts'
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
