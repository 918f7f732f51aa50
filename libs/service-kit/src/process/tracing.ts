import { trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AlwaysOffSampler, BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

/** Stops tracing after sending what is left. */
export type StopTracing = () => Promise<void>;

/**
 * Carries W3C trace context across gRPC and events, and sends spans to a collector where one is named.
 *
 * @param endpoint base URL of an OTLP/HTTP collector; undefined passes context on and records nothing
 */
export function startTracing(service: string, endpoint: string | undefined): StopTracing {
  const provider = new NodeTracerProvider(
    endpoint === undefined
      ? { sampler: new AlwaysOffSampler() }
      : {
          resource: resourceFromAttributes({ 'service.name': service }),
          spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces` }))],
        },
  );
  provider.register();
  return async () => {
    await provider.shutdown();
    trace.disable();
  };
}
