import { Type, type Static } from 'typebox'
import { Key, Strict, Text } from '../../lib/schema.ts'

const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()])
const instant = (description?: string) => Type.String({ format: 'date-time', ...(description ? { description } : {}) })

export const LinkRequest = Strict({
  externalUserid: Key('The friend’s id in WeCom.'),
  memberNo: Type.Optional(Key('Who he is.')),
  cardNo: Type.Optional(Key('The same, as it stands on his card.')),
  phone: Type.Optional(Text('His phone, as typed in China.', 40)),
})
export type LinkRequest = Static<typeof LinkRequest>

export const UnlinkRequest = Strict({ externalUserid: Key('The friend’s id in WeCom.') })
export type UnlinkRequest = Static<typeof UnlinkRequest>

export const Linked = Type.Object({
  externalUserid: Type.String(),
  memberNo: nullable(Type.String({ description: 'Whose contact it is now; null: nobody’s' })),
  status: Type.Enum(['linked', 'unlinked', 'unchanged']),
})

const Advice = Type.Object({ zh: Type.String(), en: Type.String() })

const Sync = Type.Object({
  kind: Type.Enum(['first', 'nightly']),
  status: Type.Enum(['running', 'done', 'partial'], { description: 'partial: WeCom refused something; see faults' }),
  stage: Type.String({ description: 'Where it is; of one that is done the last' }),
  startedAt: instant(),
  finishedAt: nullable(instant()),
  counts: Type.Record(Type.String(), Type.Integer(), { description: 'What was seen so far' }),
  repairs: Type.Record(Type.String(), Type.Integer(), { description: 'What was other than the mirror had it' }),
})

/** GET /api/v1/wecom/health */
export const WecomHealth = Type.Object({
  configured: Type.Boolean(),
  callbacks: Type.Boolean({ description: 'The callback address is set up' }),
  sync: nullable(Sync),
  lastDone: nullable(Sync),
  counts: Type.Record(Type.String(), Type.Integer(), { description: 'What the mirror has' }),
  faults: Type.Array(
    Type.Object({
      stage: Type.String(),
      errcode: nullable(Type.Integer()),
      subject: nullable(Type.String({ description: 'The department, person or group that could not be seen' })),
      advice: Advice,
    }),
    { description: 'What the app cannot see, and what to do' },
  ),
  inbox: Type.Object({
    waiting: Type.Integer(),
    oldestSeconds: Type.Integer({ description: 'How long the oldest has been waiting' }),
    setAside: Type.Integer(),
    unhandled: Type.Integer(),
    lastReceivedAt: nullable(instant()),
  }),
  channels: Type.Object({
    codes: Type.Object({ active: Type.Integer(), waiting: Type.Integer(), failing: Type.Integer() }),
    welcomes: Type.Object(
      {
        waiting: Type.Integer(),
        sent: Type.Integer(),
        late: Type.Integer({ description: 'Not sent: the 20 seconds were over' }),
        needless: Type.Integer({
          description: 'Not sent: the chat had begun, the code was used, or it is switched off',
        }),
        refused: Type.Integer(),
        unsure: Type.Integer({ description: 'WeCom did not answer; not sent again' }),
      },
      { description: 'Of the last 24 hours' },
    ),
    acquisition: nullable(
      Type.Object({
        total: nullable(Type.Integer()),
        balance: nullable(Type.Integer({ description: 'How many customers acquisition links may still bring' })),
        event: Type.String({ description: 'What WeCom said last, as balance_low' }),
        seenAt: instant(),
      }),
    ),
  }),
  messages: Type.Object(
    {
      waiting: Type.Integer(),
      sent: Type.Integer(),
      dropped: Type.Integer({ description: 'Over by then, too old, turned off, or of somebody who left' }),
      refused: Type.Integer(),
      unsure: Type.Integer({ description: 'WeCom did not answer; not sent again' }),
      fault: nullable(Type.Object({ errcode: Type.Integer(), advice: Advice })),
    },
    { description: 'To associates, of the last 24 hours; `fault` is WeCom’s last refusal' },
  ),
})
export type WecomHealth = Static<typeof WecomHealth>
