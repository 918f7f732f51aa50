import { createServer, type IncomingMessage } from 'node:http';
import { z } from 'zod';

/** Kinds as OTLP numbers them. */
export const spanKinds = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;

const value = z.looseObject({
  stringValue: z.string().optional(),
  intValue: z.union([z.string(), z.number()]).optional(),
  doubleValue: z.number().optional(),
  boolValue: z.boolean().optional(),
});
const attributes = z
  .array(z.object({ key: z.string(), value }))
  .transform((pairs) => Object.fromEntries(pairs.map((pair) => [pair.key, textOf(pair.value)])));

const span = z.object({
  traceId: z.string().regex(/^[0-9a-f]{32}$/),
  spanId: z.string().regex(/^[0-9a-f]{16}$/),
  parentSpanId: z.string().optional(),
  name: z.string(),
  kind: z.number(),
  attributes,
  status: z.object({ code: z.number().optional(), message: z.string().optional() }),
});

/** ExportTraceServiceRequest of OTLP, in its JSON form. */
const exportRequest = z.object({
  resourceSpans: z.array(z.object({ resource: z.object({ attributes }), scopeSpans: z.array(z.object({ spans: z.array(span) })) })),
});

/** A span as the collector got it, with the attributes of the process that sent it. */
export interface CollectedSpan extends z.infer<typeof span> {
  readonly resource: Readonly<Record<string, string>>;
}

/** An OpenTelemetry collector, as far as processes that send traces can tell. */
export interface TraceCollector {
  readonly endpoint: string;
  readonly spans: readonly CollectedSpan[];
  stop(): Promise<void>;
}

/** Listens for OTLP over HTTP and decodes what comes. What is no such request is answered 400, which the test then sees as spans missing. */
export async function startTraceCollector(): Promise<TraceCollector> {
  const spans: CollectedSpan[] = [];
  const server = createServer((request, response) => {
    void accept(request, spans).then((status) => response.writeHead(status, { 'content-type': 'application/json' }).end('{}'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { endpoint: `http://127.0.0.1:${port}`, spans, stop };
}

async function accept(request: IncomingMessage, spans: CollectedSpan[]): Promise<number> {
  if (request.method !== 'POST' || request.url !== '/v1/traces') return 404;
  const chunks: Buffer[] = [];
  for await (const chunk of request) if (chunk instanceof Buffer) chunks.push(chunk);
  const parsed = exportRequest.safeParse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
  if (!parsed.success) return 400;
  for (const { resource, scopeSpans } of parsed.data.resourceSpans) {
    for (const scope of scopeSpans) spans.push(...scope.spans.map((each) => ({ ...each, resource: resource.attributes })));
  }
  return 200;
}

function textOf({ stringValue, intValue, doubleValue, boolValue }: z.infer<typeof value>): string {
  return String(stringValue ?? intValue ?? doubleValue ?? boolValue ?? '');
}
