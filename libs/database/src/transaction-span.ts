import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';

const tracer = trace.getTracer('@q2/database');

/**
 * Runs a transaction, with its wait for a connection, in a span where it is part of a trace that is recorded. Others, such as
 * the rounds of background loops, begin no trace of their own. Statements and their values are never recorded.
 */
export async function inTransactionSpan<T>(schema: string, run: () => Promise<T>): Promise<T> {
  if (trace.getActiveSpan()?.isRecording() !== true) return run();
  const attributes = { 'db.system.name': 'postgresql', 'db.namespace': schema, 'db.operation.name': 'transaction' };
  const span = tracer.startSpan(`transaction ${schema}`, { kind: SpanKind.CLIENT, attributes });
  try {
    return await context.with(trace.setSpan(context.active(), span), run);
  } catch (error) {
    span.setAttribute('error.type', error instanceof Error ? error.name : 'unknown');
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}
