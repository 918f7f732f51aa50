import { randomUUID } from 'node:crypto';
import { schedules } from '@q2/contracts';
import { ingressContract, Producer, ProducerModule, startTestPlatform, type ProducedRecord, type TestPlatform } from '@q2/testing';
import { SchedulerModule } from '../scheduler.module.js';
import { aTrigger } from '../testing/a-stored-trigger.js';
import { FakeExecutions, FakePlatformModule } from '../testing/fake-platform.testing.js';

const topic = 'q2.ingress.events.v1';
const type = 'q2.schedules.v1.EmitEventRequest';
const operator = { tenant: 'platform', roles: ['operator'] };

describe('events of producers outside', () => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await startTestPlatform({ modules: [SchedulerModule, FakePlatformModule, ProducerModule] });
    for (const tenant of ['acme', 'globex']) await producer().announceTenant(tenant, 'ACTIVE');
  });
  afterAll(() => platform.stop());

  const producer = () => platform.get(Producer);

  const eventsOf = async (tenant: string) => {
    const client = platform.client(schedules.EventService, operator);
    return (await client.listEvents({ parent: `tenants/${tenant}`, pageSize: 1_000 })).events;
  };

  ingressContract(() => ({
    ...{ platform, topic, type },
    body: (tenant) => ({ parent: `tenants/${tenant}`, event: { type: 'orders.placed', data: { amount: 12.5 } } }),
    effects: async (tenant) => (await eventsOf(tenant)).length,
    wrongType: { body: () => ({ event: { type: 7 } }), says: 'q2.schedules.v1.Event.type' },
    outOfBounds: { body: (tenant) => ({ parent: `tenants/${tenant}`, event: { type: 'not a type' } }), says: 'event.type' },
  }));

  const aRecord = async (change: Partial<ProducedRecord>): Promise<ProducedRecord> => ({
    ...{ topic, type, tenant: 'acme', credential: await platform.token({ tenant: 'acme', roles: ['producer'] }) },
    ...{ body: { event: { type: 'orders.placed' } }, ...change },
  });

  it('takes source, subject and time of the record for the event, unless the body says otherwise', async () => {
    const headers = { ce_subject: 'order-7', ce_time: '2026-05-01T09:30:00Z' };
    const body = { event: { type: 'orders.shipped', data: { carrier: 'post' } } };
    await producer().untilSettled(topic, 1, async () => producer().send(await aRecord({ source: '/shop', headers, body })));
    const [event] = await eventsOf('acme');
    expect(event).toMatchObject({ type: 'orders.shipped', source: '/shop', subject: 'order-7', data: { carrier: 'post' } });
    expect(event?.time?.seconds).toBe(BigInt(Date.parse('2026-05-01T09:30:00Z') / 1_000));
  });

  it('fires the triggers that wait for the event, once', async () => {
    const triggers = platform.client(schedules.TriggerService, { tenant: 'acme', roles: ['editor'] });
    const action = {
      case: 'startWorkflow' as const,
      value: { workflow: 'tenants/acme/workflows/pack', input: { amount: '${event.data.amount}' } },
    };
    const condition = { case: 'event' as const, value: { eventTypes: ['orders.paid'] } };
    await triggers.createTrigger({ parent: 'tenants/acme', triggerId: 'on-paid', trigger: aTrigger({ condition, action }) });
    const record = await aRecord({ id: 'paid-1', body: { event: { type: 'orders.paid', data: { amount: 3 } } } });
    const { started } = platform.get(FakeExecutions);
    await producer().untilSettled(topic, 1, () => producer().send(record));
    await producer().untilSettled(topic, 1, () => producer().send(record), 'duplicate');
    while (started.length === 0) await new Promise((resolve) => setTimeout(resolve, 25));
    const { firings } = await triggers.listFirings({ parent: 'tenants/acme/triggers/on-paid' });
    expect(firings).toHaveLength(1);
    expect(started).toMatchObject([{ workflow: 'tenants/acme/workflows/pack', input: { amount: 3 } }]);
  });

  it.each([
    [{ event: { type: 'q2.models.events.v1.VersionPromoted' } }, 'INVALID_FIELDS'],
    [{ event: { type: 'orders.placed' }, cause: 'tenants/globex/executions/x' }, 'TENANT_NOT_REACHABLE'],
    [{}, 'INVALID_FIELDS'],
  ])('refuses %j', async (body, reason) => {
    const source = `/refused/${randomUUID()}`;
    await producer().send(await aRecord({ source, body }));
    expect((await producer().deadLetterFrom(source)).headers).toMatchObject({ dlq_reason: reason });
  });

  it('refuses another event under an id that is taken', async () => {
    const eventId = randomUUID();
    const first = await aRecord({ body: { eventId, event: { type: 'stock.low' } } });
    await producer().untilSettled(topic, 1, () => producer().send(first));
    await producer().send(await aRecord({ source: '/taken', body: { eventId, event: { type: 'stock.high' } } }));
    expect((await producer().deadLetterFrom('/taken')).headers).toMatchObject({ dlq_reason: 'EVENT_EXISTS' });
  });
});
