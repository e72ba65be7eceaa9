import type { SpanContext } from '@opentelemetry/api'

/** W3C trace context: `00-{32 hex}-{16 hex}-{flags}`. @returns null where it is none */
export function traceparentOf(header: unknown): SpanContext | null {
  const match = typeof header === 'string' ? /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(header) : null
  if (!match || /^0+$/.test(match[1]!) || /^0+$/.test(match[2]!)) return null
  return { traceId: match[1]!, spanId: match[2]!, traceFlags: parseInt(match[3]!, 16) & 1, isRemote: true }
}
