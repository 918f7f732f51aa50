import { durationFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { schedules, workflows } from '@q2/contracts';
import { executionsOf } from './executions.js';
import { allPages, settled, type Journey, type LoadedTenant } from './journey.js';
import { exactlyOnce, type Verdict } from './verdict.js';

const { TriggerService, FiringState } = schedules;
const everyMs = 2_000;

/** Has a trigger fire every two seconds through all faults, and by hand with each step. */
export class SchedulesJourney implements Journey {
  readonly name = 'schedules';
  private readonly requests;
  private readonly service;
  private readonly trigger: string;
  /** Firings acknowledged by hand. */
  private readonly byHand: string[] = [];

  constructor(private readonly tenant: LoadedTenant) {
    this.requests = tenant.requests(this.name);
    this.service = tenant.clients.get(TriggerService);
    this.trigger = `${tenant.name}/triggers/tick`;
  }

  async prepare(): Promise<void> {
    const { clients, name: parent } = this.tenant;
    const work = { case: 'action' as const, value: { name: 'log', input: { message: 'tick' } } };
    await this.requests.send(workflows.WorkflowService.method.createWorkflow, (requestId) =>
      clients
        .get(workflows.WorkflowService)
        .createWorkflow({ parent, workflowId: 'tick', definition: { steps: [{ id: 'tick', work }] }, requestId }),
    );
    const trigger = {
      condition: { case: 'interval' as const, value: { every: durationFromMs(everyMs) } },
      action: { case: 'startWorkflow' as const, value: { workflow: `${parent}/workflows/tick` } },
      misfirePolicy: schedules.MisfirePolicy.RUN_ALL,
      overlapPolicy: schedules.OverlapPolicy.ALLOW,
      catchUpWindow: durationFromMs(3_600_000),
    };
    await this.requests.send(TriggerService.method.createTrigger, (requestId) =>
      this.service.createTrigger({ parent, triggerId: 'tick', trigger, requestId }),
    );
  }

  async step(): Promise<void> {
    const { name } = await this.requests.send(TriggerService.method.runNow, (requestId) =>
      this.service.runNow({ name: this.trigger, requestId }),
    );
    this.byHand.push(name);
  }

  async conclude(): Promise<void> {
    await this.requests.send(TriggerService.method.pauseTrigger, (requestId) =>
      this.service.pauseTrigger({ name: this.trigger, requestId }),
    );
  }

  async verdicts(): Promise<Verdict[]> {
    const firings = await settled(
      () => this.firings(),
      (found) => found.every(({ state }) => state === FiringState.STARTED),
    );
    const names = firings.map(({ execution }) => execution);
    const executions = await settled(
      () => executionsOf(this.tenant, 'tick'),
      (found) => found.length >= firings.length && found.every(({ state }) => state === 'SUCCEEDED'),
    );
    const byHand = new Set(this.byHand);
    const scheduled = firings.filter(({ name }) => !byHand.has(name));
    return [
      exactlyOnce(
        'each firing by hand is there once',
        this.byHand,
        firings.flatMap(({ name }) => (byHand.has(name) ? [name] : [])),
      ),
      gapless(
        this.trigger,
        scheduled.map(({ nominalTime }) => (nominalTime ? timestampMs(nominalTime) : 0)),
      ),
      exactlyOnce(
        'each firing starts one execution',
        names,
        executions.map(({ name }) => name),
      ),
      {
        claim: 'no firing is stuck or has failed',
        checked: firings.length,
        violations: firings
          .filter(({ state }) => state !== FiringState.STARTED)
          .map(({ name, state, detail }) => `${name} is ${FiringState[state]} ${detail}`),
      },
    ];
  }

  private firings(): Promise<schedules.Firing[]> {
    return allPages(async (pageToken) => {
      const page = await this.service.listFirings({ parent: this.trigger, pageSize: 1_000, pageToken });
      return { items: page.firings, nextPageToken: page.nextPageToken };
    });
  }
}

/** A trigger fires for each of its times once: none is skipped while the scheduler is away, none is done twice. */
function gapless(trigger: string, timesMs: readonly number[]): Verdict {
  const inOrder = [...timesMs].sort((a, b) => a - b);
  const violations = inOrder.slice(1).flatMap((time, index) => {
    const gapMs = time - (inOrder[index] ?? 0);
    return gapMs === everyMs ? [] : [`${trigger}: ${String(gapMs)} ms between firings before ${new Date(time).toISOString()}`];
  });
  return { claim: 'a trigger fires once for each of its times', checked: inOrder.length, violations };
}
