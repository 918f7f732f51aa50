import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { models } from '@q2/contracts';
import { startTestDatabase, type TestDatabase } from '@q2/database/testing';
import { describeWithOwnKafka, startTestKafka, type TestKafka } from '@q2/events/testing';
import { randomOf } from '../chaos/random.js';
import { closedLoop, leftBehind } from '../demo-resilience/closed-loop.js';
import { RunningDemo } from '../demo-resilience/running-demo.js';
import { until } from '../demo/patience.js';
import { whereabouts } from '../demo/sign-in.js';
import { auditedInTheEnd, openCustomer, usedOf } from './customer.js';
import { freePorts } from './free-ports.js';
import { LateServer } from './late-server.js';
import { serviceNames, startProcesses, type PlatformProcesses } from './platform-processes.js';
import { sampleChanges } from './sample-changes.js';
import { SteadyLoad } from './steady-load.js';

const seed = Number(process.env['Q2_SEED'] ?? Date.now() % 1_000_000);

describeWithOwnKafka('two replicas of each service over one PostgreSQL and one Kafka', () => {
  let database: TestDatabase;
  let kafka: TestKafka;
  let late: LateServer;
  let home = '';
  let platform: PlatformProcesses;
  let lateUrl: URL;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'q2-twelve-'));
    [database, kafka] = await Promise.all([startTestDatabase(), startTestKafka()]);
    await kafka.kill();
    lateUrl = new URL(database.url);
    const target = { host: lateUrl.hostname, port: Number(lateUrl.port) };
    const [port = 0] = await freePorts(1);
    lateUrl.port = String(port);
    lateUrl.hostname = '127.0.0.1';
    late = new LateServer(port, target);
    platform = await startProcesses({ replicas: 2, databaseUrl: lateUrl.href, brokers: kafka.brokers, home, autostart: false });
  }, 300_000);
  afterAll(async () => {
    await platform.stop();
    late.close();
    await kafka.stop();
    await database.stop();
    await rm(home, { recursive: true, force: true });
  }, 180_000);

  const waits = (what: string) =>
    platform.all.filter((each) => each.output().includes(`waiting for ${what}`)).map(({ service }) => service);

  it('start in any order, say what they wait for, and are ready once all is there', async () => {
    console.log(`Q2_SEED=${seed}`);
    for (const each of randomOf(seed).shuffled(platform.all)) await each.start();
    const broker = `Kafka at ${kafka.brokers.join(',')}`;
    await until('every process to wait for Kafka', () => allOrNone(waits(broker).length, platform.all.length), 300_000);
    for (const each of platform.all) {
      expect(await each.probe('/livez')).toMatchObject({ status: 200 });
      expect(await each.probe('/readyz')).toMatchObject({ status: 503, text: expect.stringContaining(`waiting for ${broker}: `) });
    }
    await kafka.start();
    const postgres = `PostgreSQL at ${lateUrl.host}: connection refused`;
    await until('tenant-manager to wait for PostgreSQL', () => allOrNone(waits(postgres).length, 2), 300_000);
    await until('the others to wait for its keys', () => allOrNone(waits('the keys of tenant-manager at ').length, 10), 300_000);
    await late.open();
    await platform.untilReady();
  }, 600_000);

  it('end at once with 0 when told to while they wait', async () => {
    const [waiting] = (
      await startProcesses({ services: ['tenant-manager'], databaseUrl: 'postgres://q2:q2@127.0.0.1:1/q2', home, autostart: false })
    ).all;
    await waiting?.start();
    await until('the wait', () => allOrNone(waiting?.output().includes('waiting for PostgreSQL') ? 1 : 0, 1), 300_000);
    expect(await waiting?.end('SIGTERM')).toBe(0);
  }, 300_000);

  it('pass the demo', async () => {
    const demo = RunningDemo.start(home, platform.environment);
    expect({ exitCode: await demo.finish(), output: demo.output }).toMatchObject({ exitCode: 0 });
    expect(await leftBehind({ home, where: whereabouts(platform.environment), tenant: demo.tenant })).toEqual(closedLoop);
  }, 300_000);

  it('lose no call and no event of stock clients while one replica after the other is told to stop', async () => {
    const customer = await openCustomer(platform, 'rolling', 'enterprise');
    const load = new SteadyLoad({ platform, ...customer });
    await load.untilMore(5);
    for (const service of serviceNames) {
      const [first] = platform.replicas(service);
      expect(await first?.end('SIGTERM')).toBe(0);
      await load.untilMore(5);
      await first?.start();
      await first?.untilReady();
      await load.untilMore(5);
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(await auditedInTheEnd(customer, load.acknowledged)).toEqual(load.acknowledged);
    console.log(`${load.total} changes acknowledged while six processes were told to stop: 0 failed, each handled once`);
    customer.clients.close();
  }, 600_000);

  it('serve valid tokens for a minute without tenant-manager, and settle its books afterwards', async () => {
    const customer = await openCustomer(platform, 'orphaned', 'starter');
    const withoutQuota = sampleChanges.filter(({ service }) => ['ab-testing', 'monitoring', 'workflow-orchestrator'].includes(service));
    await Promise.all(platform.replicas('tenant-manager').map((each) => each.end('SIGKILL')));
    const load = new SteadyLoad({ platform, ...customer, callers: 1, pauseMs: 1_000, changes: withoutQuota });
    const registry = customer.clients.get(models.ModelService);
    const create = (modelId: string) => registry.createModel({ parent: customer.tenant, modelId, model: { runtime: models.Runtime.ONNX } });
    for (let index = 0; index < 5; index += 1) await create(`trusted-${index}`);
    await expect(create('one-too-many')).rejects.toMatchObject({ kind: 'UNAVAILABLE', reason: 'QUOTA_UNAVAILABLE' });
    await sleep(60_000);
    expect((await registry.listModels({ parent: customer.tenant })).models).toHaveLength(5);
    await load.stop();
    expect(load.failures).toEqual([]);

    for (const each of platform.replicas('tenant-manager')) await each.start();
    await platform.untilReady();
    await until('the books to be settled', async () => allOrNone(await usedOf(customer, 'models'), 5));
    await create('after-all');
    expect(await usedOf(customer, 'models')).toBe(6);
    expect(await auditedInTheEnd(customer, load.acknowledged)).toEqual(load.acknowledged);
    console.log(`${load.total} changes acknowledged in a minute without tenant-manager: 0 failed; 5 models given on trust, and settled`);
    customer.clients.close();
  }, 600_000);
});

/** For `until`: there once the count is reached. */
function allOrNone(count: number, wanted: number): Promise<true | undefined> {
  return Promise.resolve(count === wanted ? true : undefined);
}
