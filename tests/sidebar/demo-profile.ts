/** What was written down about a made-up customer. The types are the service's contract: what drifts, fails. */
import type { Note, NoteBody, Profile } from '../../server/features/profiles/schema.ts'
import { asOf, session } from './demo-data.ts'

const note: Note = {
  noteId: '018f0000-0000-7000-8000-0000000000c1',
  text: '对羊毛过敏，只推真丝和棉',
  by: session.name,
  isMine: true,
  at: '2026-11-08T16:30:00+08:00',
  isDeleted: false,
}

export const demoProfile: Profile = {
  asOf,
  memberNo: 'VIP0001',
  fields: [
    { key: 'size', label: '', kind: 'text' },
    { key: 'anniversary', label: '', kind: 'date' },
    { key: 'visit', label: '方便到店的时间', kind: 'choice', options: ['工作日', '周末'] },
    { key: 'colour', label: '喜欢的颜色', kind: 'several', options: ['驼色', '藏青', '黑', '米白', '酒红'] },
    { key: 'height', label: '身高（厘米）', kind: 'number' },
  ],
  answers: [
    { field: 'size', value: 'M', by: '王芳', at: '2026-10-02T21:05:00+08:00' },
    { field: 'colour', value: ['驼色', '米白'], by: '李华', at: '2026-11-08T16:20:00+08:00' },
  ],
  notes: [
    note,
    { ...note, noteId: '018f0000-0000-7000-8000-0000000000c2', text: '儿子明年上小学', by: '王芳', isMine: false },
  ],
}

export const writtenNote = (body: unknown): Note => {
  const { noteId, text } = body as NoteBody
  return { ...note, noteId, text, at: asOf }
}
