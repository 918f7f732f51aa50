import { toJson } from '@bufbuild/protobuf';
import { durationMs, ValueSchema } from '@bufbuild/protobuf/wkt';
import { workflows } from '@q2/contracts';
import { conditionOf } from './condition.proto.js';
import type { Definition, JobWork, NeedsRule, RetryPolicy, Step, WaitWork, Work } from './definition.js';

const thirtyDaysMs = 30 * 24 * 3_600_000;

/** Reads a definition from the contract's message; what is absent gets its documented default. */
export function definitionOf(message: workflows.Definition): Definition {
  return {
    steps: message.steps.map(stepOf),
    timeoutMs: message.timeout === undefined ? thirtyDaysMs : durationMs(message.timeout),
    onFailure: message.onFailure.map(stepOf),
    output: message.output === undefined ? undefined : toJson(ValueSchema, message.output),
  };
}

function stepOf(message: workflows.Step): Step {
  return {
    id: message.id,
    needs: message.needs,
    needsRule: needsRules[message.needsRule],
    when: message.when === undefined ? undefined : conditionOf(message.when),
    work: workOf(message.work),
    retry: retryOf(message.retry),
    timeoutMs: message.timeout === undefined ? undefined : durationMs(message.timeout),
    continueOnFailure: message.continueOnFailure,
  };
}

const needsRules: Record<workflows.NeedsRule, NeedsRule> = {
  [workflows.NeedsRule.UNSPECIFIED]: 'all_succeeded',
  [workflows.NeedsRule.ALL_SUCCEEDED]: 'all_succeeded',
  [workflows.NeedsRule.ALL_DONE]: 'all_done',
  [workflows.NeedsRule.ANY_SUCCEEDED]: 'any_succeeded',
  [workflows.NeedsRule.NONE_FAILED]: 'none_failed',
};

/** The contract requires one of the members, so a message without any never gets here. */
function workOf(work: workflows.Step['work']): Work {
  switch (work.case) {
    case 'action':
      return { kind: 'action', name: work.value.name, input: work.value.input ?? {} };
    case 'task':
      return { kind: 'task', queue: work.value.queue, handler: work.value.handler, input: work.value.input ?? {} };
    case 'wait':
      return { kind: 'wait', until: untilOf(work.value.until) };
    case 'choice':
      return { kind: 'choice', cases: work.value.cases.map(caseOf), otherwise: work.value.otherwise.map(stepOf) };
    case 'parallel':
      return parallelOf(work.value);
    case 'job':
      return jobOf(work.value);
    default:
      throw new TypeError('a step without work');
  }
}

function caseOf({ when, steps }: workflows.Case) {
  return { when: conditionOf(when), steps: steps.map(stepOf) };
}

function parallelOf({ branches, maxConcurrency }: workflows.ParallelWork): Work {
  const limit = maxConcurrency === 0 ? branches.length : maxConcurrency;
  return { kind: 'parallel', branches: branches.map(({ steps }) => steps.map(stepOf)), maxConcurrency: limit };
}

/** What a job gets where its definition does not say. */
const jobDefaults = { cpuMillis: 500, memoryMib: 512, storageMib: 1024 };

function jobOf({ image, command, args, environment, resources, writableRoot }: workflows.JobWork): JobWork {
  const { cpuMillis = 0, memoryMib = 0, storageMib = 0 } = resources ?? {};
  return {
    ...{ kind: 'job', image, command, args, environment, canWriteRoot: writableRoot },
    cpuMillis: cpuMillis === 0 ? jobDefaults.cpuMillis : cpuMillis,
    memoryMib: memoryMib === 0 ? jobDefaults.memoryMib : memoryMib,
    storageMib: storageMib === 0 ? jobDefaults.storageMib : storageMib,
  };
}

function untilOf(until: workflows.WaitWork['until']): WaitWork['until'] {
  switch (until.case) {
    case 'duration':
      return { kind: 'duration', durationMs: durationMs(until.value) };
    case 'timestamp':
      return { kind: 'timestamp', timestamp: until.value };
    case 'signal':
      return { kind: 'signal', signal: until.value };
    case 'event': {
      const { type, filter } = until.value;
      return { kind: 'event', type, filter: filter === undefined ? undefined : conditionOf(filter) };
    }
    default:
      throw new TypeError('a wait without an end');
  }
}

const once: RetryPolicy = {
  maxAttempts: 1,
  initialIntervalMs: 1000,
  backoffCoefficient: 2,
  maxIntervalMs: 300_000,
  jitter: 0,
  nonRetryableReasons: [],
};

function retryOf(policy: workflows.RetryPolicy | undefined): RetryPolicy {
  if (policy === undefined) return once;
  return {
    maxAttempts: policy.maxAttempts,
    initialIntervalMs: policy.initialInterval === undefined ? once.initialIntervalMs : durationMs(policy.initialInterval),
    backoffCoefficient: policy.backoffCoefficient === 0 ? once.backoffCoefficient : policy.backoffCoefficient,
    maxIntervalMs: policy.maxInterval === undefined ? once.maxIntervalMs : durationMs(policy.maxInterval),
    jitter: policy.jitter,
    nonRetryableReasons: policy.nonRetryableReasons,
  };
}
