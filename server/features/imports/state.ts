/**
 * How far an import has come, so that one that was killed goes on where it was.
 *
 * It may be behind what the database has (a kill between the two) and never before it; what is sent twice is answered
 * `unchanged`.
 */
import { open, readFile, rename, rm } from 'node:fs/promises'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'

export const ImportCounts = Type.Object({
  created: Type.Integer({ minimum: 0 }),
  updated: Type.Integer({ minimum: 0 }),
  unchanged: Type.Integer({ minimum: 0 }),
  rejected: Type.Integer({ minimum: 0, description: 'Items; each may have several lines' }),
  rejectedLines: Type.Integer({ minimum: 0 }),
})
export type ImportCounts = Static<typeof ImportCounts>

const ImportState = Type.Object(
  {
    fingerprint: Type.String({ description: 'Of file, mapping, time zone and target; another one is another import' }),
    linesDone: Type.Integer({ minimum: 1, description: 'The last line of the file that was dealt with' }),
    rejectsBytes: Type.Integer({ minimum: 0 }),
    counts: ImportCounts,
  },
  { additionalProperties: false },
)
export type ImportState = Static<typeof ImportState>

export type ImportStateStore = {
  /** Undefined where there is none, or what is there cannot be read: beginning anew is always right, only longer. */
  read(): Promise<ImportState | undefined>
  write(state: ImportState): Promise<void>
  remove(): Promise<void>
}

/** A file that is replaced as a whole, so that a kill at any moment leaves the old or the new state. */
export function createStateFile(path: string): ImportStateStore {
  return {
    async read() {
      try {
        const state: unknown = JSON.parse(await readFile(path, 'utf8'))
        return Value.Check(ImportState, state) ? state : undefined
      } catch {
        return undefined
      }
    },
    async write(state) {
      const temporary = `${path}.tmp`
      const handle = await open(temporary, 'w')
      try {
        await handle.writeFile(JSON.stringify(state))
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(temporary, path)
    },
    async remove() {
      await rm(path, { force: true })
    },
  }
}
