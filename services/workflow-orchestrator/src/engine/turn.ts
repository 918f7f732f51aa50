import type { JsonObject, JsonValue } from '@q2/expressions';
import type { Plan, PlannedStep, Scope } from '../definition/plan.js';
import type { Command, HistoryEntry, HistoryType } from './command.js';
import { type ExecutionFacts, type ExecutionState, isSettled, type StepState } from './state.js';

/** What a decision leads to. */
export interface Decision {
  readonly state: ExecutionState;
  readonly commands: readonly Command[];
  readonly history: readonly HistoryEntry[];
}

/** Where a decision is made. */
export interface Situation {
  readonly plan: Plan;
  readonly facts: ExecutionFacts;
  readonly atMs: number;
}

type Draft = { -readonly [Key in keyof ExecutionState]: ExecutionState[Key] };

/** One decision in the making: a copy of the state to change, and what follows from the changes. */
export class Turn {
  readonly commands: Command[] = [];
  readonly history: HistoryEntry[] = [];
  readonly state: Draft;

  constructor(
    readonly situation: Situation,
    before: ExecutionState,
  ) {
    this.state = { ...before };
  }

  get atMs(): number {
    return this.situation.atMs;
  }

  get plan(): Plan {
    return this.situation.plan;
  }

  decision(): Decision {
    return { state: this.state, commands: this.commands, history: this.history };
  }

  /** The step's place in the plan. Only ids of the plan get here. */
  planned(id: string): PlannedStep {
    const planned = this.plan.steps.get(id);
    if (planned === undefined) throw new Error(`step '${id}' is not in the plan`);
    return planned;
  }

  step(id: string): StepState | undefined {
    return this.state.steps[id];
  }

  /** Changes a step's state; what it had is kept where `change` says nothing of it. */
  change(id: string, change: Partial<StepState>): void {
    const before = this.step(id) ?? { status: 'pending', attempts: 0, earlierAttempts: 0, startedAtMs: this.atMs };
    this.state.steps = { ...this.state.steps, [id]: { ...before, ...change } };
  }

  setTimer(key: string, dueAtMs: number): void {
    this.state.timers = { ...this.state.timers, [key]: dueAtMs };
  }

  clearTimer(key: string): void {
    const { [key]: _, ...others } = this.state.timers;
    this.state.timers = others;
  }

  command(command: Command): void {
    this.commands.push(command);
  }

  note(type: HistoryType, step = '', data: JsonObject | Record<string, JsonValue> = {}): void {
    const attempt = step === '' ? 0 : (this.step(step)?.attempts ?? 0);
    this.history.push({ type, atMs: this.atMs, step, attempt, data });
  }

  isListSettled({ steps }: Scope): boolean {
    return steps.every((id) => isSettled(this.step(id)));
  }

  /** The first step of a list, in the definition's order, whose failure counts. */
  firstFailure({ steps }: Scope): StepState['failure'] {
    const id = steps.find((each) => this.hasFailed(each));
    return id === undefined ? undefined : this.step(id)?.failure;
  }

  /** Whether a step has failed and its definition does not say to go on. */
  hasFailed(id: string): boolean {
    return this.step(id)?.status === 'failed' && !this.planned(id).step.continueOnFailure;
  }
}
