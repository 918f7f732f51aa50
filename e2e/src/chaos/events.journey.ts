import { schedules, workflows } from '@q2/contracts';
import { executionsOf, succeededOnce } from './executions.js';
import { allPages, settled, type Journey, type LoadedTenant } from './journey.js';
import { exactlyOnce, sameContent, type Verdict } from './verdict.js';

const { EventService, TriggerService } = schedules;
const { ExecutionService } = workflows;

/** Emits events that each start one execution, and starts executions by hand. */
export class EventsJourney implements Journey {
  readonly name = 'events';
  private readonly requests;
  /** Acknowledged events by name, with the number that each carries. */
  private readonly events = new Map<string, string>();
  private readonly started: string[] = [];

  constructor(private readonly tenant: LoadedTenant) {
    this.requests = tenant.requests(this.name);
  }

  async prepare(): Promise<void> {
    const { clients, name: parent } = this.tenant;
    const log = { case: 'action' as const, value: { name: 'log', input: { message: 'seen ${input.key}' } } };
    const again = { case: 'action' as const, value: { name: 'log', input: { message: 'and done' } } };
    const definition = {
      steps: [
        { id: 'note', work: log },
        { id: 'end', needs: ['note'], work: again },
      ],
    };
    for (const workflowId of ['on-event', 'by-hand']) {
      await this.requests.send(workflows.WorkflowService.method.createWorkflow, (requestId) =>
        clients.get(workflows.WorkflowService).createWorkflow({ parent, workflowId, definition, requestId }),
      );
    }
    const action = {
      case: 'startWorkflow' as const,
      value: { workflow: `${parent}/workflows/on-event`, input: { key: '${event.data.key}' } },
    };
    const condition = { case: 'event' as const, value: { eventTypes: ['chaos.happened'] } };
    await this.requests.send(TriggerService.method.createTrigger, (requestId) =>
      clients.get(TriggerService).createTrigger({ parent, triggerId: 'on-event', trigger: { condition, action }, requestId }),
    );
  }

  async step(number: number): Promise<void> {
    const { clients, name: parent } = this.tenant;
    const key = `event-${String(number)}`;
    const { name } = await this.requests.send(EventService.method.emitEvent, (requestId) =>
      clients.get(EventService).emitEvent({ parent, event: { type: 'chaos.happened', data: { key } }, requestId }),
    );
    this.events.set(name, key);
    const executionId = `by-hand-${String(number)}`;
    await this.requests.send(ExecutionService.method.startExecution, (requestId) =>
      clients
        .get(ExecutionService)
        .startExecution({ parent, executionId, workflow: `${parent}/workflows/by-hand`, input: { key: executionId }, requestId }),
    );
    this.started.push(executionId);
  }

  conclude(): Promise<void> {
    return Promise.resolve();
  }

  async verdicts(): Promise<Verdict[]> {
    const keys = [...this.events.values()];
    const found = await this.storedEvents();
    const contents = new Map(found.map(({ name, data }) => [name, String(data?.['key'])]));
    return [
      exactlyOnce(
        'each event is there once',
        [...this.events.keys()],
        found.map(({ name }) => name),
      ),
      sameContent('each event has its content', this.events, contents),
      ...succeededOnce('each event starts one execution', keys, await this.ended('on-event', keys.length)),
      ...succeededOnce('each started execution is there once', this.started, await this.ended('by-hand', this.started.length)),
    ];
  }

  private ended(workflowId: string, count: number) {
    return settled(
      () => executionsOf(this.tenant, workflowId),
      (found) => found.filter(({ state }) => state === 'SUCCEEDED').length >= count,
    );
  }

  private storedEvents(): Promise<schedules.Event[]> {
    return allPages(async (pageToken) => {
      const request = { parent: this.tenant.name, type: 'chaos.happened', pageSize: 1_000, pageToken };
      const page = await this.tenant.clients.get(EventService).listEvents(request);
      return { items: page.events, nextPageToken: page.nextPageToken };
    });
  }
}
