import type { Condition, JsonObject, JsonValue } from '@q2/expressions';

/** What a workflow does. All durations are in milliseconds. */
export interface Definition {
  readonly steps: readonly Step[];
  readonly timeoutMs: number;
  readonly onFailure: readonly Step[];
  /** Template of the execution's output. */
  readonly output: JsonValue | undefined;
}

/** One step; its id is unique in the whole definition. */
export interface Step {
  readonly id: string;
  /** Steps of the same list that come before. */
  readonly needs: readonly string[];
  readonly needsRule: NeedsRule;
  readonly when: Condition | undefined;
  readonly work: Work;
  readonly retry: RetryPolicy;
  /** Longest time of one attempt or wait, or of all of a choice or parallel. */
  readonly timeoutMs: number | undefined;
  readonly continueOnFailure: boolean;
}

/** How the steps that a step needs must have ended for it to run. All must have ended in any case. */
export type NeedsRule = 'all_succeeded' | 'all_done' | 'any_succeeded' | 'none_failed';

export type Work = AttemptedWork | WaitWork | ChoiceWork | ParallelWork;

/** Work that somebody does in attempts, which can fail and be repeated. */
export type AttemptedWork = ActionWork | TaskWork | JobWork;

/** A built-in action. */
export interface ActionWork {
  readonly kind: 'action';
  readonly name: string;
  readonly input: JsonObject;
}

/** A task for a remote worker. */
interface TaskWork {
  readonly kind: 'task';
  readonly queue: string;
  readonly handler: string;
  readonly input: JsonObject;
}

/** A container that runs to its end in Kubernetes. Its texts may hold expressions. */
export interface JobWork {
  readonly kind: 'job';
  readonly image: string;
  /** In place of the image's entry point; empty where that runs. */
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly cpuMillis: number;
  readonly memoryMib: number;
  readonly storageMib: number;
  readonly canWriteRoot: boolean;
}

/** A wait, and what ends it. */
export interface WaitWork {
  readonly kind: 'wait';
  readonly until:
    | { readonly kind: 'duration'; readonly durationMs: number }
    | { readonly kind: 'timestamp'; readonly timestamp: string }
    | { readonly kind: 'signal'; readonly signal: string }
    | { readonly kind: 'event'; readonly type: string; readonly filter: Condition | undefined };
}

/** Alternatives, tried in order. */
export interface ChoiceWork {
  readonly kind: 'choice';
  readonly cases: readonly { readonly when: Condition; readonly steps: readonly Step[] }[];
  readonly otherwise: readonly Step[];
}

/** Branches side by side. */
interface ParallelWork {
  readonly kind: 'parallel';
  readonly branches: readonly (readonly Step[])[];
  /** How many run at the same time. */
  readonly maxConcurrency: number;
}

/** When and how often a failed attempt is repeated. */
export interface RetryPolicy {
  /** The first attempt included. */
  readonly maxAttempts: number;
  readonly initialIntervalMs: number;
  readonly backoffCoefficient: number;
  readonly maxIntervalMs: number;
  /** Share of the interval, 0–1, that is varied. */
  readonly jitter: number;
  readonly nonRetryableReasons: readonly string[];
}

/** Whether work is done in attempts. */
export function isAttempted(work: Work): work is AttemptedWork {
  return work.kind === 'action' || work.kind === 'task' || work.kind === 'job';
}

/** Whether any of some steps, or of those within them, is a job. */
export function hasJobs(steps: readonly Step[]): boolean {
  return steps.some(({ work }) => work.kind === 'job' || innerLists(work).some(hasJobs));
}

/** The lists of steps within a step, in order: the cases and `otherwise` of a choice, the branches of a parallel. */
export function innerLists(work: Work): readonly (readonly Step[])[] {
  if (work.kind === 'choice') return [...work.cases.map(({ steps }) => steps), work.otherwise];
  return work.kind === 'parallel' ? work.branches : [];
}
