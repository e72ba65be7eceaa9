import type { PageSignatures } from '../../server/features/session/schema.ts'

/**
 * The signatures that stand in the page: with them the SDK registers before anything was asked. They are nobody's (an
 * application, an address, a number), and the browser keeps the page no longer than WeCom takes them.
 *
 * @returns null where the service had none when it gave the page, or they are for another address
 */
export function signaturesOfPage(): PageSignatures | null {
  const told = document.querySelector<HTMLMetaElement>('meta[name="wecom-signatures"]')?.content
  const signatures = told === undefined ? null : (JSON.parse(told) as PageSignatures)
  return signatures?.url === location.href.split('#')[0] ? signatures : null
}
