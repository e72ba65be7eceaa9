import { index, jsonb, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { brandIdColumn, instantColumn, textColumn, uuidColumn } from '../columns.ts'

/** A question that the brand has about its customers. */
export interface QuestionField {
  key: string
  label: string
  kind: 'text' | 'choice' | 'several' | 'date' | 'number'
  /** Of a choice, and of several. */
  options?: string[]
}

/** One row is the brand's questionnaire as it was told. The last counts. */
export const questionnaires = pgTable(
  'questionnaires',
  {
    brandId: brandIdColumn(),
    questionnaireId: uuidColumn('questionnaire_id').notNull(),
    fields: jsonb('fields').$type<QuestionField[]>().notNull(),
    toldBy: textColumn('told_by').notNull(),
    toldAt: instantColumn('told_at').notNull(),
  },
  row => [primaryKey({ columns: [row.brandId, row.questionnaireId] })],
)

/** One row is one answer about a customer, or that it was taken back. Evidence; of one field the last counts. */
export const memberAnswers = pgTable(
  'member_answers',
  {
    brandId: brandIdColumn(),
    memberNo: textColumn('member_no').notNull(),
    field: textColumn('field').notNull(),
    /** Made by whoever answered, so that a retry adds nothing. */
    answerId: uuidColumn('answer_id').notNull(),
    /** A text, a number or a list of texts; null: taken back. */
    value: jsonb('value').$type<string | number | string[]>(),
    answeredBy: textColumn('answered_by').notNull(),
    answeredAt: instantColumn('answered_at').notNull(),
  },
  row => [primaryKey({ columns: [row.brandId, row.memberNo, row.field, row.answerId] })],
)

/** One row is a note about a customer. Its text is never rewritten. */
export const memberNotes = pgTable(
  'member_notes',
  {
    brandId: brandIdColumn(),
    noteId: uuidColumn('note_id').notNull(),
    memberNo: textColumn('member_no').notNull(),
    text: textColumn('text').notNull(),
    writtenBy: textColumn('written_by').notNull(),
    writtenAt: instantColumn('written_at').notNull(),
    deletedAt: instantColumn('deleted_at'),
  },
  row => [
    primaryKey({ columns: [row.brandId, row.noteId] }),
    index('member_notes_by_member').on(row.brandId, row.memberNo, row.writtenAt),
  ],
)
