import type { Definition } from '../definition/definition.js';
import { planOf } from '../definition/plan.js';
import type { Command, HistoryEntry, StartTask } from '../engine/command.js';
import { decide, initialState } from '../engine/decide.js';
import type { ExecutionEvent } from '../engine/event.js';
import { type ExecutionState, hasEnded, nextTimerAtMs } from '../engine/state.js';

const epochMs = Date.UTC(2026, 0, 1);

/** Runs a definition in memory: the spec plays the workers, the clock and everybody else. */
export class Simulation {
  atMs = epochMs;
  state: ExecutionState = initialState(epochMs);
  readonly commands: Command[] = [];
  readonly history: HistoryEntry[] = [];
  /** Everything that was sent, and when. */
  readonly events: { event: ExecutionEvent; atMs: number }[] = [];
  /** Tasks that are out, by step. */
  readonly tasks = new Map<string, StartTask>();
  private readonly plan;
  private readonly facts;

  constructor(definition: Definition, input: ExecutionState['signals'][string][number] = {}) {
    this.plan = planOf(definition);
    const workflow = 'tenants/acme/workflows/nightly/versions/1';
    this.facts = { name: 'tenants/acme/executions/e1', tenant: 'acme', workflow, starter: 'tenants/acme/apiKeys/ci', input };
  }

  /** Begins a definition. */
  static of(definition: Definition, input?: ExecutionState['signals'][string][number]): Simulation {
    return new Simulation(definition, input).send({ type: 'started' });
  }

  /** Applies an event. The state makes a round trip through JSON, as it does through the database. */
  send(event: ExecutionEvent): this {
    const { plan, facts, atMs } = this;
    this.events.push({ event, atMs });
    const before = JSON.stringify(this.state);
    const decision = decide({ plan, facts, atMs }, this.state, event);
    if (JSON.stringify(this.state) !== before) throw new Error('decide changed the state it was given');
    this.state = JSON.parse(JSON.stringify(decision.state));
    this.history.push(...decision.history);
    for (const command of decision.commands) this.carryOut(command);
    return this;
  }

  private carryOut(command: Command): void {
    this.commands.push(command);
    if (command.type === 'startTask') this.tasks.set(command.step, command);
    if (command.type === 'cancelTask') this.tasks.delete(command.step);
  }

  /** A worker completes the task of a step. */
  complete(step: string, output: StartTask['input'] = {}): this {
    const { attempt } = this.take(step);
    return this.send({ type: 'taskCompleted', step, attempt, output });
  }

  /** A worker fails the task of a step. */
  fail(step: string, reason = 'BROKEN', isFinal = false): this {
    const { attempt } = this.take(step);
    return this.send({ type: 'taskFailed', step, attempt, reason, message: `${step} is broken`, isFinal });
  }

  private take(step: string): StartTask {
    const task = this.tasks.get(step);
    if (task === undefined) throw new Error(`no task of step '${step}' is out; those that are: ${[...this.tasks.keys()].join(', ')}`);
    this.tasks.delete(step);
    return task;
  }

  /** Time passes, and what is due fires at its time. */
  wait(ms: number): this {
    const until = this.atMs + ms;
    for (let due = nextTimerAtMs(this.state); due !== undefined && due <= until; due = nextTimerAtMs(this.state)) {
      this.atMs = Math.max(this.atMs, due);
      this.send({ type: 'timersDue' });
    }
    this.atMs = until;
    return this;
  }

  get hasEnded(): boolean {
    return hasEnded(this.state);
  }

  /** Ids of the steps in a status, sorted. */
  stepsIn(status: string): string[] {
    return Object.entries(this.state.steps)
      .filter(([, step]) => step.status === status)
      .map(([id]) => id)
      .sort();
  }

  /** How everything ended, without times. */
  get end(): unknown {
    const steps = Object.entries(this.state.steps).map(([id, { status, output, failure, attempts, taken }]) => [
      id,
      { status, output, attempts, taken, reason: status === 'failed' ? failure?.reason : undefined },
    ]);
    const { status, output, failure, run } = this.state;
    return JSON.parse(
      JSON.stringify({
        status,
        output,
        failure,
        run,
        steps: Object.fromEntries(steps.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))),
      }),
    );
  }
}
