import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { context, propagation, trace } from '@opentelemetry/api';
import { startTracing } from './tracing.js';

const base = { service: 'model-registry', member: 'one', sampledShare: 1 };

function recorder() {
  const warnings: string[] = [];
  const ignore = () => undefined;
  const logger = {
    debug: ignore,
    info: ignore,
    error: ignore,
    flush: () => Promise.resolve(),
    warn: (_: object, message: string) => warnings.push(message),
  };
  return { warnings, logger: { ...logger, child: () => ({ ...logger, child: () => never() }) } };
}

function never(): never {
  throw new Error('nobody asks');
}

/** What passing through this process makes of a caller's context. */
function passOn(traceparent: string): string | undefined {
  const arrived = propagation.extract(context.active(), { traceparent });
  const span = trace.getTracer('test').startSpan('work', {}, arrived);
  const carrier: { traceparent?: string } = {};
  propagation.inject(trace.setSpan(arrived, span), carrier);
  span.end();
  return carrier.traceparent;
}

describe('startTracing', () => {
  const sampled = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  it('passes context on unchanged where no collector is named', async () => {
    const stop = startTracing({ ...base, endpoint: undefined, logger: recorder().logger });
    expect(passOn(sampled)).toBe(sampled);
    await stop();
  });

  it('sends what callers sample, and of the rest the share asked for', async () => {
    const bodies: string[] = [];
    const server = createServer((request, response) => {
      request.on('data', (chunk: Buffer) => bodies.push(chunk.toString()));
      request.on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const endpoint = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/`;
    const stop = startTracing({ ...base, sampledShare: 0, endpoint, logger: recorder().logger });
    trace.getTracer('test').startSpan('begun here').end();
    expect(passOn(sampled)).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/);
    await stop();
    await new Promise((resolve) => server.close(resolve));
    const sent = bodies.join('');
    expect(sent).toContain('"name":"work"');
    expect(sent).toContain('"parentSpanId":"b7ad6b7169203331"');
    expect(sent).not.toContain('begun here');
    for (const attribute of ['model-registry', 'one', 'q2']) expect(sent).toContain(`{"stringValue":"${attribute}"}`);
  });

  it('says that traces could not be sent, and ends all the same', async () => {
    const { warnings, logger } = recorder();
    const stop = startTracing({ ...base, endpoint: 'http://127.0.0.1:1', logger });
    trace.getTracer('test').startSpan('lost').end();
    await Promise.race([stop(), sleep(60_000).then(() => never())]);
    expect(warnings.every((warning) => warning === 'traces could not be sent')).toBe(true);
  });
});
