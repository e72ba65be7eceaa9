import { Type } from 'typebox'
import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import type { Access } from '../../plugins/access.ts'
import {
  CompletionPage,
  DoneBody,
  FollowUpBody,
  ListAnswer,
  ListBody,
  PreviewBody,
  RulePreview,
  SkipBody,
  StoreCompletionPage,
  StoreCompletionParams,
  Task,
  TaskPage,
  TaskParams,
  TaskQuery,
  TaskRule,
  TaskRuleBody,
  TaskRulePage,
  TaskRuleParams,
  TaskRulePatch,
  TaskRuleQuery,
} from './schema.ts'
import {
  changeRule,
  completionOf,
  createFollowUp,
  createRule,
  doTask,
  endRule,
  listMembers,
  listRules,
  listTasks,
  previewOf,
  reopenTask,
  skipTask,
  storeCompletionOf,
} from './service.ts'

const Nothing = Type.Object({}, { additionalProperties: false })

export function taskRoutes(
  app: FastifyInstance,
  options: { pool: Pool; vault: Vault; publicUrl: string; access: Access; now: () => Instant },
): void {
  const { access, now, ...dependencies } = options
  const { pool } = dependencies
  app.get(
    '/task-rules',
    {
      onRequest: access.read,
      schema: {
        tags: ['tasks'],
        summary: 'Rules that make tasks, newest first, with what became of those',
        querystring: TaskRuleQuery,
        response: { 200: TaskRulePage },
      },
    },
    ({ caller, query }) => listRules(pool, { caller, now: now(), query: query as TaskRuleQuery }),
  )
  app.post(
    '/task-rules',
    {
      onRequest: access.admin,
      schema: {
        tags: ['tasks'],
        summary: 'Say whom associates should turn to, when, and with what',
        description: 'Tasks are made every night; the first ones the night after.',
        body: TaskRuleBody,
        response: { 201: TaskRule },
      },
    },
    async ({ caller, body }, reply) =>
      await reply.code(201).send(await createRule(pool, { caller, now: now(), body: body as TaskRuleBody })),
  )
  app.post(
    '/task-rules/preview',
    {
      onRequest: access.admin,
      schema: {
        tags: ['tasks'],
        summary: 'What a rule would make on the coming night; nothing is changed',
        body: PreviewBody,
        response: { 200: RulePreview },
      },
    },
    ({ caller, body }) => previewOf(pool, { caller, now: now(), clock: now, body: body as PreviewBody }),
  )
  app.put(
    '/task-rules/:ruleId/members',
    {
      onRequest: access.admin,
      schema: {
        tags: ['tasks'],
        summary: 'Whom a campaign is for by name: the whole list',
        params: TaskRuleParams,
        body: ListBody,
        response: { 200: ListAnswer },
      },
    },
    ({ caller, params, body }) =>
      listMembers(pool, { caller, now: now(), ...(params as TaskRuleParams), ...(body as ListBody) }),
  )
  app.patch(
    '/task-rules/:ruleId',
    {
      onRequest: access.admin,
      schema: {
        tags: ['tasks'],
        summary: 'Change a rule for the tasks that it makes from then on',
        params: TaskRuleParams,
        body: TaskRulePatch,
        response: { 200: TaskRule },
      },
    },
    ({ caller, params, body }) =>
      changeRule(pool, { caller, now: now(), ...(params as TaskRuleParams), patch: body as TaskRulePatch }),
  )
  app.delete(
    '/task-rules/:ruleId',
    {
      onRequest: access.admin,
      schema: {
        tags: ['tasks'],
        summary: 'End a rule, and close what is open of it',
        params: TaskRuleParams,
        response: { 200: TaskRule },
      },
    },
    ({ caller, params }) => endRule(pool, { caller, now: now(), ...(params as TaskRuleParams) }),
  )
  app.get(
    '/task-rules/:ruleId/completion',
    {
      onRequest: access.read,
      schema: {
        tags: ['tasks'],
        summary: 'What became of a rule’s tasks, by store',
        params: TaskRuleParams,
        querystring: TaskRuleQuery,
        response: { 200: CompletionPage },
      },
    },
    ({ caller, params, query }) =>
      completionOf(pool, { caller, now: now(), ...(params as TaskRuleParams), query: query as TaskRuleQuery }),
  )
  app.get(
    '/task-rules/:ruleId/completion/:storeCode',
    {
      onRequest: access.read,
      schema: {
        tags: ['tasks'],
        summary: 'What became of a rule’s tasks in one store, by associate',
        params: StoreCompletionParams,
        querystring: TaskRuleQuery,
        response: { 200: StoreCompletionPage },
      },
    },
    ({ caller, params, query }) =>
      storeCompletionOf(pool, {
        caller,
        now: now(),
        ...(params as StoreCompletionParams),
        query: query as TaskRuleQuery,
      }),
  )
  app.get(
    '/tasks',
    {
      onRequest: access.read,
      schema: {
        tags: ['tasks'],
        summary: 'Tasks: open ones by the day they are due, or those that ended, newest first',
        querystring: TaskQuery,
        response: { 200: TaskPage },
      },
    },
    ({ caller, query }) => listTasks(pool, { caller, now: now(), query: query as TaskQuery }),
  )
  app.post(
    '/tasks',
    {
      onRequest: access.personWrites,
      schema: {
        tags: ['tasks'],
        summary: 'Set oneself a follow-up for a customer',
        body: FollowUpBody,
        response: { 200: Task, 201: Task },
      },
    },
    async ({ caller, body }, reply) => {
      const { task, isNew } = await createFollowUp(dependencies, { caller, now: now(), body: body as FollowUpBody })
      return await reply.code(isNew ? 201 : 200).send(task)
    },
  )
  app.post(
    '/tasks/:taskId/done',
    {
      onRequest: access.personWrites,
      schema: {
        tags: ['tasks'],
        summary: 'A task is done: by a share that went to the customer, or otherwise, with a reason',
        params: TaskParams,
        body: DoneBody,
        response: { 200: Task },
      },
    },
    ({ caller, params, body }) =>
      doTask(dependencies, { caller, now: now(), ...(params as TaskParams), body: body as DoneBody }),
  )
  app.post(
    '/tasks/:taskId/skip',
    {
      onRequest: access.personWrites,
      schema: {
        tags: ['tasks'],
        summary: 'A task is left out, with a reason',
        params: TaskParams,
        body: SkipBody,
        response: { 200: Task },
      },
    },
    ({ caller, params, body }) =>
      skipTask(dependencies, { caller, now: now(), ...(params as TaskParams), reason: (body as SkipBody).reason }),
  )
  app.post(
    '/tasks/:taskId/undo',
    {
      onRequest: access.personWrites,
      schema: {
        tags: ['tasks'],
        summary: 'Open a task again that was done or skipped a moment ago',
        params: TaskParams,
        body: Nothing,
        response: { 200: Task },
      },
    },
    ({ caller, params }) => reopenTask(dependencies, { caller, now: now(), ...(params as TaskParams) }),
  )
}
