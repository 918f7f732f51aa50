import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  create,
  fromBinary,
  toBinary,
  type DescMethodUnary,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { tenants } from '@q2/contracts';
import { ServiceClients } from '@q2/service-kit';
import { startTestDatabase } from '@q2/testing';
import { startProcesses, type PlatformProcesses, type ProcessesOptions } from '../processes/platform-processes.js';
import { spanKinds, startTraceCollector, type CollectedSpan } from './trace-collector.js';

/** What one traced change left behind. */
export interface TracedChange {
  readonly traceId: string;
  /** The span that the caller was in. */
  readonly callerSpanId: string;
  readonly spans: readonly CollectedSpan[];
  /** What must be in no span. */
  readonly secrets: readonly string[];
}

/**
 * Runs tenant-manager and model-registry as processes of their own, creates a tenant, a key and the same tenant again as a
 * caller in a trace, and gives the spans once model-registry has handled the event.
 *
 * @param brokers Kafka; without them events go through the database
 */
export async function traceChange(brokers?: readonly string[]): Promise<TracedChange> {
  const home = await mkdtemp(join(tmpdir(), 'q2-trace-'));
  const collector = await startTraceCollector();
  const database = await startTestDatabase();
  let platform: PlatformProcesses | undefined;
  try {
    platform = await startTraced({ databaseUrl: database.url, home, ...(brokers && { brokers }) }, collector.endpoint);
    const operatorKey = (await readFile(platform.operatorKeyFile, 'utf8')).trim();
    const caller = await TracedCaller.signIn(platform.addressesOf('tenant-manager')[0] ?? '', operatorKey);
    const secret = await change(caller);
    caller.close();
    const isHandled = ({ kind, resource }: CollectedSpan) => kind === spanKinds.consumer && resource['service.name'] === 'model-registry';
    await until(() => collector.spans.some(isHandled));
    // What is left is sent before a process ends.
    await platform.stop();
    const { traceId, spanId } = caller;
    return { traceId, callerSpanId: spanId, spans: collector.spans, secrets: [operatorKey, caller.token, secret] };
  } finally {
    await platform?.stop();
    await database.stop();
    await collector.stop();
    await rm(home, { recursive: true, force: true });
  }
}

/** Nothing that begins in the platform itself is recorded, only what a caller asks for. */
function startTraced(options: ProcessesOptions, endpoint: string): Promise<PlatformProcesses> {
  const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER_ARG: '0' };
  return startProcesses({ ...options, services: ['tenant-manager', 'model-registry'], environment });
}

/** @returns the text of a new API key */
async function change(caller: TracedCaller): Promise<string> {
  const { createTenant } = tenants.TenantService.method;
  const tenant = { parent: 'tenants/platform', tenantId: 'traced', tenant: { displayName: 'Traced', plan: 'plans/starter' } };
  await caller.call(createTenant, { ...tenant, requestId: randomUUID() });
  const key = await caller.call(tenants.AccessService.method.createApiKey, {
    parent: 'tenants/traced',
    apiKey: { displayName: 'secret', roles: ['viewer'] },
    requestId: randomUUID(),
  });
  await caller.call(createTenant, { ...tenant, requestId: randomUUID() }).catch(() => undefined);
  return key.secret;
}

/** A program that traces its calls, with a stock gRPC client. */
class TracedCaller {
  readonly traceId = randomBytes(16).toString('hex');
  readonly spanId = randomBytes(8).toString('hex');

  private constructor(
    private readonly connection: Client,
    readonly token: string,
  ) {}

  static async signIn(address: string, apiKey: string): Promise<TracedCaller> {
    const anonymous = new ServiceClients(() => address, undefined);
    const { accessToken } = await anonymous
      .get(tenants.AccessService)
      .issueToken({ credential: { case: 'apiKey', value: apiKey } })
      .finally(() => anonymous.close());
    return new TracedCaller(new Client(address, credentials.createInsecure()), accessToken);
  }

  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${this.token}`);
    metadata.set('traceparent', `00-${this.traceId}-${this.spanId}-01`);
    const serialize = (message: MessageInitShape<I>) => Buffer.from(toBinary(method.input, create(method.input, message)));
    const deserialize = (bytes: Buffer) => fromBinary(method.output, bytes);
    return new Promise((resolve, reject) => {
      const path = `/${method.parent.typeName}/${method.name}`;
      this.connection.makeUnaryRequest(path, serialize, deserialize, request, metadata, (error, response) =>
        response ? resolve(response) : reject(error ?? new Error('no response')),
      );
    });
  }

  close(): void {
    this.connection.close();
  }
}

async function until(isDone: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 60_000;
  while (!isDone()) {
    if (Date.now() > giveUpAt) throw new Error('the event was not handled within a minute');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
