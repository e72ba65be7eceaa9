const libraries: string[] = []

/** A library whose version matters to whoever looks for a fault says so when it is loaded. */
export const nameLibrary = (name: string): void => void libraries.push(name)

/** What a maintainer needs to know of the client; no ids of anybody. */
export function describeClient(): string {
  const version = navigator.userAgent.match(/wxwork\/([\d.]+)/i)?.[1]
  return [version ? `WeCom ${version}` : 'no WeCom', ...libraries, location.host].join(' · ')
}
