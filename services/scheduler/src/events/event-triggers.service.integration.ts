import { create, toBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { modelEvents, scheduleEvents, schedules, workflowEvents } from '@q2/contracts';
import { newId } from '@q2/database';
import { topicOf } from '@q2/events';
import { aTrigger } from '../testing/a-stored-trigger.js';
import { announced, Bench, settle, type Replica } from '../testing/bench.testing.js';

const { DependencyMode, EndState, FiringState, OverlapPolicy } = schedules;
const hourMs = 3_600_000;
const promoted = modelEvents.VersionPromotedSchema;
const workflow = (name: string) => `tenants/acme/workflows/${name}`;

describe('triggers that wait for events', () => {
  let bench: Bench;
  let replica: Replica;

  beforeAll(async () => {
    bench = await Bench.start();
    replica = await bench.replica();
  });
  beforeEach(() => bench.reset(replica));
  afterAll(() => bench.stop());

  async function hear<S extends DescMessage>(
    type: S,
    data: MessageInitShape<S>,
    more: { id?: string; tenant?: string } = {},
  ): Promise<string> {
    const { id = newId(), tenant = 'acme' } = more;
    const event = {
      id,
      tenant,
      type: type.typeName,
      source: `services/${topicOf(type)}`,
      key: 'tenants/acme/models/churn',
      time: bench.clock.now(),
      data: toBinary(type, create(type, data)),
    };
    await replica.database.inTenant(tenant, (tx) => replica.events.handle(tx, event));
    await settle(replica);
    return id;
  }

  /** Hears of all that waits in the outbox, as the bus would deliver it. */
  async function hearAnnounced(): Promise<number> {
    const rows = await replica.database.inTenant('acme', (tx) =>
      tx.query<{ headers: { ce_id: string; ce_type: string }; data: Buffer }>(
        'delete from outbox_event where tenant_id = $1 returning headers, data',
        ['acme'],
      ),
    );
    for (const { headers, data } of rows) {
      const event = { id: headers.ce_id, type: headers.ce_type, source: 's', key: 'k', tenant: 'acme', time: bench.clock.now(), data };
      await replica.database.inTenant('acme', (tx) => replica.events.handle(tx, event));
    }
    await settle(replica);
    return rows.length;
  }

  const onEvent = (value: MessageInitShape<typeof schedules.EventConditionSchema>, more: Parameters<typeof aTrigger>[0] = {}) =>
    replica.triggers.create({ tenant: 'acme', id: 'on-event' }, aTrigger({ condition: { case: 'event', value }, ...more }));
  const firings = (trigger = 'on-event') =>
    replica.firings.list({ tenant: 'acme', trigger, state: FiringState.UNSPECIFIED, limit: 100, after: undefined });
  const starts = () => [...bench.orchestrator.executions.values()];

  it('starts a workflow with what the event says', async () => {
    const input = { model: '${event.data.model}', why: 'because of ${event.type} at ${event.subject}' };
    await onEvent(
      { eventTypes: [promoted.typeName] },
      { action: { case: 'startWorkflow', value: { workflow: workflow('retrain'), input } } },
    );
    const id = await hear(promoted, { model: 'tenants/acme/models/churn' });
    expect(starts()).toMatchObject([
      {
        workflow: workflow('retrain'),
        input: { model: 'tenants/acme/models/churn', why: `because of ${promoted.typeName} at tenants/acme/models/churn` },
      },
    ]);
    expect(await firings()).toMatchObject([{ key: `event-${id}`, state: 'STARTED', cause_event_id: id, hops: 0 }]);
  });

  it('fires once for an event, however often it comes', async () => {
    await onEvent({ eventTypes: [promoted.typeName] });
    const id = await hear(promoted, {});
    await hear(promoted, {}, { id });
    expect(bench.orchestrator.calls).toBe(1);
    expect(await replica.triggers.get({ tenant: 'acme', id: 'on-event' })).toMatchObject({ runCount: 1 });
  });

  it('fires only where the filter is true; one that cannot be evaluated is not', async () => {
    await onEvent({ eventTypes: [promoted.typeName], filter: "event.data.model.endsWith('/churn')" });
    await hear(promoted, { model: 'tenants/acme/models/fraud' });
    await hear(promoted, {});
    expect(starts()).toHaveLength(0);
    await hear(promoted, { model: 'tenants/acme/models/churn' });
    expect(starts()).toHaveLength(1);
  });

  it('hears neither other tenants, nor other types, nor while paused or out of its bounds', async () => {
    await onEvent({ eventTypes: [promoted.typeName] });
    await hear(promoted, {}, { tenant: 'globex' });
    await hear(modelEvents.VersionCreatedSchema, {});
    await replica.triggers.pause({ tenant: 'acme', id: 'on-event' });
    await hear(promoted, {});
    await replica.triggers.resume({ tenant: 'acme', id: 'on-event' });
    expect(starts()).toHaveLength(0);
    await hear(promoted, {});
    expect(starts()).toHaveLength(1);
  });

  it('treats an emitted event as the event it tells of', async () => {
    await onEvent({ eventTypes: ['orders.placed'], filter: 'event.data.total > 10' });
    const data = { eventId: newId(), type: 'orders.placed', source: 'shop', subject: 'order-1', data: { total: 12 } };
    await hear(scheduleEvents.EventEmittedSchema, data);
    await hear(scheduleEvents.EventEmittedSchema, data);
    await hear(scheduleEvents.EventEmittedSchema, { ...data, eventId: newId(), data: { total: 2 } });
    await hear(workflowEvents.EventEmittedSchema, { type: 'orders.placed', data: { total: 13 }, execution: 'tenants/acme/executions/e1' });
    expect(starts()).toHaveLength(2);
  });

  it('lets nothing overlap until the execution has ended, even where its end is heard of first', async () => {
    await onEvent({ eventTypes: [promoted.typeName] }, { overlapPolicy: OverlapPolicy.SKIP });
    await hear(promoted, {});
    await hear(promoted, {});
    const [execution = ''] = bench.orchestrator.executions.keys();
    await hear(workflowEvents.ExecutionFailedSchema, { execution, workflow: workflow('nightly/versions/1') });
    bench.orchestrator.after = ({ execution: other }) =>
      hear(workflowEvents.ExecutionCompletedSchema, { execution: other, workflow: workflow('nightly') }).then(() => undefined);
    await hear(promoted, {});
    bench.orchestrator.after = () => Promise.resolve();
    await hear(promoted, {});
    expect((await firings()).map(({ state }) => state).sort()).toEqual(['SKIPPED', 'STARTED', 'STARTED', 'STARTED']);
  });

  it('never fires on its own doing, and ends chains of triggers that cause each other', async () => {
    const fired = scheduleEvents.TriggerFiredSchema.typeName;
    await onEvent({ eventTypes: [fired, 'tick.tock'] }, { action: { case: 'emitEvent', value: { eventType: 'ping.pong' } } });
    const back = aTrigger({
      condition: { case: 'event', value: { eventTypes: ['ping.pong'] } },
      action: { case: 'emitEvent', value: { eventType: 'tick.tock' } },
    });
    await replica.triggers.create({ tenant: 'acme', id: 'back' }, back);
    await hear(scheduleEvents.EventEmittedSchema, { eventId: newId(), type: 'tick.tock' });
    let rounds = 0;
    while ((await hearAnnounced()) > 0 && rounds < 60) rounds += 1;
    expect(rounds).toBeLessThan(40);
    const all = [...(await firings()), ...(await firings('back'))];
    expect(all.filter(({ state }) => state === 'SKIPPED').every(({ reason, hops }) => reason === 'TOO_MANY_HOPS' && hops === 16)).toBe(
      true,
    );
    expect(all.some(({ state }) => state === 'SKIPPED')).toBe(true);
    expect(Math.max(...all.filter(({ state }) => state === 'STARTED').map(({ hops }) => hops))).toBe(15);
  });

  it('counts the hops of what an execution causes', async () => {
    await onEvent({ eventTypes: [workflowEvents.ExecutionCompletedSchema.typeName] });
    await hear(workflowEvents.ExecutionCompletedSchema, { execution: 'tenants/acme/executions/by-hand', workflow: workflow('nightly') });
    const [execution = ''] = bench.orchestrator.executions.keys();
    await hear(workflowEvents.ExecutionCompletedSchema, { execution, workflow: workflow('nightly') });
    expect((await firings()).map(({ hops }) => hops).sort()).toEqual([0, 1]);
  });

  describe('dependencies', () => {
    const onEnds = (value: MessageInitShape<typeof schedules.DependencyConditionSchema>) =>
      replica.triggers.create({ tenant: 'acme', id: 'on-event' }, aTrigger({ condition: { case: 'dependency', value } }));
    const completed = (name: string) =>
      hear(workflowEvents.ExecutionCompletedSchema, {
        execution: `tenants/acme/executions/${newId()}`,
        workflow: workflow(`${name}/versions/3`),
      });

    it('fires once all have ended within the window, and then waits for all again', async () => {
      await onEnds({ workflows: [{ workflow: workflow('extract') }, { workflow: workflow('load') }], window: durationFromMs(hourMs) });
      await completed('extract');
      await completed('extract');
      expect(starts()).toHaveLength(0);
      await completed('load');
      expect(starts()).toHaveLength(1);
      await completed('load');
      bench.clock.advance(2 * hourMs);
      await completed('extract');
      expect(starts()).toHaveLength(1);
      await completed('load');
      expect(starts()).toHaveLength(2);
    });

    it('fires for any one end of the states awaited', async () => {
      const failed = { workflow: workflow('extract'), endStates: [EndState.FAILED, EndState.CANCELLED] };
      await onEnds({ workflows: [failed, { workflow: workflow('load') }], mode: DependencyMode.ANY });
      await completed('extract');
      expect(starts()).toHaveLength(0);
      await hear(workflowEvents.ExecutionFailedSchema, {
        execution: 'tenants/acme/executions/a',
        workflow: workflow('extract/versions/1'),
      });
      await hear(workflowEvents.ExecutionCancelledSchema, {
        execution: 'tenants/acme/executions/b',
        workflow: workflow('extract/versions/1'),
      });
      await hear(workflowEvents.ExecutionFailedSchema, { execution: 'tenants/acme/executions/c', workflow: workflow('load/versions/1') });
      await completed('load');
      expect(starts()).toHaveLength(3);
    });

    it('keeps an end that came late behind one that came before it', async () => {
      await onEnds({ workflows: [{ workflow: workflow('extract') }, { workflow: workflow('load') }], window: durationFromMs(hourMs) });
      bench.clock.advance(3 * hourMs);
      await completed('extract');
      bench.clock.advance(-3 * hourMs);
      await completed('extract');
      await completed('load');
      expect(starts()).toHaveLength(0);
    });
  });

  it('announces what it let pass', async () => {
    await onEvent({ eventTypes: [promoted.typeName] }, { overlapPolicy: OverlapPolicy.SKIP });
    await hear(promoted, {});
    await hear(promoted, {});
    expect(await announced(replica)).toEqual(['TriggerFired', 'FiringSkipped']);
  });
});
