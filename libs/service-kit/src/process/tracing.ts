import { context, diag, DiagLogLevel, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Logger } from './logger.js';

/** Stops tracing after sending what is left. */
export type StopTracing = () => Promise<void>;

export interface TracingOptions {
  /** Name of the process: a service, or `q2` for all of them in one. */
  readonly service: string;
  /** Tells the replicas apart. */
  readonly member: string;
  /** Base URL of an OTLP/HTTP collector; without it context is passed on as it came, and nothing is recorded. */
  readonly endpoint: string | undefined;
  /** Share of the traces begun here that are recorded, from 0 to 1. Those begun elsewhere follow their caller. */
  readonly sampledShare: number;
  readonly logger: Logger;
}

/** The collector may be away when the process stops; the last spans are not worth a shutdown that hangs. */
const lastExportMs = 2_000;
const sendEveryMs = 1_000;

/** Carries W3C trace context across gRPC and events, and sends spans to a collector where one is named. */
export function startTracing(options: TracingOptions): StopTracing {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  // Without a provider spans are their callers': what comes in goes out unchanged, its sampling decision included.
  if (options.endpoint === undefined) return () => Promise.resolve();
  const provider = recordingProvider(options, options.endpoint);
  trace.setGlobalTracerProvider(provider);
  return async () => {
    await Promise.race([provider.shutdown(), new Promise((resolve) => setTimeout(resolve, lastExportMs).unref())]);
    trace.disable();
    diag.disable();
  };
}

function recordingProvider({ service, member, sampledShare, logger }: TracingOptions, endpoint: string): TracerProvider {
  reportFailures(logger);
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces` });
  return new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service, 'service.namespace': 'q2', 'service.instance.id': member }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampledShare) }),
    spanProcessors: [new BatchSpanProcessor({ exporter, scheduledDelayMillis: sendEveryMs })],
  });
}

/** Spans that could not be sent are lost quietly otherwise. */
function reportFailures(logger: Logger): void {
  const report = (message: string) => {
    logger.warn({ detail: message.slice(0, 500) }, 'traces could not be sent');
  };
  const ignore = () => undefined;
  diag.setLogger({ error: report, warn: report, info: ignore, debug: ignore, verbose: ignore }, DiagLogLevel.WARN);
}
