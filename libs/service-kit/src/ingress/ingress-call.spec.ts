import { models, monitoring, schedules, tenants } from '@q2/contracts';
import fc from 'fast-check';
import { ingressCall, recordUuid, streamOfOne, type RecordFacts } from './ingress-call.js';

const facts: RecordFacts = { tenant: 'acme', source: '/shop', id: '1', subject: undefined, time: new Date(0) };
const nothing = { complete: () => undefined, handle: () => Promise.reject(new Error('not called')) };

describe('ingressCall', () => {
  it('completes what a body leaves out before anything else sees it', async () => {
    const call = ingressCall(schedules.EventService.method.emitEvent, {
      complete: (request, { tenant }) => {
        request.parent ||= `tenants/${tenant}`;
      },
      handle: ({ parent }) => Promise.resolve({ counted: 1n, refused: 0n, refusals: [{ reason: parent, message: '' }] }),
    });
    expect(call.read(Buffer.from('{}'), facts)).toMatchObject({ parent: 'tenants/acme' });
    const running = { ...emptyCall, method: call.method.fullName };
    expect(await call.run(Buffer.from('{}'), facts, running)).toMatchObject({ refusals: [{ reason: 'tenants/acme' }] });
  });

  it('takes the policy of the method from the contract', () => {
    expect(ingressCall(monitoring.MetricService.method.recordStream, nothing).method.policy.permission).toBe('monitoring.points.create');
  });

  it('refuses methods that are audited, or that anybody may call', () => {
    expect(() => ingressCall(models.ModelService.method.createModel, nothing)).toThrow('records cannot stand for');
    expect(() => ingressCall(tenants.AccessService.method.issueToken, nothing)).toThrow('records cannot stand for');
  });
});

describe('recordUuid', () => {
  it('is a UUID, always the same for the same event, and another for any other', () => {
    const text = fc.string({ minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(text, text, (id, other) => {
        const one = recordUuid({ ...facts, id });
        expect(one).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(recordUuid({ ...facts, id, time: new Date() })).toBe(one);
        expect(recordUuid({ ...facts, id: other }) === one).toBe(id === other);
        expect(recordUuid({ ...facts, id, tenant: 'globex' })).not.toBe(one);
        expect(recordUuid({ ...facts, id, source: '/other' })).not.toBe(one);
      }),
    );
  });
});

describe('streamOfOne', () => {
  it('gives one request and ends', async () => {
    const seen: number[] = [];
    for await (const request of streamOfOne(7)) seen.push(request);
    expect(seen).toEqual([7]);
  });
});

const emptyCall = {
  ...{ tenant: 'acme', requestId: undefined, deadlineAt: undefined, token: undefined, peer: 'ingress' },
  ...{ signal: new AbortController().signal, metadata: new Map<string, string>() },
  principal: { id: 'p', tenant: 'acme', roles: [], permissions: new Set<string>() },
};
