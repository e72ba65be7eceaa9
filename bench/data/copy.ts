import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { Pool } from '../../server/database.ts'
import { RowBuffer } from './row-buffer.ts'
import { TABLES, type TableName } from './tables.ts'

/** Rows on their way into a table, over a connection of its own. */
export class CopyStream {
  readonly rows: RowBuffer
  readonly #stream: Writable

  private constructor(stream: Writable, rows: RowBuffer) {
    this.#stream = stream
    this.rows = rows
  }

  static async open(pool: Pool, table: TableName): Promise<CopyStream> {
    const columns = TABLES[table]
    const stream = await pool`
      COPY ${pool(table)} (${pool(columns as unknown as string[])}) FROM STDIN (FORMAT binary)`.writable()
    return new CopyStream(stream, new RowBuffer(columns.length))
  }

  /** Sends what was gathered where that is much; waits where the database is behind. */
  async sendFull(): Promise<void> {
    if (this.rows.isFull) await this.#send()
  }

  async end(): Promise<void> {
    this.rows.end()
    await this.#send()
    this.#stream.end()
    await finished(this.#stream)
  }

  async #send(): Promise<void> {
    if (!this.#stream.write(this.rows.take())) await once(this.#stream, 'drain')
  }
}
