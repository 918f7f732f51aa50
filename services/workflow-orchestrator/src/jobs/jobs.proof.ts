import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { workflows } from '@q2/contracts';
import { describeWithOwnCluster, startTestCluster, type TestCluster } from '@q2/kubernetes/testing';
import { action, Bench, eventually } from '../testing/bench.testing.js';
import { JobNamespace, shellStep } from '../testing/jobs.testing.js';
import { JobDriver } from './job-driver.service.js';

const { ExecutionState, HistoryType } = workflows;

/** Real pods on a real node, in a namespace that enforces `restricted`. */
describeWithOwnCluster('job steps on a node', 'full', () => {
  let cluster: TestCluster;
  let place: JobNamespace;
  let bench: Bench;

  beforeAll(async () => {
    cluster = await startTestCluster({ mode: 'full' });
    await cluster.loadShellImage();
    place = await JobNamespace.make(cluster);
    bench = await Bench.start(undefined, { ...place.settings, Q2_JOBS_START_TIMEOUT_MS: '3000' });
  }, 240_000);
  afterAll(async () => {
    await bench?.platform.stop();
    await cluster?.stop();
  });

  /** What an execution's containers wrote, as its history has it; the history ends with it. */
  async function logOf(name: string): Promise<{ lines: string[]; dropped: number; batches: number }> {
    const kept: { lines: string[]; dropped: number; batches: number } = { lines: [], dropped: 0, batches: 0 };
    for await (const { type, data } of bench.executions.watchExecution({ name })) {
      if (type !== HistoryType.LOGGED) continue;
      const lines = data?.['lines'];
      kept.batches += 1;
      kept.dropped = Number(data?.['dropped'] ?? kept.dropped);
      if (Array.isArray(lines)) kept.lines.push(...lines.map(String));
    }
    return kept;
  }

  const outputOf = (execution: workflows.Execution, id: string) => execution.steps.find(({ step }) => step === id)?.output?.kind.value;
  const text = (value: string) => ({ kind: { case: 'stringValue', value } });

  it('keep the log, give the result, and can write only where they may', async () => {
    const script = `
      echo "rows: $ROWS of $Q2_TENANT/$Q2_STEP, attempt $Q2_ATTEMPT, home $HOME"
      (echo x >/etc/mark) 2>/dev/null && echo "the root can be written"
      echo scratch >/tmp/mark && cat /tmp/mark
      [ -e /var/run/secrets/kubernetes.io ] && echo "there is a token"
      # The two outputs travel apart: only a pause makes sure of their order.
      sleep 1; echo oops >&2
      echo '{"rows": 3}' >/dev/termination-log`;
    const execution = await bench.run(
      'count',
      [
        shellStep('count', script, { job: { environment: { ROWS: '${input.rows}' } } }),
        { id: 'after', needs: ['count'], work: action('transform', { twice: '${steps.count.output.result.rows * 2.0}' }) },
      ],
      { input: { rows: 3 } },
    );
    const done = await bench.until(execution, ExecutionState.SUCCEEDED);
    const lines = ['rows: 3 of acme/count, attempt 1, home /tmp', 'scratch', 'oops'];
    expect(await logOf(execution.name)).toEqual({ lines, dropped: 0, batches: expect.any(Number) });
    expect(outputOf(done, 'count')).toMatchObject({
      fields: { exitCode: { kind: { value: 0 } }, reason: text('Completed'), log: text(lines.join('\n')) },
    });
    expect(outputOf(done, 'after')).toMatchObject({ fields: { twice: { kind: { value: 6 } } } });
  });

  it('fail with exit code, last lines, and what the kernel did', async () => {
    const broken = await bench.run('broken', [shellStep('broken', 'echo before; sleep 1; echo the end >&2; exit 3')]);
    const greedy = await bench.run('greedy', [shellStep('greedy', 'x=x; while :; do x=$x$x; done')]);
    const missing = await bench.run('missing', [shellStep('missing', 'true', { job: { image: 'q2.test/missing:1' } })]);
    const huge = await bench.run('huge', [shellStep('huge', 'true', { job: { memoryMib: 524_288 } })]);
    const failed = await bench.until(broken, ExecutionState.FAILED);
    expect(failed.failure).toMatchObject({ step: 'broken', reason: 'JOB_FAILED', message: 'the container ended with exit code 3 (Error)' });
    expect(outputOf(failed, 'broken')).toMatchObject({ fields: { exitCode: { kind: { value: 3 } }, log: text('before\nthe end') } });
    expect((await bench.until(greedy, ExecutionState.FAILED)).failure).toMatchObject({ reason: 'JOB_OUT_OF_MEMORY' });
    expect((await bench.until(missing, ExecutionState.FAILED)).failure).toMatchObject({ reason: 'JOB_IMAGE_UNAVAILABLE' });
    expect((await bench.until(huge, ExecutionState.FAILED)).failure).toMatchObject({ reason: 'JOB_UNSCHEDULABLE' });
  });

  it('are stopped with their execution, pods and all', async () => {
    const execution = await bench.run('endless', [
      shellStep('endless', "trap 'echo told to stop; exit 0' TERM; echo here; while :; do sleep 0.1; done"),
    ]);
    await eventually(
      async () => (await place.podsOf('endless')).map(({ status }) => status?.phase),
      ([phase]) => phase === 'Running',
    );
    await bench.executions.cancelExecution({ name: execution.name });
    await eventually(
      async () => [...(await place.jobsOf('endless')), ...(await place.podsOf('endless'))].length,
      (left) => left === 0,
    );
    expect((await bench.executions.getExecution({ name: execution.name })).state).toBe(ExecutionState.CANCELLED);
  });

  it('keep 256 KiB of a longer log, tell how much is left out, and give its end', async () => {
    const line = 'x'.repeat(100);
    const execution = await bench.run('wordy', [shellStep('wordy', `i=0; while [ $i -lt 5000 ]; do echo "$i ${line}"; i=$((i+1)); done`)]);
    const done = await bench.until(execution, ExecutionState.SUCCEEDED);
    const { lines, dropped } = await logOf(execution.name);
    expect(lines).toEqual(Array.from(lines, (_, n) => `${n} ${line}`));
    expect(lines.length + dropped).toBe(5000);
    expect(Buffer.byteLength(lines.join('\n'))).toBeLessThanOrEqual(262_144);
    expect(Buffer.byteLength(lines.join('\n'))).toBeGreaterThan(260_000);
    expect(JSON.stringify(outputOf(done, 'wordy'))).toContain(`4999 ${line}`);
  });

  it('go on when the API server dies and comes back', async () => {
    const script = 'i=0; while [ $i -lt 30 ]; do echo "line $i"; i=$((i+1)); sleep 0.1; done';
    const early = await bench.run('early', [shellStep('early', script)]);
    await eventually(
      () => linesSoFar(early.name),
      (count) => count > 0,
    );
    await cluster.killApiServer();
    const late = await bench.run('late', [shellStep('late', 'echo late')]);
    await cluster.startApiServer();
    await bench.until(early, ExecutionState.SUCCEEDED);
    await bench.until(late, ExecutionState.SUCCEEDED);
    expect((await logOf(early.name)).lines).toEqual(Array.from({ length: 30 }, (_, n) => `line ${n}`));
    expect((await logOf(late.name)).lines).toEqual(['late']);
    expect([(await place.jobsOf('early')).length, (await place.jobsOf('late')).length]).toEqual([1, 1]);
  }, 180_000);

  it('lose no line and run once, though the replicas that watch over them are killed', async () => {
    await bench.platform.get(JobDriver).beforeApplicationShutdown();
    const replicas = [await replica(), await replica(), await replica()];
    try {
      // Those whose turn has not come stand still.
      for (const waiting of replicas.slice(1)) waiting.kill('SIGSTOP');
      const script = 'i=0; while [ $i -lt 120 ]; do echo "line $i"; i=$((i+1)); sleep 0.1; done; echo ended';
      const execution = await bench.run('handed', [shellStep('handed', script)]);
      const killedAt: number[] = [];
      for (const [index, enough] of [5, 25].entries()) {
        killedAt.push(
          await eventually(
            () => linesSoFar(execution.name),
            (count) => count >= enough,
          ),
        );
        replicas[index]?.kill('SIGKILL');
        replicas[index + 1]?.kill('SIGCONT');
      }
      const done = await bench.until(execution, ExecutionState.SUCCEEDED);
      const { lines, batches } = await logOf(execution.name);
      expect(lines).toEqual([...Array.from({ length: 120 }, (_, n) => `line ${n}`), 'ended']);
      expect(done.steps).toMatchObject([{ step: 'handed', attempts: 1 }]);
      expect(await place.jobsOf('handed')).toHaveLength(1);
      expect(await place.podsOf('handed')).toHaveLength(1);
      const figures = `${lines.length} lines in ${batches} batches, replicas killed after ${killedAt.join(' and ')} lines; 1 Job, 1 pod`;
      console.info(`job steps: ${figures}`);
    } finally {
      for (const each of replicas) each.kill('SIGKILL');
    }
  }, 180_000);

  async function replica(): Promise<ChildProcess> {
    const program = fileURLToPath(new URL('../testing/replica.main.js', import.meta.url));
    const settings = { ...place.settings, WORKFLOW_LEASE_MS: '600', WORKFLOW_POLL_MS: '100' };
    const child = fork(program, [bench.platform.databaseUrl, JSON.stringify(settings)], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const failed = once(child, 'exit').then(() => Promise.reject(new Error('the replica did not start')));
    await Promise.race([once(child, 'message'), failed]);
    failed.catch(() => undefined);
    return child;
  }

  /** Lines in the history of an execution that goes on. */
  async function linesSoFar(name: string): Promise<number> {
    const { lastSequence } = await bench.executions.getExecution({ name });
    let count = 0;
    const watching = new AbortController();
    try {
      for await (const { sequence, data } of bench.executions.watchExecution({ name }, { signal: watching.signal })) {
        const lines = data?.['lines'];
        count += Array.isArray(lines) ? lines.length : 0;
        if (sequence >= lastSequence) break;
      }
    } finally {
      watching.abort();
    }
    return count;
  }
});
