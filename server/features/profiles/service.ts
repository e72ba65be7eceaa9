import { transact, type Db, type Pool, type Tx } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { canonicalJson } from '../../lib/items.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller } from '../auth/domain.ts'
import { findCustomer, personOf, type Customer } from '../customers/service.ts'
import { withoutPhones } from '../members/domain.ts'
import { faultsOfFields, FIXED_FIELDS, isAnswerTo } from './domain.ts'
import {
  insertAnswer,
  insertNote,
  insertQuestionnaire,
  lockNote,
  selectAnswers,
  selectNotes,
  selectQuestionnaire,
  updateNoteDeleted,
  type AnswerRow,
  type NoteRow,
} from './queries.ts'
import type { AnswerBody, Note, NoteBody, Profile, ProfileAnswer, QuestionnaireBody } from './schema.ts'

interface Asked {
  caller: Caller
  now: Instant
}

const NOTES_MAX = 100

/** What is asked about customers: what every brand asks, and the brand's own. */
export async function readQuestionnaire(db: Db, brandId: number) {
  const row = await selectQuestionnaire(db, { brandId })
  return {
    fixed: [...FIXED_FIELDS],
    fields: row?.fields ?? [],
    toldBy: row?.toldBy ?? null,
    toldAt: row ? formatInstant(row.toldAt) : null,
  }
}

/** The brand's own fields. The same again changes nothing. @throws AppError invalid_body with every fault by its path */
export async function tellQuestionnaire(pool: Pool, { caller, now, body }: Asked & { body: QuestionnaireBody }) {
  const { brandId, actor } = caller
  const { fields } = body
  const faults = faultsOfFields(fields)
  if (faults.length > 0) throw new AppError('invalid_body', faults[0]!.message, faults)
  return await transact(pool, async tx => {
    const before = await selectQuestionnaire(tx, { brandId })
    if (canonicalJson(before?.fields ?? []) !== canonicalJson(fields)) {
      await insertQuestionnaire(tx, { brandId, id: uuidv7(now), row: { fields, toldBy: actor, toldAt: now } })
      const details = { fields: fields.map(field => field.key) }
      await insertActivity(tx, { brandId, now, actor, action: 'questionnaire.changed', subject: 'settings/questionnaire', details }) // prettier-ignore
    }
    return await readQuestionnaire(tx, brandId)
  })
}

/** What was written down about the customer of a chat. @throws AppError not_found where his card is not the asker's to see */
export async function readProfile(
  db: Db,
  { caller, now, externalUserid }: Asked & { externalUserid: string },
): Promise<Profile> {
  const { brandId } = caller
  const { person } = await visibleCustomer(db, { caller, now, externalUserid })
  const { memberNos } = person
  const [questionnaire, answers, notes] = await Promise.all([
    readQuestionnaire(db, brandId),
    selectAnswers(db, { brandId, memberNos }),
    selectNotes(db, { brandId, memberNos, limit: NOTES_MAX }),
  ])
  const fields = [...questionnaire.fixed, ...questionnaire.fields]
  const byKey = new Map(fields.map(field => [field.key, field]))
  return {
    asOf: formatInstant(now),
    memberNo: person.memberNo,
    fields,
    answers: answers
      .filter(row => byKey.has(row.field) && isAnswerTo(byKey.get(row.field)!, row.value))
      .map(shownAnswer),
    notes: notes.map(row => shownNote(row, caller)),
  }
}

/** @throws AppError not_found: nobody, and somebody whose card is not the asker's to see, look alike */
async function visibleCustomer(
  db: Db,
  { caller, now, externalUserid }: Asked & { externalUserid: string },
): Promise<Customer> {
  const customer = await findCustomer(db, caller, { externalUserid, now })
  if (customer?.sight !== 'full') throw new AppError('not_found', 'There is no such customer, or he is no member.')
  return customer
}

const shownAnswer = ({ field, value, by, at }: AnswerRow): ProfileAnswer => ({
  field,
  value,
  by,
  at: formatInstant(at),
})

const shownNote = (row: NoteRow, caller: Caller): Note => ({
  noteId: row.noteId,
  text: row.text,
  by: row.by,
  isMine: row.writtenBy === caller.person?.associateId,
  at: formatInstant(row.at),
  isDeleted: row.deletedAt !== null,
})

/** One answer, or that it is taken back. The same id again is the same answer. @throws AppError not_found, invalid_body */
export async function answer(pool: Pool, { caller, now, body }: Asked & { body: AnswerBody }): Promise<ProfileAnswer> {
  const { brandId } = caller
  const { associateId, name } = personOf(caller)
  const { field: key, externalUserid } = body
  const value = typeof body.value === 'string' ? withoutPhones(body.value) : body.value
  const { person } = await visibleCustomer(pool, { caller, now, externalUserid })
  return await transact(pool, async tx => {
    const { fixed, fields } = await readQuestionnaire(tx, brandId)
    const field = [...fixed, ...fields].find(one => one.key === key)
    if (!field) throw invalid('field', 'unknown_field', 'This is not asked.')
    if (value !== null && !isAnswerTo(field, value)) throw invalid('value', 'invalid_value', 'This is no answer to it.')
    const { memberNo } = person
    const answerId = body.answerId.toLowerCase()
    const isNew = await insertAnswer(tx, { brandId, memberNo, field: key, answerId, value, by: associateId, now })
    if (isNew) await record(tx, { caller, now, memberNo, action: 'customer.answered', details: { field: key } })
    return { field: key, value, by: name, at: formatInstant(now) }
  })
}

const invalid = (path: string, code: string, message: string) =>
  new AppError('invalid_body', message, [{ path, code, message }])

/** @throws AppError not_found; conflict where the id is another note's */
export async function writeNote(
  pool: Pool,
  { caller, now, body }: Asked & { body: NoteBody },
): Promise<{ note: Note; isNew: boolean }> {
  const { brandId } = caller
  const { associateId: by } = personOf(caller)
  const noteId = body.noteId.toLowerCase()
  const text = withoutPhones(body.text)
  const { person } = await visibleCustomer(pool, { caller, now, externalUserid: body.externalUserid })
  const { memberNo, memberNos } = person
  return await transact(pool, async tx => {
    const isNew = await insertNote(tx, { brandId, noteId, memberNo, text, by, now })
    const row = await lockNote(tx, { brandId, noteId, memberNos })
    if (row?.writtenBy !== by || row.text !== text) {
      throw new AppError('conflict', 'This noteId was used for another note.')
    }
    if (isNew) await record(tx, { caller, now, memberNo, action: 'customer.noted', details: { noteId } })
    return { note: shownNote(row, caller), isNew }
  })
}

/** One's own note, deleted or back again. Again, it changes nothing. @throws AppError not_found, forbidden */
export async function deleteNote(
  pool: Pool,
  options: Asked & { noteId: string; externalUserid: string; isDeleted: boolean },
): Promise<Note> {
  const { caller, now, noteId, externalUserid, isDeleted } = options
  const { brandId } = caller
  const { person } = await visibleCustomer(pool, { caller, now, externalUserid })
  const { memberNo, memberNos } = person
  return await transact(pool, async tx => {
    const row = await lockNote(tx, { brandId, noteId, memberNos })
    if (!row) throw new AppError('not_found', 'There is no such note.')
    if (row.writtenBy !== personOf(caller).associateId) throw new AppError('forbidden', 'This is somebody else’s note.')
    if ((row.deletedAt !== null) === isDeleted) return shownNote(row, caller)
    const deletedAt = isDeleted ? now : null
    await updateNoteDeleted(tx, { brandId, noteId, deletedAt })
    const action = isDeleted ? 'customer.note_deleted' : 'customer.note_restored'
    await record(tx, { caller, now, memberNo, action, details: { noteId } })
    return shownNote({ ...row, deletedAt }, caller)
  })
}

const record = (
  tx: Tx,
  {
    caller,
    now,
    memberNo,
    action,
    details,
  }: Asked & { memberNo: string; action: string; details: Record<string, unknown> },
) =>
  insertActivity(tx, {
    brandId: caller.brandId,
    now,
    actor: caller.actor,
    action,
    subject: `members/${memberNo}`,
    details,
  })
