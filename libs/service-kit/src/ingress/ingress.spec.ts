import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import { schedules } from '@q2/contracts';
import { UnprocessableEvent, fromBusMessage, type BusRecord, type RecordAdmission, type Subscription } from '@q2/events';
import { Unavailable } from '@q2/errors';
import { TokenVerifier } from '../access/token-verifier.js';
import { Admission } from '../grpc/admission.js';
import { createLogger } from '../process/logger.js';
import { Metrics } from '../process/metrics.js';
import { Ingress } from './ingress.js';
import { ingressCall, type IngressReceipt } from './ingress-call.js';
import { KeyExchange } from './key-exchange.js';

const hourMs = 3_600_000;
const nothing: IngressReceipt = { counted: 1n, refused: 0n, refusals: [] };

/** An ingress with one topic, as the consumer of events sees it. */
async function serve(receipt: () => IngressReceipt | Promise<IngressReceipt> = () => nothing) {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'a', alg: 'EdDSA' }] };
  const added: Subscription[] = [];
  const directory = { find: () => undefined, await: () => Promise.resolve(undefined) };
  const metrics = new Metrics();
  const ingress = new Ingress({
    subscriptions: { add: (subscription) => added.push(subscription) },
    admission: new Admission(new TokenVerifier(() => Promise.resolve(jwks)), directory),
    keys: new KeyExchange(() => Promise.reject(new Unavailable('AWAY', 'tenant-manager is away'))),
    metrics,
    logger: createLogger({ level: 'silent' }),
  });
  const emit = ingressCall(schedules.EventService.method.emitEvent, {
    complete: (request, { tenant }) => (request.parent ||= `tenants/${tenant}`),
    handle: () => Promise.resolve(receipt()),
  });
  ingress.serve({ consumer: 'c', topic: 't', calls: [emit] });
  const [subscription] = added;
  if (subscription?.admission === undefined) throw new Error('an ingress subscribes with an admission');
  const admission: RecordAdmission = subscription.admission;
  return { admission, subscription, metrics, privateKey };
}

function tokenOf(key: CryptoKey, expiresAtMs: number): Promise<string> {
  return new SignJWT({ sub: 'tenants/acme/apiKeys/k', tenant: 'acme', roles: ['producer'], iss: 'q2', aud: 'q2', exp: expiresAtMs / 1_000 })
    .setProtectedHeader({ alg: 'EdDSA', kid: 'a' })
    .sign(key);
}

function record(credential: string, storedAt: Date, headers: Readonly<Record<string, string>> = {}): BusRecord {
  const attributes = { ce_specversion: '1.0', ce_id: '1', ce_source: '/s', ce_type: 'q2.schedules.v1.EmitEventRequest' };
  const rest = { q2_tenant: 'acme', authorization: `Bearer ${credential}`, 'content-type': 'application/json' };
  const value = Buffer.from('{"event": {"type": "a.b"}}');
  return { topic: 't', key: '', partition: 0, offset: '1', storedAt, value, headers: { ...attributes, ...rest, ...headers } };
}

describe('Ingress', () => {
  it('judges a token at the time when the log took the record, however long that waited', async () => {
    const { admission, privateKey } = await serve();
    const storedAt = new Date(Date.now() - 5 * hourMs);
    const inTime = await tokenOf(privateKey, storedAt.getTime() + 60_000);
    await expect(admission.admit(record(inTime, storedAt))).resolves.toMatchObject({ key: 'acme//s 1' });
    const late = await tokenOf(privateKey, storedAt.getTime() - 60_000);
    await expect(admission.admit(record(late, storedAt))).rejects.toMatchObject({ reason: 'TOKEN_EXPIRED' });
  });

  it('lets go on what was verified, and nothing else: no credential, no header of unknown meaning', async () => {
    const { admission, privateKey } = await serve();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const headers = { traceparent, tracestate: 'a=b', q2_principal: 'tenants/globex/apiKeys/root', ce_tenant: 'globex', other: 'x' };
    const storedAt = new Date();
    const admitted = await admission.admit(record(await tokenOf(privateKey, Date.now() + hourMs), storedAt, headers));
    expect(admitted.headers).toEqual({
      ...{ 'content-type': 'application/json', ce_specversion: '1.0', ce_id: '1', ce_source: '/s', ce_tenant: 'acme' },
      ...{ ce_type: 'q2.schedules.v1.EmitEventRequest', ce_time: storedAt.toISOString() },
      ...{ q2_principal: 'tenants/acme/apiKeys/k', traceparent, tracestate: 'a=b' },
    });
    const malformed = record(await tokenOf(privateKey, Date.now() + hourMs), storedAt, { traceparent: 'x', tracestate: 'a=b' });
    expect(Object.keys((await admission.admit(malformed)).headers)).not.toContain('tracestate');
    const odd = record(await tokenOf(privateKey, Date.now() + hourMs), storedAt, { traceparent, tracestate: 'a\nb' });
    expect((await admission.admit(odd)).headers).not.toHaveProperty('tracestate');
  });

  it('has a record wait whose key nobody can judge now', async () => {
    const { admission } = await serve();
    const key = `q2_k${'a'.repeat(15)}_${'A'.repeat(43)}`;
    await expect(admission.admit(record(key, new Date(0)))).rejects.toMatchObject({ kind: 'UNAVAILABLE' });
  });

  it('counts what became of records, and of items', async () => {
    const refusals = [{ reason: 'TOO_ODD', message: 'odd' }];
    const receipts = [
      { counted: 1n, refused: 2n, refusals },
      { counted: 0n, refused: 2n, refusals },
    ];
    const { admission, subscription, metrics, privateKey } = await serve(() => receipts.shift() ?? nothing);
    const event = fromBusMessage(await admission.admit(record(await tokenOf(privateKey, Date.now() + hourMs), new Date())));
    const tx: never[] = [];
    const handle = () => Reflect.apply(subscription.handle, subscription, [tx, event]);
    await handle();
    await expect(handle()).rejects.toThrow(new UnprocessableEvent('TOO_ODD', '2 of 2 items refused, the first: odd'));
    await handle();
    admission.onSettled({ topic: 't', outcome: 'refused', reason: 'TOO_ODD' });
    const text = await metrics.registry.metrics();
    expect(text).toContain('q2_ingress_refused_items_total{topic="t",reason="TOO_ODD"} 2');
    expect(text).toContain('q2_ingress_records_total{topic="t",outcome="refused",reason="TOO_ODD"} 1');
  });
});
