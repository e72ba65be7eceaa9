import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isDatabaseAway } from '../database.ts'
import { AppError, type Fault } from '../errors.ts'
import { withoutPhones } from '../lib/phones.ts'
import { FIGURES_TAG } from './openapi.ts'

/** How long a caller should wait before it comes again while the database is away. */
const RETRY_AFTER_SECONDS = 2
const FULL_RETRY_AFTER_SECONDS = 30

interface Problem {
  status: number
  code: string
  detail: string
  errors?: readonly Fault[]
  retryAfter?: number
}

const TITLES: Record<number, string> = {
  400: 'Bad request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  410: 'Gone',
  413: 'Too large',
  415: 'Unsupported media type',
  422: 'Unprocessable',
  429: 'Too many requests',
  500: 'Internal error',
  503: 'Unavailable',
}

/** Every error as RFC 9457 problem details with a stable code; nothing of the inside is told. */
export function problemDetails(app: FastifyInstance): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const problem = problemOf(isTooMuch(error, request) ? tooMuch() : error)
    if (problem.status >= 500) request.log.error({ err: error }, 'request failed')
    return sendProblem(request, reply, problem)
  })
  app.setNotFoundHandler((request, reply) =>
    sendProblem(request, reply, { status: 404, code: 'not_found', detail: 'There is nothing here.' }),
  )
}

/** Whoever sent it again would have the database work as long once more: what has to change is the question. */
const tooMuch = () =>
  new AppError(
    'figures.too_much',
    'Reading this took too long and was given up. Ask for less: fewer days, one region or one store.',
  )

/** PostgreSQL gave up (query_canceled) what a view of headquarters or its file asks, which can be asked of less. */
const isTooMuch = (error: FastifyError, { routeOptions: { schema } }: FastifyRequest): boolean =>
  error.code === '57014' && (schema?.tags?.includes(FIGURES_TAG) ?? false)

function problemOf(error: FastifyError | AppError): Problem {
  if (error instanceof AppError) {
    return {
      status: error.status,
      code: error.code,
      detail: error.message,
      ...(error.faults.length > 0 ? { errors: error.faults } : {}),
      ...(error.retryAfter === null ? {} : { retryAfter: error.retryAfter }),
    }
  }
  // disk_full of the database server: people have to make room, so it is no use to come again at once.
  if (error.code === '53100') {
    return {
      status: 503,
      code: 'database_full',
      detail: 'The database has no room left; nothing was taken.',
      retryAfter: FULL_RETRY_AFTER_SECONDS,
    }
  }
  if (isDatabaseAway(error)) {
    return {
      status: 503,
      code: 'database_unavailable',
      detail: 'The database cannot be reached at the moment. Send it again: what was taken all the same counts once.',
      retryAfter: RETRY_AFTER_SECONDS,
    }
  }
  // A NUL in a path or query: no text of ours holds one, so nothing can be named by it.
  if (error.code === '22021' || error.code === '22P05')
    return { status: 400, code: 'bad_request', detail: 'It holds characters that cannot be kept.' }
  if (error.validation) {
    const status = error.validationContext === 'body' ? 422 : 400
    return {
      status,
      code: status === 422 ? 'invalid_body' : 'invalid_query',
      detail: error.message,
      errors: error.validation.map(({ instancePath, params, message }) => ({
        path: [
          instancePath.replaceAll('/', '.').replace(/^\./, ''),
          params['additionalProperty'],
          params['missingProperty'],
        ]
          .filter(part => typeof part === 'string' && part !== '')
          .join('.'),
        code: params['additionalProperty'] === undefined ? 'invalid_value' : 'unknown_field',
        message: message ?? 'is not valid',
      })),
    }
  }
  const status = error.statusCode ?? 500
  if (status === 413) return { status, code: 'too_large', detail: 'The body is too large.' }
  if (status === 415) return { status, code: 'unsupported_media_type', detail: 'Send application/json.' }
  if (status === 400) return { status, code: 'malformed_json', detail: 'The body is not JSON that can be read.' }
  if (status < 500) return { status, code: 'bad_request', detail: error.message }
  return { status: 500, code: 'internal_error', detail: 'Something went wrong here; it is in the log.' }
}

/** An address that no route is looked for by: it cannot be read, or a part of it is longer than any name. */
export function refuseAddress(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const problem =
    error.code === 'FST_ERR_BAD_URL'
      ? { status: 400, code: 'bad_request', detail: 'The address cannot be read.' }
      : { status: 404, code: 'not_found', detail: 'There is nothing here.' }
  void sendProblem(request, reply, problem)
}

/** What was sent may be repeated, but no phone number in it. */
const shownFault = ({ path, code, message }: Fault): Fault => ({
  path: withoutPhones(path),
  code,
  message: withoutPhones(message),
})

export function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply {
  const { status, code, detail, errors, retryAfter } = problem
  if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter))
  return reply
    .code(status)
    .type('application/problem+json; charset=utf-8')
    .serializer(JSON.stringify)
    .send({
      type: 'about:blank',
      title: TITLES[status] ?? 'Error',
      status,
      code,
      detail: withoutPhones(detail),
      requestId: request.id,
      ...(errors ? { errors: errors.map(shownFault) } : {}),
    })
}
