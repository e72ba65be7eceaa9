import type { Pool } from '../../server/database.ts'
import { uuidv7 } from '../../server/lib/ids.ts'

export interface RowToBook {
  payee: string
  payeeKind?: string
  amountFen: number
  availableAt?: string
  bearer?: string
  subject?: string
  role?: string | null
  orderNo?: string
  bookedAt?: string
}

/** Puts rows into the ledger that no order stands behind: for tests of what is done with rows, wherever they come from. */
export async function book(pool: Pool, brandId: number, rows: readonly RowToBook[]): Promise<void> {
  const whole = rows.map(row => {
    const { subject = 'order_line', bearer = 'headquarters', bookedAt = '2026-03-20T04:00:00Z' } = row
    return {
      payeeKind: 'associate',
      availableAt: '2026-03-27T04:00:00Z',
      orderNo: subject === 'order_line' ? 'o-1' : null,
      ...row,
      subject,
      role: row.role ?? (subject === 'order_line' ? 'sharer' : null),
      bearer,
      bearerKind: bearer === 'headquarters' ? 'headquarters' : 'store',
      bookedAt,
      rowId: uuidv7(Date.parse(bookedAt)),
    }
  })
  await pool`
    INSERT INTO ledger_rows (brand_id, row_id, booked_at, subject, source, order_no, line_no, role, payee_kind, payee,
      bearer_kind, bearer, amount_fen, reason, available_at)
    SELECT ${brandId}, "rowId", "bookedAt", subject, 'mall', "orderNo", 1, role, "payeeKind", payee, "bearerKind", bearer,
      "amountFen", 'sale', "availableAt"
    FROM jsonb_to_recordset(${JSON.stringify(whole)}::text::jsonb)
      AS row ("rowId" uuid, "bookedAt" timestamptz, subject text, "orderNo" text, role text, "payeeKind" text, payee text,
        "bearerKind" text, bearer text, "amountFen" bigint, "availableAt" timestamptz)`
}
