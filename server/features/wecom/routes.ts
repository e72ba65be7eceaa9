import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Pool, Tx } from '../../database.ts'
import { AppError } from '../../errors.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import { CallbackKey, CallbackList, CallbackListQuery, ReplayAnswer } from './schema.ts'
import {
  CALLBACK_BYTES_MAX,
  listMessages,
  openSealed,
  readEvent,
  replayMessage,
  sealedIn,
  type CallbackKeys,
  type CallbackQuery,
  type Inbox,
  type WecomMeter,
} from './service.ts'

const refused = () => new AppError('forbidden', 'This was not signed by WeCom for this service.')
const notConfigured = () => new AppError('wecom.not_configured', 'WeCom’s callbacks are not set up for this brand.')

/** A brand, as WeCom calls it back. */
export interface CallbackReceiver {
  /** null where its callbacks are not set up. */
  callbackKeys: CallbackKeys | null
  inbox: Inbox
}

/**
 * Where WeCom calls back, at the root: the default brand at `/wecom/callback`, others at their own address below it. It
 * waits five seconds and tries three times more, so an event is written down and answered at once; what follows from it
 * comes later.
 */
export async function callbackRoutes(
  app: FastifyInstance,
  options: {
    /** Who is called back; without a name the default brand. null where there is no such brand. */
    receiverOf: (slug: string | undefined) => Promise<CallbackReceiver | null>
    meter: WecomMeter
    now: () => Instant
  },
): Promise<void> {
  const { receiverOf, meter, now } = options
  const receiver = async (request: FastifyRequest) => {
    const found = await receiverOf((request.params as { slug?: string }).slug)
    if (!found) throw new AppError('not_found', 'There is no such brand.')
    if (!found.callbackKeys) throw notConfigured()
    return { keys: found.callbackKeys, inbox: found.inbox }
  }
  await app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'string', bodyLimit: CALLBACK_BYTES_MAX }, (_request, body, parsed) =>
      parsed(null, body),
    )
    // WeCom comes from few addresses, in crowds; whoever has no signature costs next to nothing.
    const config = { rateLimit: false } as const

    const onEcho = async (request: FastifyRequest, reply: FastifyReply) => {
      const { keys } = await receiver(request)
      const query = request.query as CallbackQuery & { echostr?: string }
      // A plus sign that was not written as %2B has become a space.
      const echo = openSealed(keys, query, query.echostr?.replaceAll(' ', '+'))
      if (echo === null) throw refused()
      return await reply.type('text/plain; charset=utf-8').send(echo)
    }
    const onEvent = async (request: FastifyRequest, reply: FastifyReply) => {
      const { keys, inbox } = await receiver(request)
      const body = typeof request.body === 'string' ? request.body : ''
      const message = openSealed(keys, request.query as CallbackQuery, sealedIn(body))
      if (message === null) {
        meter.calledBack('refused')
        throw refused()
      }
      const isNew = await inbox.keep(readEvent(message, now()))
      meter.calledBack(isNew ? 'stored' : 'again')
      return await reply.code(200).send()
    }
    for (const path of ['/wecom/callback', '/wecom/callback/:slug']) {
      scope.get(path, { schema: { hide: true }, config }, onEcho)
      scope.post(path, { schema: { hide: true }, config }, onEvent)
    }
    done()
  })
}

/** What became of the events, for administrators. */
export function inboxRoutes(
  app: FastifyInstance,
  options: {
    pool: Pool
    access: Access
    now: () => Instant
    /** Writes down who had an event dealt with again. */
    recordReplay: (tx: Tx, deed: { brandId: number; actor: string; messageId: string; now: Instant }) => Promise<void>
  },
): void {
  const { pool, access, now, recordReplay } = options
  app.get(
    '/wecom/callbacks',
    {
      onRequest: access.admin,
      schema: {
        tags: ['wecom'],
        summary: 'Events that WeCom called back with, newest first',
        querystring: CallbackListQuery,
        response: { 200: CallbackList },
      },
    },
    request => listMessages(pool, { brandId: request.caller.brandId, ...(request.query as CallbackListQuery) }),
  )
  app.post(
    '/wecom/callbacks/:id/replay',
    {
      onRequest: access.admin,
      schema: {
        tags: ['wecom'],
        summary: 'Deal once more with an event that was set aside',
        params: CallbackKey,
        response: { 200: ReplayAnswer },
      },
    },
    request => {
      const { brandId, actor } = request.caller
      const { id: messageId } = request.params as CallbackKey
      const at = now()
      return replayMessage(pool, { brandId, messageId, now: at }, tx =>
        recordReplay(tx, { brandId, actor, messageId, now: at }),
      )
    },
  )
}
