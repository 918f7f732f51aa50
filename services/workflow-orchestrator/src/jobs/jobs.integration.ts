import { readFile } from 'node:fs/promises';
import { fromJson } from '@bufbuild/protobuf';
import { workflows } from '@q2/contracts';
import type { V1ResourceQuota } from '@kubernetes/client-node';
import { type Job, jobs, kindOf, type Wire } from '@q2/kubernetes';
import { describeWithOwnCluster, startTestCluster, type TestCluster } from '@q2/kubernetes/testing';
import { startTestPlatform } from '@q2/testing';
import { TaskResults } from '../tasks/task-results.service.js';
import { EventRecorder, NeighboursModule } from '../testing/neighbours.testing.js';
import { action, Bench, eventually } from '../testing/bench.testing.js';
import { JobNamespace, shellStep } from '../testing/jobs.testing.js';
import { WorkflowOrchestratorModule } from '../workflow-orchestrator.module.js';
import { attemptOf } from './job-attempt.js';
import { JobCluster } from './job-cluster.service.js';
import { JobDriver } from './job-driver.service.js';
import { jobManifest } from './job-manifest.js';

const { ExecutionState, StepStatus } = workflows;
const quotas = kindOf<Wire<V1ResourceQuota>>({ apiVersion: 'v1', kind: 'ResourceQuota', plural: 'resourcequotas' });

// No node runs here: the test plays the kubelet by patching the status of pods, and all else is Kubernetes' own.
describeWithOwnCluster('job steps', 'control', () => {
  let cluster: TestCluster;
  let place: JobNamespace;
  let bench: Bench;

  beforeAll(async () => {
    cluster = await startTestCluster({ mode: 'control' });
    place = await JobNamespace.make(cluster);
    bench = await Bench.start(undefined, place.settings);
    await bench.platform.get(EventRecorder).announceTenant('beta');
  }, 180_000);
  afterAll(async () => {
    await bench?.platform.stop();
    await cluster?.stop();
  });

  const stepOf = (execution: workflows.Execution, id: string) => execution.steps.find(({ step }) => step === id);
  const failed = (execution: { name: string }) => bench.until(execution, ExecutionState.FAILED);

  it('run a pod that a restricted namespace admits, and give its exit code and result', async () => {
    const execution = await bench.run(
      'good',
      [
        shellStep('count_', 'true', {
          job: { args: ['${input.rows}', '$(HOME)'], environment: { ROWS: '${input.rows}', FROM: '$(Q2_STEP)' } },
        }),
        { id: 'after', needs: ['count_'], work: action('transform', { rows: '${steps.count_.output.result.rows}' }) },
      ],
      { input: { rows: 3 } },
    );
    await place.finish('count', 0, '{"rows": 3}');
    const done = await bench.until(execution, ExecutionState.SUCCEEDED);
    expect(stepOf(done, 'count_')?.output?.kind.value).toMatchObject({
      fields: { exitCode: { kind: { value: 0 } }, reason: { kind: { value: 'Completed' } } },
    });
    expect(stepOf(done, 'after')?.output?.kind.value).toMatchObject({ fields: { rows: { kind: { value: 3 } } } });
    const [job] = await place.jobsOf('count');
    expect(job?.metadata?.labels).toMatchObject({ 'q2.io/tenant': 'acme', 'q2.io/execution': execution.name.split('/').at(-1) });
    expect(job?.spec).toMatchObject({ backoffLimit: 0, ttlSecondsAfterFinished: 3600, activeDeadlineSeconds: expect.any(Number) });
    const [container] = job?.spec?.template.spec?.containers ?? [];
    expect(container).toMatchObject({ args: ['3', '$$(HOME)'] });
    expect(container?.env).toEqual(
      expect.arrayContaining([
        { name: 'ROWS', value: '3' },
        { name: 'FROM', value: '$$(Q2_STEP)' },
        { name: 'Q2_TENANT', value: 'acme' },
      ]),
    );
  });

  it('do what the guide for teams says', async () => {
    const guide = await readFile(new URL('../../../../docs/guides/jobs.md', import.meta.url), 'utf8');
    const example = fromJson(workflows.DefinitionSchema, JSON.parse(/```json\n(.*?)```/s.exec(guide)?.[1] ?? ''));
    const { name: workflow } = await bench.definitions.createWorkflow({ parent: 'tenants/acme', workflowId: 'guide', definition: example });
    const execution = await bench.executions.startExecution({ parent: 'tenants/acme', workflow, input: { day: '2026-01-31' } });
    await place.finish('extract', 0, '{"rows": 31}');
    const done = await bench.until(execution, ExecutionState.SUCCEEDED);
    expect(done.output?.kind.value).toBe(31);
    const [container] = (await place.jobsOf('extract'))[0]?.spec?.template.spec?.containers ?? [];
    expect(container).toMatchObject({ image: 'registry.example.com/etl:1.4.2', args: ['--day', '2026-01-31'] });
  });

  it('are tried again as a new Job, and fail with the exit code that the last had', async () => {
    const retry = { maxAttempts: 2, initialInterval: { nanos: 10_000_000 } };
    const execution = await bench.run('bad', [shellStep('broken', 'exit 3', { retry })]);
    const first = await place.finish('broken', 3);
    await eventually(
      () => place.jobsOf('broken'),
      (made) => made.length === 2,
    );
    expect(await place.finish('broken', 4, 'no luck')).not.toBe(first);
    const done = await failed(execution);
    expect(done.failure).toMatchObject({ step: 'broken', reason: 'JOB_FAILED', message: 'the container ended with exit code 4 (Error)' });
    expect(stepOf(done, 'broken')).toMatchObject({
      attempts: 2,
      output: { kind: { value: { fields: { exitCode: { kind: { value: 4 } }, result: { kind: { value: 'no luck' } } } } } },
    });
    expect(await bench.history(execution.name)).toContain('ATTEMPT_FAILED broken');
  });

  it('are deleted with their pods when the execution is cancelled or the step takes too long', async () => {
    const cancelled = await bench.run('endless', [shellStep('endless', 'sleep 1000')]);
    await place.report(await place.pod('endless'), 'Running', { running: { startedAt: new Date().toISOString() } });
    const slow = await bench.run('slow', [shellStep('slow', 'sleep 1000', { timeout: { seconds: 2n } })]);
    await place.pod('slow');
    await bench.executions.cancelExecution({ name: cancelled.name });
    expect((await failed(slow)).failure).toMatchObject({ step: 'slow', reason: 'TIMEOUT' });
    await eventually(
      async () => (await Promise.all(['endless', 'slow'].flatMap((step) => [place.jobsOf(step), place.podsOf(step)]))).flat().length,
      (left) => left === 0,
    );
    const { steps } = await bench.executions.getExecution({ name: cancelled.name });
    expect(steps).toMatchObject([{ step: 'endless', status: StepStatus.CANCELLED }]);
  });

  it('fail clearly where the image cannot be used, the cluster refuses the Job, or somebody deletes it', async () => {
    const image = await bench.run('image', [shellStep('image', 'true')]);
    const waiting = { reason: 'InvalidImageName', message: "couldn't parse image name" };
    await place.report(await place.pod('image'), 'Pending', { waiting });
    expect((await failed(image)).failure).toMatchObject({
      reason: 'JOB_IMAGE_UNAVAILABLE',
      message: expect.stringContaining('InvalidImageName'),
    });
    const lost = await bench.run('lost', [shellStep('lost', 'true')]);
    await place.pod('lost');
    const [job] = await place.jobsOf('lost');
    await cluster.cluster.delete(jobs, { namespace: place.namespace, name: job?.metadata?.name ?? '' });
    expect((await failed(lost)).failure).toMatchObject({ reason: 'JOB_LOST' });
    const wrong = await bench.run('wrong', [shellStep('wrong', 'true', { job: { image: '${input.image}' } })], {
      input: { image: 'no image' },
    });
    expect((await failed(wrong)).failure).toMatchObject({ reason: 'INVALID_FIELDS', message: expect.stringContaining("got 'no image'") });
  });

  it('are one for each tenant, whatever their ids, and no other tenant reads or cancels them', async () => {
    const beta = { tenant: 'beta', roles: ['admin'] };
    const [definitions, executions] = [
      bench.platform.client(workflows.WorkflowService, beta),
      bench.platform.client(workflows.ExecutionService, beta),
    ];
    const definition = { steps: [shellStep('same', 'true')] };
    const { name: workflow } = await definitions.createWorkflow({ parent: 'tenants/beta', workflowId: 'same', definition });
    const theirs = await executions.startExecution({ parent: 'tenants/beta', workflow, executionId: 'same' });
    const mine = await bench.executions.startExecution({
      parent: 'tenants/acme',
      workflow: await bench.define('same', definition.steps),
      executionId: 'same',
    });
    const made = await eventually(
      () => place.jobsOf('same'),
      (found) => found.length === 2,
    );
    expect(new Set(made.map(({ metadata }) => metadata?.labels?.['q2.io/tenant']))).toEqual(new Set(['acme', 'beta']));
    const denied = expect.objectContaining({ kind: 'PERMISSION_DENIED' });
    await expect(executions.cancelExecution({ name: mine.name })).rejects.toEqual(denied);
    await expect(executions.getExecution({ name: mine.name })).rejects.toEqual(denied);
    await expect(executions.watchExecution({ name: mine.name })[Symbol.asyncIterator]().next()).rejects.toEqual(denied);
    await executions.cancelExecution({ name: theirs.name });
    await eventually(
      () => place.jobsOf('same'),
      (left) => left.length === 1,
    );
    await place.finish('same', 0);
    await bench.until(mine, ExecutionState.SUCCEEDED);
  });

  it('leave the Jobs of others in the namespace alone', async () => {
    const [template] = (await place.jobsOf('same')).map(({ spec }) => spec?.template.spec);
    if (template === undefined) throw new Error('no template');
    const labels = {
      'app.kubernetes.io/managed-by': 'q2',
      'q2.io/installation': '0190b6f0-0000-7000-8000-000000000000',
      'q2.io/task': 'none',
    };
    const metadata = { namespace: place.namespace, name: 'stranger', labels };
    const stranger = await cluster.cluster.create(jobs, { metadata, spec: { template: { spec: template } } });
    const execution = await bench.run('beside', [shellStep('beside', 'true')]);
    await place.pod('beside');
    await bench.executions.cancelExecution({ name: execution.name });
    await eventually(
      () => place.jobsOf('beside'),
      (left) => left.length === 0,
    );
    expect((await cluster.cluster.get(jobs, { namespace: place.namespace, name: 'stranger' })).metadata?.uid).toBe(stranger.metadata?.uid);
  });

  describe('with little patience', () => {
    let hasty: Bench;
    let full: JobNamespace;

    beforeAll(async () => {
      full = await JobNamespace.make(cluster);
      await cluster.cluster.create(quotas, { metadata: { namespace: full.namespace, name: 'none' }, spec: { hard: { pods: '0' } } });
      hasty = await Bench.start(undefined, { ...full.settings, Q2_JOBS_START_TIMEOUT_MS: '1500' });
    });
    afterAll(() => hasty.platform.stop());

    it('fail with what keeps their pod from being made', async () => {
      const execution = await hasty.run('crowded', [shellStep('crowded', 'true')]);
      const { failure } = await hasty.until(execution, ExecutionState.FAILED);
      expect(failure).toMatchObject({ reason: 'JOB_NOT_STARTED', message: expect.stringContaining('exceeded quota') });
      await eventually(
        () => full.jobsOf('crowded'),
        (left) => left.length === 0,
      );
    });

    it('fail where no node has room', async () => {
      await cluster.cluster.delete(quotas, { namespace: full.namespace, name: 'none' });
      const execution = await hasty.run('roomless', [shellStep('roomless', 'true')]);
      const { failure } = await hasty.until(execution, ExecutionState.FAILED);
      expect(failure).toMatchObject({ reason: 'JOB_UNSCHEDULABLE', message: expect.stringContaining('no nodes available') });
    });
  });

  describe('of a replica that dies', () => {
    let first: Bench;
    let second: Bench;

    beforeAll(async () => {
      first = await Bench.start(undefined, place.settings);
    });
    afterEach(() => second.platform.stop());
    afterAll(() => first.platform.stop());

    /** Another replica comes. */
    async function replace(): Promise<void> {
      second = await Bench.start(first.platform.databaseUrl, place.settings);
    }

    /** The one that dies: it claims the attempt of a step, and is never heard of again. */
    async function abandon(step: string) {
      const execution = await first.run(step, [shellStep(step, 'true')]);
      const { view } = first.platform.get(JobCluster);
      const [task] = await first.platform.get(JobDriver).claim();
      if (view === undefined || task === undefined) throw new Error('nothing was claimed');
      return { execution, task, cluster: view.cluster, manifest: jobManifest(view.place, attemptOf(task, Date.now())) };
    }

    async function end(step: string, execution: workflows.Execution, job: Job | undefined): Promise<void> {
      await place.finish(step, 0);
      const done = await first.until(execution, ExecutionState.SUCCEEDED);
      expect(stepOf(done, step)?.attempts).toBe(1);
      expect((await place.jobsOf(step)).map(({ metadata }) => metadata?.uid)).toEqual([job?.metadata?.uid]);
    }

    it('are watched over by another, which makes no second Job', async () => {
      const execution = await first.run('handed', [shellStep('handed', 'true')]);
      await place.pod('handed');
      const [job] = await place.jobsOf('handed');
      await replace();
      // The first looks for no more jobs from here on, in the tests that follow too; the rest of it goes on.
      await first.platform.get(JobDriver).beforeApplicationShutdown();
      await end('handed', execution, job);
    });

    it('are found again where it died right after it had made them', async () => {
      const { execution, cluster: api, manifest } = await abandon('orphan');
      const job = await api.create(jobs, manifest);
      await replace();
      await end('orphan', execution, job);
    });

    it('are refused where somebody else has a Job of their name', async () => {
      const { execution, cluster: api, manifest } = await abandon('taken');
      // One without labels would be given those of its pod.
      await api.create(jobs, { ...manifest, metadata: { ...manifest.metadata, labels: { owner: 'somebody' } } });
      await replace();
      const { failure } = await first.until(execution, ExecutionState.FAILED);
      expect(failure).toMatchObject({ reason: 'JOB_REFUSED', message: expect.stringContaining("that is not this attempt's") });
    });

    it('are not made again where they were made and are gone', async () => {
      const { execution, task } = await abandon('gone');
      const notes = { begunAtMs: Date.now() - 2 * 3_600_000 };
      expect(await first.platform.get(TaskResults).logged('acme', task, { data: { lines: [] }, notes })).toBe(true);
      await replace();
      expect((await first.until(execution, ExecutionState.FAILED)).failure).toMatchObject({ reason: 'JOB_LOST' });
    });
  });

  it('are refused where no cluster is configured, when they are defined and when they are started', async () => {
    const workflow = await bench.define('unconfigured', [
      { id: 'p', work: { case: 'parallel', value: { branches: [{ steps: [shellStep('in', 'true')] }] } } },
    ]);
    const plain = await Bench.start(bench.platform.databaseUrl);
    const refusal = { reason: 'JOBS_NOT_CONFIGURED', message: expect.stringContaining('Q2_JOBS_NAMESPACE') };
    await expect(plain.define('refused', [shellStep('a', 'true')])).rejects.toMatchObject(refusal);
    await expect(plain.executions.startExecution({ parent: 'tenants/acme', workflow })).rejects.toMatchObject(refusal);
    await plain.platform.stop();
  });

  it('end the start of a process whose settings lead to no cluster', async () => {
    const modules = [WorkflowOrchestratorModule, NeighboursModule];
    const environment = { Q2_JOBS_NAMESPACE: 'jobs', KUBECONFIG: '/nowhere/config' };
    await expect(startTestPlatform({ modules, environment })).rejects.toThrow(
      'Q2_JOBS_NAMESPACE is set, but the kubeconfig file /nowhere/config does not exist',
    );
  });
});
