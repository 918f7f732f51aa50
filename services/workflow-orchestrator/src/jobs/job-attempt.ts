import { type DomainError, InvalidArgument } from '@q2/errors';
import type { JsonObject, JsonValue } from '@q2/expressions';
import { z } from 'zod';
import type { JobInput } from '../engine/job-input.js';
import type { Task } from '../tasks/task-store.js';
import type { JobAttempt } from './job-manifest.js';
import type { ContainerEnd, JobFailure } from './job-verdict.js';

const inputSchema: z.ZodType<JobInput> = z.object({
  image: z.string(),
  command: z.array(z.string()),
  args: z.array(z.string()),
  environment: z.record(z.string(), z.string()),
  cpuMillis: z.number(),
  memoryMib: z.number(),
  storageMib: z.number(),
  canWriteRoot: z.boolean(),
});

/** The attempt that a task is, at a moment in milliseconds since 1970. */
export function attemptOf(task: Task, nowMs: number): JobAttempt {
  const { tenant, execution, step, attempt, idempotencyKey, deadlineAt, input } = task;
  const deadlineSeconds = deadlineAt === undefined ? undefined : Math.max(1, Math.ceil((deadlineAt.getTime() - nowMs) / 1000));
  return { tenant, execution, step, attempt, task: task.id, idempotencyKey, deadlineSeconds, input: inputSchema.parse(input) };
}

/** What the cluster will not have. A manifest that is wrong stays wrong; a quota that is full, or a right that lacks, may not. */
export function refusalOf(error: DomainError): JobFailure {
  return { reason: 'JOB_REFUSED', message: error.message, isFinal: error instanceof InvalidArgument };
}

/** A step's output of how its container ended, and the last lines that it wrote. */
export function outputOf(end: ContainerEnd | undefined, log: string): JsonObject {
  return { exitCode: end?.exitCode ?? null, reason: end?.reason ?? '', result: resultOf(end?.message ?? ''), log };
}

/** What the container wrote to /dev/termination-log: JSON where it is, or else text. The database takes no NUL in either. */
function resultOf(message: string): JsonValue {
  const text = message.replaceAll('\0', '\uFFFD').replaceAll('\\u0000', '\\ufffd');
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
