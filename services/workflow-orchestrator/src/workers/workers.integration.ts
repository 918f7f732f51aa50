import { workflows } from '@q2/contracts';
import { maxDeliveries } from '../tasks/delivery.js';
import { Bench, eventually, task } from '../testing/bench.testing.js';
import { TestWorker } from '../testing/worker.testing.js';

const { ExecutionState } = workflows;

type DurationInit = { seconds?: bigint; nanos?: number };

describe('workers', () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await Bench.start();
  });
  afterAll(() => bench.platform.stop());

  const run = (
    handler: string,
    count = 1,
    more: { timeout?: DurationInit; retry?: { maxAttempts: number; initialInterval: DurationInit } } = {},
  ) =>
    bench.run(
      handler,
      Array.from({ length: count }, (_, index) => ({ id: `s${index}`, work: task(handler, { n: index }), ...more })),
    );

  it('are given tasks of their queues and handlers, with what they need to do them', async () => {
    const worker = new TestWorker(bench.workers, { handlers: ['given', 'more'] });
    await run('foreign');
    const { name } = await run('given', 1, { timeout: { seconds: 60n } });
    const given = await worker.task('s0');
    expect(given).toMatchObject({ handler: 'given', input: { n: 0 }, execution: name, attempt: 1, fence: 1n });
    expect(given.deadline).toBeDefined();
    expect(given.idempotencyKey).toMatch(/^[0-9a-f-]{36}$/);
    expect(worker.leaseMs).toBe(600);
    worker.heartbeat(given, { share: 0.5 });
    worker.complete(given, { made: 'it' });
    const ended = await bench.until({ name }, ExecutionState.SUCCEEDED);
    expect(ended.steps[0]?.output?.kind.value).toMatchObject({ fields: { made: { kind: { value: 'it' } } } });
    expect(await bench.history(name)).toContain('PROGRESS s0');
    expect(worker.acknowledged).toEqual([given.name]);
    expect(worker.tasks).toHaveLength(1);
    worker.die();
  });

  it('are given no more than they have capacity for', async () => {
    const worker = new TestWorker(bench.workers, { handlers: ['capacity'], capacity: 2 });
    const { name } = await run('capacity', 5);
    for (let done = 0; done < 5; done += 1) {
      const given = await eventually(
        () => worker.tasks[done],
        (found) => found !== undefined,
      );
      expect(worker.tasks.length - worker.acknowledged.length).toBeLessThanOrEqual(2);
      if (given !== undefined) worker.complete(given);
    }
    await bench.until({ name }, ExecutionState.SUCCEEDED);
    worker.die();
  });

  it('share the tasks, each given once', async () => {
    const workers = Array.from({ length: 3 }, () => new TestWorker(bench.workers, { handlers: ['shared'], capacity: 100 }));
    const { name } = await run('shared', 40);
    await eventually(
      () => workers.flatMap(({ tasks }) => tasks),
      (tasks) => tasks.length === 40,
    );
    for (const worker of workers) for (const given of worker.tasks) worker.complete(given);
    const ended = await bench.until({ name }, ExecutionState.SUCCEEDED);
    expect(ended.steps.map(({ attempts }) => attempts)).toEqual(Array.from({ length: 40 }, () => 1));
    expect(new Set(workers.flatMap(({ tasks }) => tasks.map((given) => given.name))).size).toBe(40);
    for (const worker of workers) worker.die();
  });

  it('that die leave their tasks to others, and what they still say is refused', async () => {
    const first = new TestWorker(bench.workers, { handlers: ['lost'] });
    const { name } = await run('lost');
    const lost = await first.task('s0');
    first.die();
    const second = new TestWorker(bench.workers, { handlers: ['lost'] });
    const found = await second.task('s0');
    expect(found).toMatchObject({ name: lost.name, attempt: 1, fence: lost.fence + 1n, idempotencyKey: lost.idempotencyKey });
    const zombie = new TestWorker(bench.workers, { handlers: ['other'] });
    zombie.complete(lost, { by: 'zombie' });
    zombie.fail(lost, 'ZOMBIE');
    zombie.heartbeat(lost, { share: 1 });
    await eventually(
      () => zombie.revoked,
      (revoked) => revoked.length === 3,
    );
    second.complete(found, { by: 'second' });
    const ended = await bench.until({ name }, ExecutionState.SUCCEEDED);
    expect(ended.steps[0]?.output?.kind.value).toMatchObject({ fields: { by: { kind: { value: 'second' } } } });
    for (const worker of [second, zombie]) worker.die();
  });

  it('keep their tasks by heartbeats, on another connection too', async () => {
    const first = new TestWorker(bench.workers, { handlers: ['kept'] });
    const { name } = await run('kept');
    const kept = await first.task('s0');
    first.die();
    const again = new TestWorker(bench.workers, { handlers: ['kept'] });
    for (let beat = 0; beat < 10; beat += 1) {
      again.heartbeat(kept);
      await new Promise((resolve) => setTimeout(resolve, 120));
    }
    expect(again.tasks).toEqual([]);
    again.complete(kept);
    await bench.until({ name }, ExecutionState.SUCCEEDED);
    again.die();
  });

  it('that fail a task are given the next attempt, until the failure is final', async () => {
    const worker = new TestWorker(bench.workers, { handlers: ['failing'] });
    const { name } = await run('failing', 1, { retry: { maxAttempts: 5, initialInterval: { nanos: 10_000_000 } } });
    worker.fail(await worker.task('s0'), 'FIRST');
    worker.fail(await worker.task('s0', 2), 'SECOND', true);
    expect((await bench.until({ name }, ExecutionState.FAILED)).failure).toMatchObject({ step: 's0', reason: 'SECOND' });
    worker.die();
  });

  it('are told at once of tasks that time out', async () => {
    const worker = new TestWorker(bench.workers, { handlers: ['late'] });
    const { name } = await run('late', 1, { timeout: { nanos: 100_000_000 } });
    const late = await worker.task('s0');
    await bench.until({ name }, ExecutionState.FAILED);
    await eventually(
      () => worker.revoked,
      (revoked) => revoked.includes(late.name),
    );
    worker.die();
  });

  it('end a task that kills whoever takes it', async () => {
    const { name } = await run('deadly');
    for (let delivery = 1; delivery <= maxDeliveries; delivery += 1) {
      const worker = new TestWorker(bench.workers, { handlers: ['deadly'] });
      await worker.task('s0');
      worker.die();
    }
    const last = new TestWorker(bench.workers, { handlers: ['deadly'] });
    expect((await bench.until({ name }, ExecutionState.FAILED)).failure).toMatchObject({ reason: 'TASK_LOST' });
    expect(last.tasks).toEqual([]);
    last.die();
  }, 30_000);

  it('drain: they get nothing new, and are let go once they are done', async () => {
    const worker = new TestWorker(bench.workers, { handlers: ['drained'], capacity: 1 });
    const { name } = await run('drained', 2);
    const [first] = [await worker.task('s0').catch(() => worker.task('s1'))];
    worker.say({ case: 'drain', value: {} });
    worker.complete(first);
    expect(await worker.ended()).toBeUndefined();
    expect(worker.tasks).toHaveLength(1);
    await bench.executions.cancelExecution({ name });
    const idle = new TestWorker(bench.workers, { handlers: ['idle'] });
    idle.say({ case: 'drain', value: {} });
    expect(await idle.ended()).toBeUndefined();
  });

  it('must register first, once, and speak for one tenant', async () => {
    const twice = new TestWorker(bench.workers);
    twice.say({ case: 'register', value: { workerId: 'w', queues: ['default'], handlers: ['work'], capacity: 1 } });
    expect(await twice.ended()).toMatchObject({ reason: 'WORKER_REGISTERED' });
    const unregistered = bench.workers.work(
      (async function* messages() {
        yield await Promise.resolve({ parent: 'tenants/acme', message: { case: 'drain', value: {} } } as const);
      })(),
    );
    await expect(unregistered[Symbol.asyncIterator]().next()).rejects.toMatchObject({ reason: 'WORKER_NOT_REGISTERED' });
    const elsewhere = new TestWorker(bench.workers);
    elsewhere.say({ case: 'drain', value: {} }, 'tenants/globex');
    expect(await elsewhere.ended()).toBeInstanceOf(Error);
    const unnamed = new TestWorker(bench.workers);
    unnamed.say({ case: 'complete', value: { lease: { task: 'tenants/acme/tasks/none', fence: 1n } } });
    expect(await unnamed.ended()).toMatchObject({ message: expect.stringContaining('must be the name of a task') });
  });
});
