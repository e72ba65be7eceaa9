import { buildWecomApi } from './wecom-api.ts'
import type { World } from './world.ts'

/**
 * Listens with the simulated server API.
 *
 * @param port 0: any that is free
 * @returns its origin, for WECOM_API_URL and the sign-in addresses
 */
export async function startSimulator({
  world,
  port,
  host = '127.0.0.1',
}: {
  world: World
  port: number
  host?: string
}): Promise<{ url: string; authorizeUrl: string; scanLoginUrl: string; close: () => Promise<void> }> {
  const app = buildWecomApi(world)
  const url = await app.listen({ port, host })
  return {
    url,
    authorizeUrl: `${url}/connect/oauth2/authorize`,
    scanLoginUrl: `${url}/wwlogin/sso/login`,
    close: () => app.close(),
  }
}
