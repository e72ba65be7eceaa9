import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import {
  AnswerBody,
  Note,
  NoteBody,
  NoteDeedBody,
  NoteParams,
  Profile,
  ProfileAnswer,
  ProfileQuery,
  Questionnaire,
  QuestionnaireBody,
} from './schema.ts'
import { answer, deleteNote, readProfile, readQuestionnaire, tellQuestionnaire, writeNote } from './service.ts'

export function profileRoutes(app: FastifyInstance, options: { pool: Pool; access: Access; now: () => Instant }): void {
  const { pool, access, now } = options
  app.get(
    '/settings/questionnaire',
    {
      onRequest: access.readBrand,
      schema: { tags: ['settings'], summary: 'What is asked about customers', response: { 200: Questionnaire } },
    },
    ({ caller }) => readQuestionnaire(pool, caller.brandId),
  )
  app.put(
    '/settings/questionnaire',
    {
      onRequest: access.admin,
      schema: {
        tags: ['settings'],
        summary: 'Say what the brand asks about customers, beside the fixed fields',
        body: QuestionnaireBody,
        response: { 200: Questionnaire },
      },
    },
    ({ caller, body }) => tellQuestionnaire(pool, { caller, now: now(), body: body as QuestionnaireBody }),
  )
  app.get(
    '/customers/profile',
    {
      onRequest: access.person,
      schema: {
        tags: ['sidebar'],
        summary: 'What was written down about a customer: answers and notes',
        querystring: ProfileQuery,
        response: { 200: Profile },
      },
    },
    ({ caller, query }) => readProfile(pool, { caller, now: now(), ...(query as ProfileQuery) }),
  )
  app.post(
    '/customers/answers',
    {
      onRequest: access.personWrites,
      schema: {
        tags: ['sidebar'],
        summary: 'Answer a question about a customer, or take the answer back',
        body: AnswerBody,
        response: { 200: ProfileAnswer },
      },
    },
    ({ caller, body }) => answer(pool, { caller, now: now(), body: body as AnswerBody }),
  )
  app.post(
    '/customers/notes',
    {
      onRequest: access.personWrites,
      schema: {
        tags: ['sidebar'],
        summary: 'Write a note about a customer',
        body: NoteBody,
        response: { 200: Note, 201: Note },
      },
    },
    async ({ caller, body }, reply) => {
      const { note, isNew } = await writeNote(pool, { caller, now: now(), body: body as NoteBody })
      return await reply.code(isNew ? 201 : 200).send(note)
    },
  )
  for (const deed of ['delete', 'restore'] as const) {
    app.post(
      `/customers/notes/:noteId/${deed}`,
      {
        onRequest: access.personWrites,
        schema: {
          tags: ['sidebar'],
          summary: deed === 'delete' ? 'Delete a note of one’s own' : 'Take back that a note was deleted',
          params: NoteParams,
          body: NoteDeedBody,
          response: { 200: Note },
        },
      },
      ({ caller, params, body }) =>
        deleteNote(pool, {
          caller,
          now: now(),
          ...(params as NoteParams),
          ...(body as NoteDeedBody),
          isDeleted: deed === 'delete',
        }),
    )
  }
}
