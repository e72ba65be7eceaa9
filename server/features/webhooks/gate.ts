import { lookup, Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { faultOfUrl, isPrivateHost, isPublicAddress, type UrlFault } from './domain.ts'

/** An address that was looked at, and the network addresses that it may be reached by: nobody asks for them again. */
export interface Target {
  url: URL
  addresses: readonly string[]
}

/** Nothing is sent there. */
export class UrlRefused extends Error {
  readonly fault: UrlFault | 'unresolved' | 'private'
  constructor(fault: UrlRefused['fault']) {
    super(`refused: ${fault}`)
    this.fault = fault
  }
}

export interface Gate {
  /**
   * Lets an address through where every network address behind its name is public. Asked before each try: what a name
   * stood for yesterday says nothing of today.
   *
   * @throws UrlRefused
   */
  open(url: string): Promise<Target>
}

/** The network addresses behind a name; none where it has none. */
export type Resolve = (hostname: string) => Promise<readonly string[]>

const RESOLVE_MS = 2000

/** @param options.privateHosts which hosts of the own network the operator allows, as `host` or `host:port` */
export function buildGate(options: { privateHosts: readonly string[]; resolve?: Resolve }): Gate {
  const { privateHosts, resolve = resolvePublic } = options
  return {
    async open(text) {
      const fault = faultOfUrl(text, privateHosts)
      if (fault !== null) throw new UrlRefused(fault)
      const url = new URL(text)
      const hostname = url.hostname.replace(/^\[|\]$/g, '')
      if (isPrivateHost(url, privateHosts)) {
        return { url, addresses: isIP(hostname) ? [hostname] : await resolveOwn(hostname) }
      }
      const addresses = isIP(hostname) ? [hostname] : await resolve(hostname)
      if (addresses.length === 0) throw new UrlRefused('unresolved')
      if (!addresses.every(isPublicAddress)) throw new UrlRefused('private')
      return { url, addresses }
    },
  }
}

/** Not by the system's resolver, of which a few slow names would hold up all others of the process. */
async function resolvePublic(hostname: string): Promise<string[]> {
  const resolver = new Resolver({ timeout: RESOLVE_MS, tries: 2 })
  const found = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)])
  return found.flatMap(answer => (answer.status === 'fulfilled' ? answer.value : []))
}

/** As the machine's own files say. */
async function resolveOwn(hostname: string): Promise<string[]> {
  const found = await lookup(hostname, { all: true }).catch(() => [])
  if (found.length === 0) throw new UrlRefused('unresolved')
  return found.map(({ address }) => address)
}
