/**
 * Every refusal that a caller can act on, and the HTTP status it becomes. Codes are stable: other systems' code is
 * written against them.
 */
const STATUS_BY_CODE = {
  bad_request: 400,
  malformed_json: 400,
  malformed_cursor: 400,
  invalid_query: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  too_many_items: 413,
  unsupported_media_type: 415,
  not_an_array: 422,
  empty_batch: 422,
  invalid_body: 422,
  invalid_plan: 422,
  store_role: 422,
  unknown_associate: 422,
  rate_limited: 429,
  'figures.too_much': 422,
  database_unavailable: 503,
  database_full: 503,
  'session.missing': 401,
  'session.refused': 403,
  'session.csrf': 403,
  'wecom.not_configured': 503,
  'wecom.unreachable': 503,
  'wecom.foreign_url': 422,
  'wecom.ambiguous': 422,
  'wecom.linked': 409,
  'wecom.refused': 409,
  'wecom.busy': 409,
  'wecom.unknown_tag': 422,
  'mini_program.not_configured': 503,
  'mini_program.unreachable': 503,
  'mini_program.refused': 409,
  'mini_program.no_page': 404,
  'adjustment.confirmed_by_maker': 409,
  'adjustment.pays_out': 409,
  'handover.not_his': 409,
  'transfer.not_his': 409,
  'transfer.under_way': 409,
  'draft.changed': 409,
  'settlement.cutoff_in_future': 422,
  'settlement.unpayable': 422,
  'settlement.busy': 409,
  'settlement.not_draft': 409,
  'settlement.not_approved': 409,
  'settlement.paid_already': 409,
  'share.unknown_target': 404,
  'share.id_taken': 409,
  'dispute.holds_role': 422,
  'dispute.own_purchase': 422,
  'picture.storage_unreachable': 503,
  'task.not_open': 409,
  'task.undo_over': 409,
  'task.not_sent': 422,
  'key.in_use': 409,
  'reject.masked': 422,
  'webhook.url_refused': 422,
  'webhook.too_many': 409,
  'webhook.paused': 409,
} as const

export type ErrorCode = keyof typeof STATUS_BY_CODE

/** One thing wrong with what was sent: where, which rule, in words. */
export interface Fault {
  /** `rules[3].rateBps`; empty for the whole. */
  path: string
  code: string
  message: string
}

export class AppError extends Error {
  readonly code: ErrorCode
  readonly status: number
  readonly faults: readonly Fault[]
  /** After how many seconds it is worth asking again; null where that is not known. */
  readonly retryAfter: number | null
  constructor(code: ErrorCode, message: string, faults: readonly Fault[] = [], retryAfter: number | null = null) {
    super(message)
    this.name = 'AppError'
    this.code = code
    this.status = STATUS_BY_CODE[code]
    this.faults = faults
    this.retryAfter = retryAfter
  }
}

/** Stops the process with an exit code of docs/operations.md: 2 for settings, 1 for all else. */
export class ExitError extends Error {
  readonly exitCode: number
  constructor(exitCode: number, message: string) {
    super(message)
    this.name = 'ExitError'
    this.exitCode = exitCode
  }
}
