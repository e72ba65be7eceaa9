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
