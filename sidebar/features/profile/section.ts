import { defineMessages } from '../../lib/locale.ts'

/** What stands on the card before the rest is asked for. */
export const section = defineMessages(
  { title: '问卷、备注、跟进', open: '查看与填写' },
  { title: 'Questions, notes, follow-ups', open: 'See and fill in' },
)
