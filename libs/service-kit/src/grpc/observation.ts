import { context, isSpanContextValid, propagation, SpanKind, SpanStatusCode, trace, type Span } from '@opentelemetry/api';
import { status } from '@grpc/grpc-js';
import type { Call } from '../call.js';
import type { Logger } from '../process/logger.js';
import type { Metrics } from '../process/metrics.js';
import type { Arrival } from './arrival.js';
import type { ServedMethod } from './served-method.js';
import { toFailedCall, type FailedCall } from './status.js';

/** What is known of a call while it is served; filled in as it becomes known. */
export interface Observed {
  call: Call | undefined;
}

const tracer = trace.getTracer('q2');

/** Logs, measures and traces each call: one line, one observation, one span. Never payloads. */
export class Observation {
  constructor(
    private readonly logger: Logger,
    private readonly metrics: Metrics,
    private readonly service: string,
  ) {}

  /** @throws {FailedCall} what the caller is to be answered, whatever was thrown inside */
  async run<T>(method: ServedMethod, arrival: Arrival, work: (observed: Observed) => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    const observed: Observed = { call: undefined };
    const parent = propagation.extract(context.active(), Object.fromEntries(arrival.metadata));
    const attributes = { 'rpc.system.name': 'grpc', 'rpc.method': method.fullName, 'q2.service': this.service };
    const span = tracer.startSpan(method.fullName, { kind: SpanKind.SERVER, attributes }, parent);
    try {
      const result = await context.with(trace.setSpan(parent, span), () => work(observed));
      this.finish(method, observed, { arrival, span, startedAt });
      return result;
    } catch (error) {
      const failed = toFailedCall(error);
      this.finish(method, observed, { arrival, span, startedAt, failed, error });
      throw failed;
    }
  }

  private finish(method: ServedMethod, observed: Observed, end: CallEnd): void {
    const { arrival, span, startedAt, failed } = end;
    const code = status[failed?.code ?? status.OK];
    const durationMs = performance.now() - startedAt;
    const labels = { service: this.service, grpcService: method.service, grpcMethod: method.name, grpcCode: code };
    this.metrics.observeCall(labels, durationMs / 1000);
    endSpan(span, code, observed.call?.tenant, failed);
    const fields = {
      method: method.fullName,
      code,
      durationMs: Math.round(durationMs * 100) / 100,
      tenant: observed.call?.tenant,
      principal: observed.call?.principal.id,
      peer: arrival.peer,
      traceId: traceIdOf(span),
      correlationId: failed?.correlationId,
    };
    if (failed?.correlationId) this.logger.error({ ...fields, err: end.error }, 'call failed');
    else this.logger.info(fields, 'call');
  }
}

interface CallEnd {
  readonly arrival: Arrival;
  readonly span: Span;
  readonly startedAt: number;
  readonly failed?: FailedCall;
  readonly error?: unknown;
}

/** Codes that say that the server failed; the others are answers that a caller brought on itself. */
const serverFailures = new Set(['UNKNOWN', 'DEADLINE_EXCEEDED', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS']);

function endSpan(span: Span, code: string, tenant: string | undefined, failed: FailedCall | undefined): void {
  span.setAttribute('rpc.status_code', code);
  if (tenant !== undefined) span.setAttribute('q2.tenant', tenant);
  if (failed) span.setAttribute('error.type', code);
  if (failed && serverFailures.has(code)) span.setStatus({ code: SpanStatusCode.ERROR, message: failed.details });
  span.end();
}

/** The trace that the call belongs to, also where this process records none of it. */
function traceIdOf(span: Span): string | undefined {
  const spanContext = span.spanContext();
  return isSpanContextValid(spanContext) ? spanContext.traceId : undefined;
}
