import type { QuestionField } from '../../../drizzle/schema/profiles.ts'
import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Answer } from './domain.ts'

interface Options {
  brandId: number
}

export interface QuestionnaireRow {
  fields: QuestionField[]
  toldBy: string
  toldAt: Instant
}

export async function selectQuestionnaire(db: Db, { brandId }: Options) {
  const [row] = await db<QuestionnaireRow[]>`
    SELECT fields, told_by AS "toldBy", told_at AS "toldAt" FROM questionnaires WHERE brand_id = ${brandId}
    ORDER BY told_at DESC, questionnaire_id DESC LIMIT 1`
  return row ?? null
}

export async function insertQuestionnaire(
  db: Db,
  { brandId, id, row }: Options & { id: string; row: QuestionnaireRow },
) {
  await db`
    INSERT INTO questionnaires (brand_id, questionnaire_id, fields, told_by, told_at)
    VALUES (${brandId}, ${id}, ${JSON.stringify(row.fields)}::text::jsonb, ${row.toldBy}, ${row.toldAt})`
}

export interface AnswerRow {
  field: string
  value: Answer | null
  by: string
  at: Instant
}

/** The last answer to each field, under any of a person's numbers. */
export async function selectAnswers(db: Db, { brandId, memberNos }: Options & { memberNos: readonly string[] }) {
  return await db<AnswerRow[]>`
    SELECT DISTINCT ON (a.field) a.field, a.value, COALESCE(who.name, a.answered_by) AS by, a.answered_at AS at
    FROM member_answers AS a
    LEFT JOIN associates AS who ON who.brand_id = ${brandId} AND who.associate_id = a.answered_by
    WHERE a.brand_id = ${brandId} AND a.member_no = ANY (${memberNos as string[]}::text[])
    ORDER BY a.field, a.answered_at DESC, a.answer_id DESC`
}

/** @returns whether it is new */
export async function insertAnswer(
  db: Db,
  options: Options & {
    memberNo: string
    field: string
    answerId: string
    value: Answer | null
    by: string
    now: Instant
  },
): Promise<boolean> {
  const value = options.value === null ? null : JSON.stringify(options.value)
  const inserted = await db`
    INSERT INTO member_answers (brand_id, member_no, field, answer_id, value, answered_by, answered_at)
    VALUES (${options.brandId}, ${options.memberNo}, ${options.field}, ${options.answerId}, ${value}::text::jsonb,
      ${options.by}, ${options.now})
    ON CONFLICT DO NOTHING RETURNING answer_id`
  return inserted.length > 0
}

export interface NoteRow {
  noteId: string
  text: string
  writtenBy: string
  by: string
  at: Instant
  deletedAt: Instant | null
}

const selectWhere = (db: Db, brandId: number, rest: ReturnType<Db>) => db<NoteRow[]>`
  SELECT n.note_id AS "noteId", n.text, n.written_by AS "writtenBy", COALESCE(who.name, n.written_by) AS by,
    n.written_at AS at, n.deleted_at AS "deletedAt"
  FROM member_notes AS n
  LEFT JOIN associates AS who ON who.brand_id = ${brandId} AND who.associate_id = n.written_by
  WHERE ${rest}`

/** Newest first; deleted ones are left out. */
export async function selectNotes(
  db: Db,
  { brandId, memberNos, limit }: Options & { memberNos: readonly string[]; limit: number },
) {
  return await selectWhere(
    db,
    brandId,
    db`n.brand_id = ${brandId} AND n.member_no = ANY (${memberNos as string[]}::text[]) AND n.deleted_at IS NULL
      ORDER BY n.written_at DESC, n.note_id DESC LIMIT ${limit}`,
  )
}

/** A note about this person, deleted or not; held until the transaction ends. */
export async function lockNote(
  db: Db,
  { brandId, noteId, memberNos }: Options & { noteId: string; memberNos: readonly string[] },
) {
  const [row] = await selectWhere(
    db,
    brandId,
    db`n.brand_id = ${brandId} AND n.note_id = ${noteId} AND n.member_no = ANY (${memberNos as string[]}::text[])
      FOR UPDATE OF n`,
  )
  return row ?? null
}

/** @returns whether it is new */
export async function insertNote(
  db: Db,
  options: Options & { noteId: string; memberNo: string; text: string; by: string; now: Instant },
): Promise<boolean> {
  const inserted = await db`
    INSERT INTO member_notes (brand_id, note_id, member_no, text, written_by, written_at)
    VALUES (${options.brandId}, ${options.noteId}, ${options.memberNo}, ${options.text}, ${options.by}, ${options.now})
    ON CONFLICT DO NOTHING RETURNING note_id`
  return inserted.length > 0
}

export async function updateNoteDeleted(
  db: Db,
  { brandId, noteId, deletedAt }: Options & { noteId: string; deletedAt: Instant | null },
) {
  await db`UPDATE member_notes SET deleted_at = ${deletedAt} WHERE brand_id = ${brandId} AND note_id = ${noteId}`
}
