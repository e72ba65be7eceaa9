import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { randomToken } from '../../lib/ids.ts'
import type { Instant } from '../../lib/time.ts'
import type { SessionCookies } from '../../plugins/access.ts'
import type { Settings } from '../../settings.ts'
import { addressOf, type Limits } from '../limits/service.ts'
import { renderPage } from '../pages/service.ts'
import type { PublicLink } from '../share-links/service.ts'
import type { ClickBuffer, PublicLinks } from './clicks.ts'
import { allowedRedirect } from '../share-links/domain.ts'
import { isVisit } from './domain.ts'

const VISITOR_SECONDS = 365 * 24 * 3600
const VISITOR_ID = /^[A-Za-z0-9_-]{22}$/

/** The public short link: a durable click, then on to what was shared. */
export function shortLinkRoutes(
  app: FastifyInstance,
  options: {
    settings: Settings
    links: PublicLinks
    clicks: ClickBuffer
    cookies: SessionCookies
    limits: Limits
    /** The address that opens the mini program at what was shared, where one can be had at once. */
    miniProgramUrl: (link: PublicLink, options: { mayAsk: boolean }) => Promise<string | null>
    now: () => Instant
  },
): void {
  const { settings, links, clicks, cookies, limits, miniProgramUrl, now } = options
  const isSecure = settings.publicUrl.startsWith('https:')
  const visitorCookie = isSecure ? '__Host-daogou_visitor' : 'daogou_visitor'

  const visitorOf = (request: FastifyRequest, reply: FastifyReply) => {
    const known = request.cookies[visitorCookie]
    if (known !== undefined && VISITOR_ID.test(known)) return { visitorId: known, isNewVisitor: false }
    const visitorId = randomToken()
    reply.setCookie(visitorCookie, visitorId, {
      path: '/',
      httpOnly: true,
      sameSite: 'lax',
      secure: isSecure,
      maxAge: VISITOR_SECONDS,
    })
    return { visitorId, isNewVisitor: true }
  }
  const page = (reply: FastifyReply, status: number, words: Parameters<typeof renderPage>[0]): void => {
    void reply.code(status).type('text/html; charset=utf-8').send(renderPage(words))
  }

  /** Where a link may lead, found out once for each that is at hand. */
  const addresses = new WeakMap<PublicLink, string | null>()
  const addressOfLink = (link: PublicLink): string | null => {
    let address = addresses.get(link)
    if (address === undefined) {
      address = allowedRedirect(link.target.url, settings)
      addresses.set(link, address)
    }
    return address
  }

  const open = async (request: FastifyRequest<{ Params: { linkCode: string } }>, reply: FastifyReply) => {
    reply.header('cache-control', 'no-store')
    const { linkCode } = request.params
    const link =
      links.known(linkCode) ??
      (linkCode.length <= 128 ? await limits.guess(addressOf(request.ip), linkCode, () => links.find(linkCode)) : null)
    if (!link) {
      return page(reply, 404, {
        titleZh: '没有找到这个链接',
        titleEn: 'This link does not exist.',
        textZh: '可能是地址没有复制完整。请让分享给你的导购再发一次。',
        textEn: 'Perhaps it was not copied whole. Ask whoever sent it to share it again.',
      })
    }
    const at = now()
    if (link.revokedAt !== null && at >= link.revokedAt) {
      return page(reply, 410, {
        titleZh: '这个链接已失效',
        titleEn: 'This link is no longer valid.',
        textZh: '分享已被收回。请让分享给你的导购再发一次。',
        textEn: 'The share was taken back. Ask whoever sent it to share it again.',
      })
    }
    const { headers } = request
    const isCounted =
      request.method === 'GET' &&
      isVisit({
        userAgent: headers['user-agent'],
        purpose: [headers['purpose'], headers['x-purpose'], headers['x-moz']].flat().join(' '),
        secPurpose: [headers['sec-purpose']].flat().join(' '),
      })
    if (isCounted) {
      const visitor = visitorOf(request, reply)
      const byAssociate = cookies.associateOf(request) === `${link.brandId}/${link.associateId}`
      await clicks.record({ brandId: link.brandId, linkCode: link.linkCode, at, byAssociate, ...visitor })
    }
    const url = addressOfLink(link) ?? (await miniProgramUrl(link, { mayAsk: isCounted }))
    if (url !== null) return void reply.redirect(url, 302)
    const { title, imageUrl } = link.target
    const picture = imageUrl?.startsWith('/') ? new URL(imageUrl, settings.publicUrl).href : imageUrl
    page(reply, 200, {
      titleZh: title ?? '导购为你分享',
      titleEn: title ? '' : 'Shared with you',
      textZh: '请在小程序或门店中出示下面的分享码，导购会继续为你服务。',
      textEn: 'Show this code in the mini-program or in the store.',
      code: link.linkCode,
      ...(picture && /^https?:\/\//.test(picture) ? { imageUrl: picture } : {}),
    })
  }

  app.get<{ Params: { linkCode: string } }>(
    '/s/:linkCode',
    // Two lines of log for each click would take as long as the click.
    { schema: { hide: true }, exposeHeadRoute: true, logLevel: 'warn' },
    // A reply that is given back to be waited for listens for its own end, on each click.
    (request, reply) => void open(request, reply).catch((error: unknown) => reply.send(error)),
  )
}
