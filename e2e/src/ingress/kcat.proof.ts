import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeWithKafka, startTestKafka, type TestKafka } from '@q2/events/testing';
import { until } from '../demo/patience.js';
import { mustStart, type RunningPlatform } from '../process/running-platform.js';
import { blockWith, isInstalled, runShell, sendFunction } from './producers-page.js';
import { Shop } from './shop.js';

const about = 'producers outside, with kcat on a real Kafka';

if (isInstalled('kcat')) describeWithKafka(about, proof);
else if (process.env['CI'] === 'true') describe(about, () => it('runs', () => Promise.reject(new Error('kcat is not installed'))));
else {
  process.stderr.write(`skipped: ${about}: kcat is not installed\n`);
  describe.skip(about, proof);
}

function proof(): void {
  let kafka: TestKafka;
  let home: string;
  let platform: RunningPlatform;
  let shop: Shop;
  let environment: { Q2_KAFKA: string; Q2_KEY: string };

  beforeAll(async () => {
    kafka = await startTestKafka();
    home = await mkdtemp(join(tmpdir(), 'q2-ingress-'));
    platform = await mustStart(home, { KAFKA_BROKERS: kafka.brokers.join(',') });
    shop = await Shop.open(platform, home);
    environment = { Q2_KAFKA: kafka.brokers.join(','), Q2_KEY: (await shop.producerKey('acme')).text };
  }, 600_000);

  afterAll(async () => {
    shop?.close();
    await platform?.end('SIGTERM');
    await kafka?.stop();
    await rm(home, { recursive: true, force: true });
  }, 240_000);

  /** Runs a script that may use the page's `send`. */
  const run = (script: string, change: Partial<typeof environment> = {}) =>
    runShell(`${sendFunction}\n${script}`, { ...environment, ...change });

  /** How many records of a topic ended like this, as metrics tell. */
  async function counted(topic: string, outcome: string, reason = ''): Promise<number> {
    const line = `q2_ingress_records_total{topic="q2.ingress.${topic}.v1",outcome="${outcome}",reason="${reason}"} `;
    const lines = (await (await fetch(`http://${platform.httpAddress}/metrics`)).text()).split('\n');
    return Number(lines.find((one) => one.startsWith(line))?.slice(line.length) ?? 0);
  }

  const untilCounted = (count: number, ...of: [topic: string, outcome: string, reason?: string]) =>
    until(`${count} × ${of.join(' ')}`, async () => ((await counted(...of)) >= count ? true : undefined));

  it("starts a workflow by the page's event, once, however often it is sent", async () => {
    const line = blockWith('sh', 'send events');
    await run(line);
    const { workflow, input } = await shop.executionFor('order-7');
    expect(workflow).toContain('tenants/acme/workflows/pack-order');
    expect(input).toEqual({ order: 'order-7', amount: 12.5 });
    await run(`${line}${line}`);
    await untilCounted(2, 'events', 'duplicate');
    expect(await shop.executions()).toBe(1);
  }, 600_000);

  it("counts the page's outcome in the experiment", async () => {
    await run(blockWith('sh', 'send outcomes'));
    expect(await shop.purchases()).toMatchObject({ units: 1n, mean: 1 });
  }, 600_000);

  it("fires an alert by the page's metric", async () => {
    await run(blockWith('sh', 'send metrics'));
    expect(await shop.firingAlert()).toMatchObject({ monitor: 'tenants/acme/monitors/checkout', value: 0.5 });
  }, 600_000);

  it("starts a workflow by the page's program", async () => {
    const program = fileURLToPath(new URL('./producers-page-example.ts', import.meta.url));
    await writeFile(program, blockWith('ts', "from 'kafkajs'"));
    await runShell(`"${process.execPath}" --no-warnings "${program}"`, { ...environment, NODE_OPTIONS: '' });
    expect((await shop.executionFor('order-8')).input).toEqual({ order: 'order-8', amount: 20 });
  }, 600_000);

  it('reads what producers compressed, by whatever codec', async () => {
    const before = await counted('metrics', 'accepted');
    const body = `<<< '{"points": [{"metric": "compressed", "value": 1}]}'`;
    for (const codec of ['gzip', 'snappy', 'lz4', 'zstd']) {
      const send = sendFunction.replace('kcat -P', `kcat -P -z ${codec}`);
      await run(`${send}\nsend metrics q2.monitoring.v1.RecordStreamRequest ${codec} ${body}`);
    }
    await untilCounted(before + 4, 'metrics', 'accepted');
    expect(await shop.points('acme', 'compressed')).toBe(4);
  }, 600_000);

  it('refuses bad records with their reasons, keeps them in the dead letters without credentials, counts them, and goes on behind them', async () => {
    const foreign = await shop.producerKey('globex');
    const madeUp = `q2_k${'a'.repeat(15)}_${'A'.repeat(43)}`;
    const type = 'q2.monitoring.v1.RecordStreamRequest';
    const point = '{"points": [{"metric": "tried", "value": 1}]}';
    const attempts = [
      ['no-key', `Q2_KEY= send metrics ${type} no-key <<< '${point}'`, 'HEADERS_INVALID'],
      ['made-up-key', `Q2_KEY=${madeUp} send metrics ${type} made-up-key <<< '${point}'`, 'CREDENTIAL_REFUSED'],
      ['foreign-key', `Q2_KEY=${foreign.text} send metrics ${type} foreign-key <<< '${point}'`, 'TENANT_NOT_REACHABLE'],
      ['foreign-body', `send metrics ${type} foreign-body <<< '${point.replace('{', '{"parent": "tenants/globex", ')}'`, 'TENANT_MISMATCH'],
      ['no-json', `send metrics ${type} no-json <<< 'value=1'`, 'BODY_NOT_JSON'],
      ['odd-field', `send metrics ${type} odd-field <<< '${point.replace('"value"', '"odd": 1, "value"')}'`, 'BODY_INVALID'],
      ['bad-name', `send metrics ${type} bad-name <<< '${point.replace('tried', 'not a name')}'`, 'INVALID_FIELDS'],
      ['other-type', `send metrics q2.tenants.v1.CreateTenantRequest other-type <<< '${point}'`, 'TYPE_UNKNOWN'],
    ] as const;
    const accepted = await counted('metrics', 'accepted');
    await run(attempts.map(([, line]) => line).join('\n'));
    await run(`send metrics ${type} behind-them <<< '${point}'`);
    await untilCounted(accepted + 1, 'metrics', 'accepted');
    for (const [, , reason] of attempts) await untilCounted(1, 'metrics', 'refused', reason);
    expect([await shop.points('acme', 'tried'), await shop.points('globex', 'tried')]).toEqual([1, 0]);

    const letters = await run(blockWith('sh', '.dlq'));
    for (const [id, , reason] of attempts) expect(letters).toMatch(new RegExp(`ce_id=${id},.*dlq_reason=${reason}`));
    for (const secret of [environment.Q2_KEY, foreign.text, madeUp]) expect(letters).not.toContain(secret);
    expect(letters).not.toMatch(/authorization=|Bearer q2/);
    expect(letters).toMatch(/dlq_error=authorization: must be Bearer, a space, and an access token or an API key/);
  }, 600_000);

  it('refuses a key soon after it was revoked, and a tenant that was suspended', async () => {
    const key = await shop.producerKey('acme');
    const send = (id: string) =>
      run(`send events q2.schedules.v1.EmitEventRequest ${id} <<< '{"event": {"type": "shop.opened"}}'`, { Q2_KEY: key.text });
    const accepted = await counted('events', 'accepted');
    await send('before');
    await untilCounted(accepted + 1, 'events', 'accepted');
    await shop.revoke(key.name);
    let sent = 0;
    await until('the end of the key', async () => {
      await send(`after-${String((sent += 1))}`);
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      return (await counted('events', 'refused', 'CREDENTIAL_REFUSED')) > 0 ? true : undefined;
    });

    await shop.suspend('acme');
    await until('the end of the tenant', async () => {
      await run(
        `send metrics q2.monitoring.v1.RecordStreamRequest late-${String((sent += 1))} <<< '{"points": [{"metric": "late", "value": 1}]}'`,
      );
      await new Promise((resolve) => setTimeout(resolve, 500));
      return (await counted('metrics', 'refused', 'TENANT_NOT_ACTIVE')) > 0 ? true : undefined;
    });
  }, 600_000);
}
