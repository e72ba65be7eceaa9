/**
 * One vocabulary for everything that can go wrong, whether WeCom, the network or the service said it. A screen shows
 * the kind in words and the code as it is, so that whoever is asked for help can look the code up.
 */
export type DiagnosisKind =
  | 'not_in_wecom'
  | 'untrusted_domain'
  | 'wrong_ticket'
  | 'bad_signature'
  | 'wrong_corp'
  | 'no_permission'
  | 'no_customer'
  | 'wecom_timeout'
  | 'old_client'
  | 'wecom_refused'
  | 'unknown_userid'
  | 'not_a_member'
  | 'associate_inactive'
  | 'sign_in_failed'
  | 'session_missing'
  | 'network_down'
  | 'service_timeout'
  | 'service_down'
  | 'too_many_requests'
  | 'too_much'
  | 'forbidden'
  | 'not_found'
  | 'refused'
  | 'broken'

/** What is wrong with one field of what was sent. */
export interface FieldFault {
  /** `fields[0].key`; empty for the whole. */
  path: string
  code: string
  message: string
}

export interface Diagnosis {
  kind: DiagnosisKind
  /** What to quote when asking for help: WeCom's number, the service's stable code, or which call timed out. */
  code: string
  /** The other side's own words. */
  detail: string | null
  /** The service's id of the failed request, by which its log line is found. */
  requestId: string | null
  /** Each field that the service refused. */
  faults?: readonly FieldFault[]
}

/** A refusal or an outage with its diagnosis: the only kind of error that a screen is handed. */
export class Failure extends Error {
  readonly diagnosis: Diagnosis

  constructor(
    kind: DiagnosisKind,
    code: string,
    detail: string | null = null,
    requestId: string | null = null,
    faults: readonly FieldFault[] = [],
  ) {
    super(`${kind} (${code})${detail ? `: ${detail}` : ''}`)
    this.name = 'Failure'
    this.diagnosis = { kind, code, detail, requestId, ...(faults.length > 0 ? { faults } : {}) }
  }
}

/** What is not a Failure is a fault of ours; it is shown with its message rather than as a blank page. */
export function toDiagnosis(error: unknown): Diagnosis {
  if (error instanceof Failure) return error.diagnosis
  const message = error instanceof Error ? error.message : String(error)
  // A lazy chunk that cannot be fetched has no class of its own, only a message that differs from browser to browser.
  if (/dynamically imported module|importing a module script|module script failed|unable to preload/i.test(message))
    return { kind: 'network_down', code: 'CHUNK', detail: message, requestId: null }
  return { kind: 'broken', code: 'APP', detail: message, requestId: null }
}

/** Reasons that the sign-in callback hands back in `?refused=`, in the screen's vocabulary. */
const refusalKinds: Record<string, DiagnosisKind> = {
  unknown_userid: 'unknown_userid',
  not_a_member: 'not_a_member',
  associate_inactive: 'associate_inactive',
  untrusted_domain: 'untrusted_domain',
  wecom_unreachable: 'service_down',
}

/** A refused sign-in; a reason from a newer service than this page is still shown, by its code. */
export function toRefusal(reason: string): Failure {
  return new Failure(refusalKinds[reason] ?? 'sign_in_failed', reason)
}
