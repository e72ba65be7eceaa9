/** What a mini-program code can carry as its scene: at most 32 of these characters. */
const SCENE = /^[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]{1,32}$/

/** How long a code of ours is: unguessable, and short enough to be typed. */
export const LINK_CODE_LENGTH = 12

/** The ways in which a link is handed out. */
export function linkAddresses(
  linkCode: string,
  path: string | undefined,
  publicUrl: string,
): { url: string; miniProgramPath: string | null; scene: string | null } {
  const query = `dg=${encodeURIComponent(linkCode)}`
  return {
    url: `${publicUrl}/s/${encodeURIComponent(linkCode)}`,
    miniProgramPath: path ? `${path}${path.includes('?') ? '&' : '?'}${query}` : null,
    scene: SCENE.test(linkCode) ? linkCode : null,
  }
}

/**
 * A web address as a share may lead to, or null: http or https, a host, and nothing that one reader takes for another
 * host than the next (user names, backslashes, spaces and control characters).
 */
export function plainWebUrl(text: string): URL | null {
  if (!/^https?:\/\/[^/\\@\s]+(?:[/?#][^\\\s]*)?$/i.test(text)) return null
  if ([...text].some(character => character < ' ' || character === '\u007f')) return null
  if (!URL.canParse(text)) return null
  const url = new URL(text)
  return url.username === '' && url.password === '' ? url : null
}

/** Where a link may send a browser: to our own pages, and to hosts that the settings allow. */
export function allowedRedirect(
  text: string | undefined,
  options: { publicUrl: string; allowedRedirects: readonly string[] },
): string | null {
  if (text === undefined) return null
  const url = plainWebUrl(text)
  if (!url) return null
  const isAllowed =
    url.origin === new URL(options.publicUrl).origin ||
    options.allowedRedirects.some(host => host === url.host || host === url.hostname)
  return isAllowed ? url.href : null
}
