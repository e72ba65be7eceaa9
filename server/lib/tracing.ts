/** What goes on, told to whoever listens. While nobody does, which is the rule, it costs a function call. */

export type Attributes = Record<string, string | number | boolean>

/** Something that takes time. */
export interface Span {
  /** Whatever begins within the work is a part of this. */
  within<T>(work: () => T): T
  end(outcome?: { attributes?: Attributes; isError?: boolean }): void
}

export interface Tracer {
  /** @param carrier headers that may name the span of another service that this is a part of */
  begin(
    name: string,
    options: { kind: 'server' | 'client' | 'internal'; attributes?: Attributes; carrier?: Record<string, unknown> },
  ): Span
}

let listening: Tracer | null = null

/** null: nobody listens any more. */
export function listen(tracer: Tracer | null): void {
  listening = tracer
}

export const tracer = (): Tracer | null => listening

/** Does something as a span. Nothing that is personal, secret or typed belongs into the attributes. */
export async function traced<T>(
  name: string,
  options: { kind: 'client' | 'internal'; attributes?: Attributes },
  work: () => Promise<T>,
): Promise<T> {
  if (listening === null) return await work()
  const span = listening.begin(name, options)
  try {
    const value = await span.within(work)
    span.end()
    return value
  } catch (error) {
    span.end({ isError: true, attributes: { 'error.type': error instanceof Error ? error.name : 'unknown' } })
    throw error
  }
}
