import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { Pool } from '../../server/database.ts'
import { RowBuffer } from './row-buffer.ts'
import { TABLES, type TableName } from './tables.ts'

const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const TRAILER = Buffer.from([0xff, 0xff])
/** How much is gathered before it is sent. */
const CHUNK_BYTES = 128 * 1024

/** Rows on their way into a table, over a connection of their own. */
export class CopyStream {
  readonly rows: RowBuffer
  readonly #stream: Writable

  private constructor(stream: Writable, rows: RowBuffer) {
    this.#stream = stream
    this.rows = rows
    stream.write(HEADER)
  }

  static async open(pool: Pool, table: TableName): Promise<CopyStream> {
    const columns = TABLES[table]
    const stream = await pool`
      COPY ${pool(table)} (${pool(columns as unknown as string[])}) FROM STDIN (FORMAT binary)`.writable()
    return new CopyStream(stream, new RowBuffer(columns.length))
  }

  /** Sends what was gathered here where that is much. */
  async sendFull(): Promise<void> {
    if (this.rows.size >= CHUNK_BYTES) await this.send(this.rows.take())
  }

  /** Sends rows; waits where the database is behind. */
  async send(rows: Uint8Array): Promise<void> {
    if (!this.#stream.write(rows)) await once(this.#stream, 'drain')
  }

  async end(): Promise<void> {
    await this.send(this.rows.take())
    this.#stream.end(TRAILER)
    await finished(this.#stream)
  }
}
