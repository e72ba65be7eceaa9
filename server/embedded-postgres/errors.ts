/** What can keep the embedded database from starting or stopping. Each is something that the person at the machine can act on. */
export type EmbeddedPostgresErrorCode =
  | 'embedded.in_use'
  | 'embedded.unsupported_platform'
  | 'embedded.no_account'
  | 'embedded.not_permitted'
  | 'embedded.unreachable'
  | 'embedded.cluster_missing'
  | 'embedded.state_missing'
  | 'embedded.version_mismatch'
  | 'embedded.init_failed'
  | 'embedded.start_failed'
  | 'embedded.stop_failed'
  | 'embedded.backup_failed'
  | 'embedded.backup_damaged'
  | 'embedded.no_backup'
  | 'embedded.not_empty'

/** `code` is stable, the message says what to do. */
export class EmbeddedPostgresError extends Error {
  readonly code: EmbeddedPostgresErrorCode

  constructor(code: EmbeddedPostgresErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'EmbeddedPostgresError'
    this.code = code
  }
}

const fileRefusals = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT'])

/** The `code` of a system error (`ENOENT`, `EACCES`, …), or undefined for anything else that was thrown. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
}

/** A file system that refuses us is the operator's to repair, so it gets a code and advice; other errors pass through. */
export function explainFileRefusal(error: unknown, dataDir: string): unknown {
  if (error instanceof EmbeddedPostgresError || !fileRefusals.has(systemErrorCode(error) ?? '')) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new EmbeddedPostgresError(
    'embedded.not_permitted',
    `The embedded database cannot use its folder ${dataDir}: ${reason}. ` +
      'Start the service as the user who started it before, give that user the folder, or set another DATA_DIR.',
    error,
  )
}
