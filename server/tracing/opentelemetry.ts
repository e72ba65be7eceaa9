import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TracerProvider,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace'
import { listen, type Tracer } from '../lib/tracing.ts'
import { traceparentOf } from './traceparent.ts'

/** Loaded only where traces are wanted: main.ts imports it when the settings name a receiver. */

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL }

export interface Tracing {
  tracer: Tracer
  /** Sends what is left. */
  stop(): Promise<void>
}

/** Sends spans by OTLP over HTTP, as JSON, a few seconds' worth at a time. */
export function startTracing(options: { endpoint: string; serviceName: string; ratio: number }): Tracing {
  const { endpoint, serviceName, ratio } = options
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': serviceName }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: `${endpoint}/v1/traces` }) })],
  })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  const otel = provider.getTracer('daogou')
  const tracer: Tracer = {
    begin(name, { kind, attributes = {}, carrier }) {
      const parent = carrier ? traceparentOf(carrier['traceparent']) : null
      const from = parent
        ? trace.setSpanContext(ROOT_CONTEXT, parent)
        : kind === 'server'
          ? ROOT_CONTEXT
          : context.active()
      const span = otel.startSpan(name, { kind: KINDS[kind], attributes }, from)
      return {
        within: work => context.with(trace.setSpan(from, span), work),
        end({ attributes: more, isError } = {}) {
          if (more) span.setAttributes(more)
          if (isError) span.setStatus({ code: SpanStatusCode.ERROR })
          span.end()
        },
      }
    },
  }
  listen(tracer)
  return {
    tracer,
    async stop() {
      listen(null)
      await provider.shutdown().catch(() => {}) // a receiver that is away keeps nobody from ending
      context.disable()
      propagation.disable()
    },
  }
}
