import type { Job, Pod } from '@q2/kubernetes';
import { hasBegun, hasEnded, hasStopped, verdictOf } from './job-verdict.js';

type State = NonNullable<NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number]['state']>;

const at = '2026-01-01T00:00:00Z';
const job = (...conditions: [type: string, reason?: string, message?: string][]): Job => ({
  metadata: { name: 'j', uid: 'u' },
  status: { conditions: conditions.map(([type, reason = '', message = '']) => ({ type, status: 'True', reason, message })) },
});
const pod = (state: State, more: Partial<NonNullable<Pod['status']>> = {}): Pod => ({
  status: { ...more, containerStatuses: [{ name: 'job', image: 'etl:1', imageID: '', ready: false, restartCount: 0, state }] },
});
const ended = (exitCode: number, reason: string, message?: string) =>
  pod({ terminated: { exitCode, reason, ...(message !== undefined && { message }) } });
const waiting = (reason: string, message = 'why') => pod({ waiting: { reason, message } });

describe('verdictOf', () => {
  it('is success with the end of the container', () => {
    expect(verdictOf(job(['Complete']), [ended(0, 'Completed', '{}')])).toEqual({
      kind: 'succeeded',
      end: { exitCode: 0, reason: 'Completed', message: '{}' },
    });
    expect(verdictOf(job(['Complete']), [])).toEqual({ kind: 'succeeded', end: undefined });
  });

  it.each<[string, Job, Pod[], string, string]>([
    [
      'an exit code',
      job(['Failed', 'BackoffLimitExceeded']),
      [ended(3, 'Error')],
      'JOB_FAILED',
      'the container ended with exit code 3 (Error)',
    ],
    ['too much memory', job(['Failed']), [ended(137, 'OOMKilled')], 'JOB_OUT_OF_MEMORY', 'the container took more memory than it has'],
    ['its deadline', job(['Failed', 'DeadlineExceeded', 'too long']), [], 'TIMEOUT', 'the cluster ended the job: too long'],
    ['a pod that is gone', job(['Failed', 'BackoffLimitExceeded', 'limit']), [{}], 'JOB_FAILED', 'the job failed: limit'],
    ['a failure without words', { status: { conditions: [{ type: 'Failed', status: 'True' }] } }, [], 'JOB_FAILED', 'the job failed: '],
    [
      'eviction',
      job(['Failed']),
      [{ status: { reason: 'Evicted', message: 'node was low on storage' } }],
      'JOB_EVICTED',
      'the pod was evicted: node was low on storage',
    ],
    ['preemption', job(['Failed']), [{ status: { reason: 'Preempting' } }], 'JOB_EVICTED', 'the pod was evicted: '],
  ])('is failure by %s', (_, failed, pods, reason, message) => {
    expect(verdictOf(failed, pods)).toMatchObject({ kind: 'failed', failure: { reason, message, isFinal: false } });
  });

  it('is failure where somebody deleted the Job', () => {
    const deleted: Job = { metadata: { name: 'j', deletionTimestamp: at } };
    expect(verdictOf(deleted, [])).toMatchObject({ kind: 'failed', failure: { reason: 'JOB_LOST' } });
  });

  it.each<[string, Pod[], string | undefined]>([
    ['no pod is made', [], 'JOB_NOT_STARTED'],
    ['the pod is new', [{}], undefined],
    ['its container is made', [waiting('ContainerCreating')], undefined],
    ['the image is not there', [waiting('ErrImagePull')], 'JOB_IMAGE_UNAVAILABLE'],
    ['the image is waited for', [waiting('ImagePullBackOff')], 'JOB_IMAGE_UNAVAILABLE'],
    [
      'no node has room',
      [{ status: { conditions: [{ type: 'PodScheduled', status: 'False', message: '0/1 nodes' }] } }],
      'JOB_UNSCHEDULABLE',
    ],
    ['a node is chosen', [{ status: { conditions: [{ type: 'PodScheduled', status: 'True' }] } }], undefined],
  ])('waits where %s', (_, pods, reason) => {
    const verdict = verdictOf(job(), pods);
    expect(verdict.kind).toBe('pending');
    expect(verdict.kind === 'pending' ? verdict.obstacle?.reason : '').toBe(reason);
  });

  it.each([
    ['InvalidImageName', 'JOB_IMAGE_UNAVAILABLE'],
    ['CreateContainerConfigError', 'JOB_REFUSED'],
    ['RunContainerError', 'JOB_REFUSED'],
  ])('does not wait where %s will not pass', (reason, expected) => {
    expect(verdictOf(job(), [waiting(reason)])).toMatchObject({ kind: 'failed', failure: { reason: expected, isFinal: true } });
  });

  it('is running from the container’s begin to the Job’s end', () => {
    expect(verdictOf(job(), [pod({ running: { startedAt: at } })])).toEqual({ kind: 'running' });
    expect(verdictOf(job(['SuccessCriteriaMet']), [ended(0, 'Completed')])).toEqual({ kind: 'running' });
  });
});

describe('what a container has done', () => {
  it('is told by its state, or by the phase of its pod', () => {
    const running = pod({ running: { startedAt: at } });
    expect([running, ended(0, ''), pod({}, { phase: 'Failed' }), waiting('x'), {}].map(hasBegun)).toEqual([true, true, true, false, false]);
    expect([running, ended(0, ''), pod({}, { phase: 'Succeeded' }), pod({}, { phase: 'Failed' }), {}].map(hasStopped)).toEqual([
      ...[false, true, true, true, false],
    ]);
    expect([job(), job(['Complete']), job(['Failed']), job(['FailureTarget']), {}].map(hasEnded)).toEqual([
      false,
      true,
      true,
      false,
      false,
    ]);
  });
});
