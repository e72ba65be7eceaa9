import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { ReservedSql } from 'postgres'
import type { Pool } from '../../server/database.ts'
import { RowBuffer } from './row-buffer.ts'
import { TABLES, type TableName } from './tables.ts'

const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const TRAILER = Buffer.from([0xff, 0xff])
/** How much is gathered before it is sent. */
const CHUNK_BYTES = 128 * 1024

/** These are partitioned, which `FREEZE` is not for. */
const PARTITIONED: readonly TableName[] = ['touches', 'ledger_rows']

/** Rows on their way into a table, over a connection and in a transaction of their own. */
export class CopyStream {
  readonly rows: RowBuffer
  readonly #stream: Writable
  readonly #connection: ReservedSql

  private constructor(stream: Writable, rows: RowBuffer, connection: ReservedSql) {
    this.#stream = stream
    this.rows = rows
    this.#connection = connection
    stream.write(HEADER)
  }

  /**
   * @param isFirst the table is empty. It is emptied once more, in the transaction that fills it: so nothing of it goes
   *   into the log where that is minimal, and rows can be written as seen by all, which saves writing each page again
   */
  static async open(pool: Pool, table: TableName, { isFirst }: { isFirst: boolean }): Promise<CopyStream> {
    const columns = TABLES[table]
    const sql = await pool.reserve()
    await sql`BEGIN`
    if (isFirst) await sql`TRUNCATE ${sql(table)}`
    const freeze = isFirst && !PARTITIONED.includes(table) ? sql`, FREEZE` : sql``
    const stream = await sql`
      COPY ${sql(table)} (${sql(columns as unknown as string[])}) FROM STDIN (FORMAT binary${freeze})`.writable()
    return new CopyStream(stream, new RowBuffer(columns.length), sql)
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
    await this.#connection`COMMIT`
    this.#connection.release()
  }
}
