import type { ActionWork, Definition, JobWork, RetryPolicy, Step, Work } from '../definition/definition.js';

/** A policy of one attempt. */
export const once: RetryPolicy = {
  maxAttempts: 1,
  initialIntervalMs: 1000,
  backoffCoefficient: 2,
  maxIntervalMs: 300_000,
  jitter: 0,
  nonRetryableReasons: [],
};

/** A step that does `work`, and nothing unusual. */
export function aStep(id: string, work: Work = aTask(), more: Partial<Step> = {}): Step {
  return {
    id,
    needs: [],
    needsRule: 'all_succeeded',
    when: undefined,
    work,
    retry: once,
    timeoutMs: undefined,
    continueOnFailure: false,
    ...more,
  };
}

/** A task for a worker of queue `default` with handler `work`. */
export function aTask(input: ActionWork['input'] = {}): Work {
  return { kind: 'task', queue: 'default', handler: 'work', input };
}

/** A built-in action. */
export function anAction(name: string, input: ActionWork['input'] = {}): Work {
  return { kind: 'action', name, input };
}

/** A job of an image that runs as it is. */
export function aJob(more: Partial<JobWork> = {}): JobWork {
  const resources = { cpuMillis: 500, memoryMib: 512, storageMib: 1024 };
  return { kind: 'job', image: 'etl:1', command: [], args: [], environment: {}, ...resources, canWriteRoot: false, ...more };
}

/** A definition of these steps that may take an hour. */
export function aDefinition(steps: readonly Step[], more: Partial<Definition> = {}): Definition {
  return { steps, timeoutMs: 3_600_000, onFailure: [], output: undefined, ...more };
}
