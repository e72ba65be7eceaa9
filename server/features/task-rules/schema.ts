/** Tasks and the rules that make them. Browser code imports the types only. */
import { Type, type Static, type TSchema } from 'typebox'
import { Key, Nullable, OneOf, Strict, Text, WholeNumber } from '../../lib/schema.ts'

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const DayText = (description: string) =>
  Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$', description: `${description} YYYY-MM-DD.` })
const Sentence = (description: string, maxLength: number) =>
  Type.String({ description, minLength: 1, maxLength, format: 'text' })

/** As of every list; said here, since browser code cannot take it from there. */
const Paged = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, description: 'How many rows; 50 where absent.' })),
  cursor: Type.Optional(Type.String({ maxLength: 4096, description: 'The nextCursor of the page before.' })),
}

const KINDS = ['after_purchase', 'birthday', 'asleep', 'campaign'] as const

const ruleFields = {
  days: Nullable(
    WholeNumber('after_purchase: days after it; birthday: days before it; asleep: days without an order.', 0, 3650),
  ),
  segment: Nullable(
    Strict(
      {
        levels: Type.Optional(Type.Array(Key('Level.'), { minItems: 1, maxItems: 50, description: 'One of these.' })),
        tags: Type.Optional(Type.Array(Key('Tag.'), { minItems: 1, maxItems: 50, description: 'One of these.' })),
        neverBought: Type.Optional(Type.Boolean({ description: 'true: has not bought yet.' })),
        asleepDays: Type.Optional(WholeNumber('Has bought, but not in so many days.', 1, 3650)),
        isListed: Type.Optional(Type.Boolean({ description: 'true: is on the rule’s list of members.' })),
      },
      'Whom a campaign is for: what is named has to hold, all of it.',
    ),
  ),
  title: Sentence('What to do, in a few words.', 60),
  text: Text('What to send to the customer.', 2000),
  target: Nullable(
    Strict({ kind: OneOf(['product'], 'What it is.'), ref: Key('The sku.') }, 'What to send along; null: words alone.'),
  ),
  priority: WholeNumber('The highest comes first where several rules fit a customer.', 0, 1000),
  firstDay: DayText('The first day on which it makes tasks.'),
  lastDay: Nullable(DayText('The last one; a campaign’s tasks are due then.')),
  storeCodes: Nullable(
    Type.Array(Key('Store.'), { minItems: 1, maxItems: 1000, description: 'For these stores; null: all.' }),
  ),
  isOn: Type.Boolean({ description: 'false: it makes none for the time being; what it made stays.' }),
  nightlyMax: Nullable(
    WholeNumber(
      'So many tasks a night for one associate; the other customers wait for the nights after. null: no bound. Where absent 10 of asleep, 20 of campaign, else null.',
      1,
      1000,
    ),
  ),
}

/** POST /api/v1/task-rules. What a kind needs is said by path where it is missing. */
export const TaskRuleBody = Strict({
  kind: OneOf(KINDS, 'When it makes a task.'),
  days: Type.Optional(ruleFields.days),
  segment: Type.Optional(ruleFields.segment),
  title: ruleFields.title,
  text: ruleFields.text,
  target: Type.Optional(ruleFields.target),
  priority: Type.Optional(ruleFields.priority),
  firstDay: Type.Optional(ruleFields.firstDay),
  lastDay: Type.Optional(ruleFields.lastDay),
  storeCodes: Type.Optional(ruleFields.storeCodes),
  isOn: Type.Optional(ruleFields.isOn),
  nightlyMax: Type.Optional(ruleFields.nightlyMax),
})
export type TaskRuleBody = Static<typeof TaskRuleBody>

/** PATCH: what is named changes, for tasks that are made from then on. */
export const TaskRulePatch = Type.Partial(Strict(ruleFields), { additionalProperties: false })
export type TaskRulePatch = Static<typeof TaskRulePatch>

export const TaskRuleParams = Type.Object({ ruleId: Type.String({ format: 'uuid' }) })
export type TaskRuleParams = Static<typeof TaskRuleParams>

const Target = Type.Object({ kind: Type.Enum(['product']), ref: Type.String() })

export const TaskRule = Type.Object({
  ruleId: Type.String(),
  kind: Type.Enum(['after_purchase', 'birthday', 'asleep', 'campaign']),
  days: nullable(Type.Integer()),
  segment: nullable(
    Type.Object({
      levels: Type.Optional(Type.Array(Type.String())),
      tags: Type.Optional(Type.Array(Type.String())),
      neverBought: Type.Optional(Type.Boolean()),
      asleepDays: Type.Optional(Type.Integer()),
      isListed: Type.Optional(Type.Boolean()),
    }),
  ),
  title: Type.String(),
  text: Type.String(),
  target: nullable(Target),
  priority: Type.Integer(),
  firstDay: Type.String(),
  lastDay: nullable(Type.String()),
  storeCodes: nullable(Type.Array(Type.String())),
  isOn: Type.Boolean(),
  nightlyMax: nullable(Type.Integer()),
  createdAt: Type.String(),
  updatedAt: Type.String(),
  endedAt: nullable(Type.String()),
})
export type TaskRule = Static<typeof TaskRule>

const completion = {
  made: Type.Integer(),
  open: Type.Integer(),
  overdue: Type.Integer({ description: 'Open, and due before today' }),
  done: Type.Integer(),
  skipped: Type.Integer(),
  closed: Type.Integer({ description: 'Closed by the service, since there was no reason any more' }),
  doneBps: nullable(Type.Integer({ description: 'done / (made − closed); null over 0' })),
}

export const ListedRule = Type.Interface([TaskRule], {
  ...completion,
  listed: Type.Integer({ description: 'Members on its list' }),
})
export type ListedRule = Static<typeof ListedRule>

/** PUT /api/v1/task-rules/{ruleId}/members: the whole list. */
export const ListBody = Strict({
  memberNos: Type.Array(Key('Member.'), { maxItems: 20_000, description: 'Of a campaign whose segment is isListed.' }),
})
export type ListBody = Static<typeof ListBody>

export const ListAnswer = Type.Object({
  listed: Type.Integer(),
  unknown: Type.Array(Type.String(), { description: 'Numbers that no member has, the first 20; they are left out' }),
})
export type ListAnswer = Static<typeof ListAnswer>

/** POST /api/v1/task-rules/preview: a rule as it would be, also one that is there. Changes nothing. */
export const PreviewBody = Strict({
  ruleId: Type.Optional(Type.String({ format: 'uuid', description: 'Of the rule that it would become.' })),
  ...TaskRuleBody.properties,
})
export type PreviewBody = Static<typeof PreviewBody>

export const RulePreview = Type.Object({
  day: Type.String({ description: 'The night before this day' }),
  tasks: Type.Integer({ description: 'That it would make' }),
  associates: Type.Integer({ description: 'Whose they would be' }),
  nobodys: Type.Integer({ description: 'Of them those that no associate has; the store’s manager sees them' }),
  waiting: Type.Integer({ description: 'More that fit, left for the nights after by nightlyMax' }),
  looked: Type.Integer({ description: 'Members who were looked at' }),
  isWhole: Type.Boolean({ description: 'false: there are more members than could be looked at in time' }),
})
export type RulePreview = Static<typeof RulePreview>

export const TaskRuleQuery = Type.Object(Paged, { additionalProperties: false })
export type TaskRuleQuery = Static<typeof TaskRuleQuery>

export const TaskRulePage = Type.Object({ items: Type.Array(ListedRule), nextCursor: nullable(Type.String()) })

export const CompletionPage = Type.Object({
  items: Type.Array(
    Type.Object({
      storeCode: nullable(Type.String({ description: 'null: of no store' })),
      name: nullable(Type.String()),
      ...completion,
    }),
  ),
  nextCursor: nullable(Type.String()),
})

/** GET /api/v1/task-rules/{ruleId}/completion/{storeCode}. */
export const StoreCompletionParams = Type.Object({
  ruleId: Type.String({ format: 'uuid' }),
  storeCode: Type.String({ minLength: 1, maxLength: 256, format: 'text' }),
})
export type StoreCompletionParams = Static<typeof StoreCompletionParams>

export const StoreCompletionPage = Type.Object({
  items: Type.Array(
    Type.Object({
      associateId: nullable(Type.String({ description: 'null: nobody’s, for the store’s manager' })),
      name: nullable(Type.String()),
      ...completion,
    }),
  ),
  nextCursor: nullable(Type.String()),
})

// ---------------------------------------------------------------------------------------------- tasks

export const TaskQuery = Type.Object(
  {
    ...Paged,
    whose: Type.Optional(
      Type.Enum(['mine', 'all'], {
        description: 'mine: the asker’s own; all: whatever he may see. Without it mine for associates, else all.',
      }),
    ),
    state: Type.Optional(
      Type.Enum(['open', 'ended'], { description: 'open (default): by the day they are due; ended: newest first' }),
    ),
    memberNo: Type.Optional(
      Type.String({ minLength: 1, maxLength: 256, format: 'key', description: 'One customer’s' }),
    ),
  },
  { additionalProperties: false },
)
export type TaskQuery = Static<typeof TaskQuery>

export const Task = Type.Object({
  taskId: Type.String(),
  kind: Type.Enum(['after_purchase', 'birthday', 'asleep', 'campaign', 'follow_up']),
  ruleId: nullable(Type.String()),
  title: Type.String({ description: 'Empty of a follow-up' }),
  text: Type.String({ description: 'What to send; of a follow-up what was noted' }),
  target: nullable(
    Type.Object({
      kind: Type.Enum(['product']),
      ref: Type.String(),
      name: nullable(Type.String({ description: 'null: no such product' })),
    }),
  ),
  dueDay: Type.String({ description: 'YYYY-MM-DD of the brand’s calendar' }),
  due: Type.Enum(['overdue', 'today', 'later']),
  customer: Type.Object({
    memberNo: Type.String(),
    name: nullable(Type.String()),
    externalUserid: nullable(
      Type.String({ description: 'Of the contact who is the asker’s friend now; null: there is no chat to open' }),
    ),
    occasion: nullable(
      Type.String({ description: 'The day of the last purchase, or of the birthday; null of other kinds' }),
    ),
  }),
  associate: nullable(Type.Object({ associateId: Type.String(), name: Type.String() })),
  storeCode: nullable(Type.String()),
  state: Type.Enum(['open', 'done', 'skipped', 'closed']),
  reason: nullable(
    Type.String({
      description:
        'In words; of a closed one bought, order_gone, past, not_friend or rule_ended. null: done by sending',
    }),
  ),
  stateAt: Type.String(),
  mayDo: Type.Boolean({ description: 'Whether the asker may do it, or leave it out' }),
  undoUntil: nullable(Type.String({ description: 'Until when he may take back that it was done or skipped' })),
})
export type Task = Static<typeof Task>

export const TaskPage = Type.Object({
  asOf: Type.String(),
  /** Of all open ones that were asked for. */
  counts: Type.Object({ overdue: Type.Integer(), today: Type.Integer(), later: Type.Integer() }),
  items: Type.Array(Task),
  nextCursor: nullable(Type.String()),
})
export type TaskPage = Static<typeof TaskPage>

export const TaskParams = Type.Object({ taskId: Type.String({ format: 'uuid' }) })
export type TaskParams = Static<typeof TaskParams>

const Reason = (description: string) => Type.String({ description, minLength: 1, maxLength: 500, format: 'text' })

/** POST /api/v1/tasks/{taskId}/done: by a share that went to the customer, or with a reason; one of the two. */
export const DoneBody = Strict({
  linkCode: Type.Optional(Key('The share that it was done by; it went to this customer.', 128)),
  reason: Type.Optional(Reason('How it was done otherwise.')),
})
export type DoneBody = Static<typeof DoneBody>

export const SkipBody = Strict({ reason: Reason('Why it is left out.') })
export type SkipBody = Static<typeof SkipBody>

/** POST /api/v1/tasks: a follow-up of the asker’s own. The caller makes the id, so that a retry makes no second one. */
export const FollowUpBody = Strict({
  taskId: Type.String({ format: 'uuid', description: 'Made by the caller.' }),
  externalUserid: Key('The customer, as WeCom knows him.', 128),
  dueDay: DayText('When.'),
  text: Reason('What to do then.'),
})
export type FollowUpBody = Static<typeof FollowUpBody>
