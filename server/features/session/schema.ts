/**
 * Who is looking, and what WeCom's SDK needs to believe it. Both are asked once per opening of the sidebar.
 * Browser code imports the types only.
 */
import { Type, type Static, type TSchema } from 'typebox'
import { Key } from '../../lib/schema.ts'

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

/** `associate` sees himself and his customers; the wider roles see more, an auditor without changing anything. */
export const SessionRole = Type.Enum(['associate', 'manager', 'franchisee', 'headquarters', 'auditor'])
export type SessionRole = Static<typeof SessionRole>

/** A page's address signed for the SDK. */
export const Signature = Type.Object({
  corpId: Type.String(),
  agentId: Type.String(),
  timestamp: Type.Integer({ description: 'Seconds since 1970, the very number that was signed' }),
  nonceStr: Type.String(),
  signature: Type.String({ description: 'sha1, 40 hexadecimal digits' }),
})
export type Signature = Static<typeof Signature>

/** Query of GET /api/v1/session. */
export const SessionQuery = Type.Object({
  page: Type.Optional(
    Type.String({
      pattern: '^/(sidebar|console)/',
      maxLength: 2048,
      description: 'Path and query of the page, which is then signed for the SDK in the same answer',
    }),
  ),
})
export type SessionQuery = Static<typeof SessionQuery>

/** The page signed with both tickets. */
export const PageSignatures = Type.Object({
  url: Type.String({ description: 'What was signed: of use where the browser has the very same address' }),
  config: Signature,
  agent_config: Signature,
  validSeconds: Type.Integer({ minimum: 0, description: 'For how long WeCom takes them' }),
})
export type PageSignatures = Static<typeof PageSignatures>

/**
 * GET /api/v1/session. 401 where there is none (`session.missing`, `session.expired`): the browser then tries
 * `POST /auth/refresh` once, and goes to `/auth/wecom/login` where that is refused too. 403 `session.refused` where
 * the person is known but may not come in any more: no sign-in would help, so the screen says whom to ask.
 * `signatures` is there where a page was named and WeCom gave its tickets at once; where it is not, POST
 * /api/v1/wecom/signature says why.
 */
export const Session = Type.Object(
  {
    associateId: Type.String({ description: 'The WeCom userid' }),
    name: Type.String(),
    role: SessionRole,
    storeCode: nullable(Type.String({ description: 'null for office staff and headquarters' })),
    storeName: nullable(Type.String()),
    brand: Type.String({ description: 'Its slug, as in /sidebar/?brand=slug' }),
    brandName: Type.String(),
    timeZone: Type.String({ description: "IANA name of the brand's time zone: every day and month is one in it" }),
    corpId: Type.String({ description: 'For ww.register' }),
    agentId: Type.String({ description: 'For ww.register; digits, sent as text' }),
    csrfToken: Type.String({ description: 'Sent back in the header x-daogou-csrf with every write' }),
    signatures: Type.Optional(PageSignatures),
  },
  { description: 'Who is signed in, and in which brand and WeCom app' },
)
export type Session = Static<typeof Session>

/**
 * Why a sign-in was refused. The callback leads back to `/sidebar/?refused=<code>` (the path asked for, with this in
 * its query), so that a refusal is told in the sidebar's own words and language and not on a bare page.
 */
export const SignInRefusal = Type.Enum(
  [
    'unknown_userid',
    'not_a_member',
    'associate_inactive',
    'state_mismatch',
    'code_invalid',
    'untrusted_domain',
    'wecom_unreachable',
  ],
  {
    description:
      'unknown_userid: WeCom knows the person, we do not; not_a_member: a customer (openid) and no colleague; state_mismatch: the answer belongs to no question of ours; code_invalid: used twice or too late (40029); untrusted_domain: 50001',
  },
)
export type SignInRefusal = Static<typeof SignInRefusal>

/** Which ticket signs: the corporation's (`config`) or the app's (`agent_config`). Mixing them up is WeCom's 42012. */
export const SignatureKind = Type.Enum(['config', 'agent_config'])
export type SignatureKind = Static<typeof SignatureKind>

/** POST /api/v1/wecom/signature. 422 `wecom.foreign_url` where the address is not of our own origin. */
export const SignatureRequest = Type.Object(
  {
    url: Type.String({ maxLength: 2048, description: 'The page as the browser has it, without # and what follows' }),
    kind: SignatureKind,
  },
  { additionalProperties: false },
)
export type SignatureRequest = Static<typeof SignatureRequest>

/** Somewhere the asker is signed in. */
export const OwnSession = Type.Object({
  sessionId: Type.String({ format: 'uuid' }),
  app: nullable(Type.Enum(['wecom', 'browser'], { description: 'null: begun before it was kept' })),
  system: nullable(Type.Enum(['android', 'ios', 'windows', 'mac', 'other'])),
  since: Type.String({ format: 'date-time' }),
  seenAt: Type.String({ format: 'date-time', description: 'When it was last used, to within ten minutes' }),
  isThis: Type.Boolean({ description: 'The one that this answer went to' }),
})
export type OwnSession = Static<typeof OwnSession>

/** GET /api/v1/sessions */
export const OwnSessions = Type.Object({ items: Type.Array(OwnSession) })

/** DELETE /api/v1/sessions: all others of the asker, or with `of=everyone` of the whole brand. */
export const EndSessionsQuery = Type.Object(
  { of: Type.Optional(Type.Enum(['me', 'everyone'], { description: 'everyone: headquarters alone' })) },
  { additionalProperties: false },
)
export type EndSessionsQuery = Static<typeof EndSessionsQuery>

export const SessionId = Type.Object({ sessionId: Type.String({ format: 'uuid' }) })
export type SessionId = Static<typeof SessionId>

export const SessionAssociate = Type.Object({ associateId: Key('The associate.') })
export type SessionAssociate = Static<typeof SessionAssociate>

/** How many sessions stood and were ended. */
export const SessionsEnded = Type.Object({ ended: Type.Integer({ minimum: 0 }) })
