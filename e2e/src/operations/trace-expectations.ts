import { spanKinds, type CollectedSpan } from './trace-collector.js';
import type { TracedChange } from './traced-change.js';

const createTenant = 'q2.tenants.v1.TenantService/CreateTenant';
const statusError = 2;

/** Defines the tests of one traced change, whichever way its events took. */
export function describeTrace(messagingSystem: string, traced: () => TracedChange): void {
  const find = (matches: (span: CollectedSpan) => boolean): CollectedSpan => {
    const found = traced().spans.find(matches);
    if (found === undefined)
      throw new Error(
        `no such span among ${traced()
          .spans.map(({ name }) => name)
          .join(', ')}`,
      );
    return found;
  };
  const childOf = (parent: CollectedSpan, kind: number) => find((span) => span.kind === kind && span.parentSpanId === parent.spanId);
  const serverSpan = (code: string) => find(({ name, attributes }) => name === createTenant && attributes['rpc.status_code'] === code);
  const handlerSpan = () => {
    const created = childOf(childOf(serverSpan('OK'), spanKinds.client), spanKinds.producer);
    return { created, handled: find((span) => span.parentSpanId === created.spanId && span.resource['service.name'] === 'model-registry') };
  };

  it('leads from the caller through the service and its event into the handler of another service', () => {
    const server = serverSpan('OK');
    expect(server).toMatchObject({ traceId: traced().traceId, parentSpanId: traced().callerSpanId, kind: spanKinds.server });
    expect(server.resource['service.name']).toBe('tenant-manager');
    const { created, handled } = handlerSpan();
    expect(created).toMatchObject({ traceId: traced().traceId, name: 'create q2.tenants.events.v1' });
    expect(handled).toMatchObject({ traceId: traced().traceId, kind: spanKinds.consumer, name: 'process q2.tenants.events.v1' });
  });

  it('names things as the semantic conventions do', () => {
    expect(serverSpan('OK').attributes).toMatchObject({ 'rpc.system.name': 'grpc', 'rpc.method': createTenant });
    const { created, handled } = handlerSpan();
    const transaction = childOf(serverSpan('OK'), spanKinds.client);
    expect(transaction.attributes).toMatchObject({ 'db.system.name': 'postgresql', 'db.namespace': 'tenants' });
    expect(created.attributes).toMatchObject({
      'messaging.system.name': messagingSystem,
      'messaging.operation.type': 'create',
      'messaging.destination.name': 'q2.tenants.events.v1',
    });
    expect(handled.attributes).toMatchObject({
      'messaging.system.name': messagingSystem,
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'q2.tenants.events.v1',
      'messaging.consumer.group.name': 'model-registry.tenant-directory',
      'messaging.message.id': created.attributes['messaging.message.id'],
    });
    expect(handled.resource).toMatchObject({ 'service.name': 'model-registry', 'service.namespace': 'q2' });
    expect(handled.resource['service.instance.id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('says which calls were refused, and calls them no failures of the server', () => {
    const refused = serverSpan('ALREADY_EXISTS');
    expect(refused.attributes['error.type']).toBe('ALREADY_EXISTS');
    expect(refused.status.code).not.toBe(statusError);
  });

  it('records nothing but what the caller asked for, and no secret', () => {
    expect(new Set(traced().spans.map(({ traceId }) => traceId))).toEqual(new Set([traced().traceId]));
    const everything = JSON.stringify(traced().spans);
    for (const secret of traced().secrets) {
      expect(secret.length).toBeGreaterThan(20);
      expect(everything).not.toContain(secret);
    }
  });
}
