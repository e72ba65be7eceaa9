import { page } from './messages.ts'

/** Who sent something, as people call it: `key:<name>` is a key, `import` the command line. */
export const senderText = (sentBy: string): string =>
  sentBy === 'import' ? page.value.command : sentBy.replace(/^key:/, '')
