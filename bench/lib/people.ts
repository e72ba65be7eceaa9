import { openPool } from '../../server/database.ts'
import { signIn } from '../../server/features/auth/service.ts'
import type { BenchService } from './service.ts'

/** Signs somebody in as WeCom would vouch for him. @returns the header of what he asks, good for ten minutes */
export async function signInAs(
  service: BenchService,
  options: { databaseUrl: string; brandId: number; associateId: string },
): Promise<string> {
  const pool = openPool(options.databaseUrl, { max: 1 })
  const signedIn = await signIn(pool, {
    brandId: options.brandId,
    userid: options.associateId,
    bootstrapHeadquarters: [],
    now: Date.now(),
  })
  await pool.end({ timeout: 5 })
  if (signedIn.status !== 'signed_in') throw new Error(`${options.associateId} may not sign in: ${signedIn.status}`)
  const origin = `http://127.0.0.1:${service.port}`
  const answer = await fetch(`${origin}/auth/refresh`, {
    method: 'POST',
    headers: { cookie: `daogou_refresh=${signedIn.tokens.refreshToken}`, origin },
  })
  const cookie = answer.headers.getSetCookie().find(one => one.startsWith('daogou_access='))
  if (!cookie) throw new Error(`no session: ${answer.status} ${await answer.text()}`)
  return `cookie: ${cookie.split(';')[0]}`
}
