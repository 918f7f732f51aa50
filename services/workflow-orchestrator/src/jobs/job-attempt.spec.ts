import { InvalidArgument, PermissionDenied } from '@q2/errors';
import type { Task } from '../tasks/task-store.js';
import { attemptOf, outputOf, refusalOf } from './job-attempt.js';

const nowMs = Date.UTC(2026, 0, 1);
const input = { image: 'etl:1', command: [], args: [], environment: {}, cpuMillis: 1, memoryMib: 1, storageMib: 1, canWriteRoot: false };
const task: Task = {
  ...{ tenant: 'acme', id: 't1', fence: 1, execution: 'e1', step: 's', attempt: 1, handler: 'job', input },
  ...{ idempotencyKey: 'k', deadlineAt: undefined, deliveries: 1, notes: {} },
};

describe('attemptOf', () => {
  it.each([
    [undefined, undefined],
    [nowMs + 1500, 2],
    [nowMs - 1500, 1],
  ])('gives the cluster until the deadline: %j is %j s', (deadlineAtMs, seconds) => {
    const deadlineAt = deadlineAtMs === undefined ? undefined : new Date(deadlineAtMs);
    expect(attemptOf({ ...task, deadlineAt }, nowMs)).toMatchObject({ task: 't1', deadlineSeconds: seconds, input });
  });
});

describe('refusalOf', () => {
  it('is final where the manifest is wrong', () => {
    expect(refusalOf(InvalidArgument.field('spec', 'is wrong'))).toEqual({
      reason: 'JOB_REFUSED',
      message: 'spec: is wrong',
      isFinal: true,
    });
    expect(refusalOf(new PermissionDenied('KUBERNETES_FORBIDDEN', 'quota is full'))).toMatchObject({ isFinal: false });
  });
});

describe('outputOf', () => {
  it.each([
    ['{"rows": 3}', { rows: 3 }],
    ['3', 3],
    ['done', 'done'],
    ['', null],
    ['"\\u0000"', '\ufffd'],
    ['a\0b', 'a\ufffdb'],
  ])('reads the result %j', (message, result) => {
    expect(outputOf({ exitCode: 0, reason: 'Completed', message }, 'log')).toEqual({
      exitCode: 0,
      reason: 'Completed',
      result,
      log: 'log',
    });
  });

  it('says nothing of an end that nobody saw', () => {
    expect(outputOf(undefined, '')).toEqual({ exitCode: null, reason: '', result: null, log: '' });
  });
});
