import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import type { Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import type { Access } from '../../plugins/access.ts'
import type { Settings } from '../../settings.ts'
import type { Brand } from '../brands/service.ts'
import { BrandSetup, Examination } from './schema.ts'
import { examine, readSetup } from './service.ts'

/** What is set up outside of the service, and whether it is right. */
export function doctorRoutes(
  app: FastifyInstance,
  options: {
    pool: Pool
    vault: Vault
    settings: Settings
    brandOf: (brandId: number) => Brand | null
    access: Access
    now: () => Instant
  },
): void {
  const { brandOf, access, ...rest } = options
  const tags = ['settings']
  const brand = (brandId: number) => {
    const found = brandOf(brandId)
    if (!found) throw new AppError('not_found', 'There is no such brand.')
    return found
  }
  app.get(
    '/settings/brand',
    {
      onRequest: access.readBrand,
      schema: { tags, summary: 'What the brand is set up with', response: { 200: BrandSetup } },
    },
    ({ caller }) => readSetup({ ...rest, brand: brand(caller.brandId) }, caller),
  )
  app.get(
    '/settings/doctor',
    {
      onRequest: access.readBrand,
      schema: { tags, summary: 'Whether WeCom and the mini-program are set up, step by step', response: { 200: Examination } }, // prettier-ignore
    },
    ({ caller }) => examine({ ...rest, brand: brand(caller.brandId) }),
  )
}
