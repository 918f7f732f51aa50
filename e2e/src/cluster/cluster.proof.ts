import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describeWithOwnCluster } from '@q2/kubernetes/testing';
import { z } from 'zod';
import type { CallReport } from './call-counts.js';
import { buildPlatformImages, buildStoresImage, type Image } from './images.js';
import { startLoad, type Load } from './load.js';
import { onePod, restrictedNamespace, stores } from './manifests.js';
import { OneNodeCluster } from './one-node-cluster.js';
import { listener, reachFrom } from './reach.js';

const namespace = 'q2';
const release = 'q2';
const services = ['tenant-manager', 'model-registry', 'ab-testing', 'monitoring', 'workflow-orchestrator', 'scheduler'];
const chart = fileURLToPath(new URL('../../../helm/q2-platform/', import.meta.url));
const tools = join(process.env['Q2_TOOLS'] ?? '', 'kubernetes');
const startedAt = Date.now();

let folder: string;
let cluster: OneNodeCluster;
let platform: readonly Image[];
let storesImage: Image;
let load: Load;

/** Prints a figure for the record. */
const measure = (text: string) => process.stderr.write(`measured: ${text}\n`);

/** Prints what came of the calls during a phase, and each failure. */
function measureCalls(name: string, { succeeded, failed, failures }: CallReport): void {
  measure(`cluster: ${name}: ${succeeded} calls succeeded, ${failed} failed`);
  for (const [failure, count] of Object.entries(failures)) process.stderr.write(`${count} times ${failure}\n`);
}

/** Runs a phase and prints how long it took. */
async function phase<T>(name: string, work: () => Promise<T>): Promise<T> {
  const from = Date.now();
  const result = await work();
  measure(`cluster: ${name} ${((Date.now() - from) / 1000).toFixed(1)} s`);
  return result;
}

const image = (index: number): Image => {
  const found = platform[index];
  if (!found) throw new Error(`there is no image ${index}`);
  return found;
};
const settingsOf = (index: number) => [
  ...['--values', join(chart, 'ci/one-node-values.yaml')],
  ...['--set', `image.repository=${image(index).name},image.tag=${image(index).tag},image.pullPolicy=Never`],
];
const helm = (...args: readonly string[]) => cluster.helm(...args, '--namespace', namespace);
const kubectl = (...args: readonly string[]) => cluster.kubectl('-n', namespace, ...args);
const lines = (text: string) => text.split('\n').filter((line) => line !== '');

const podList = z.object({
  items: z.array(z.object({ metadata: z.object({ name: z.string(), deletionTimestamp: z.string().optional() }) })),
});

/** Names of the platform's pods that are not about to end: of one service, or of all. */
async function pods(service?: string): Promise<string[]> {
  const selector =
    service === undefined ? `app.kubernetes.io/component in (${services.join(',')})` : `app.kubernetes.io/component=${service}`;
  const { items } = podList.parse(JSON.parse(await kubectl('get', 'pods', '-l', selector, '-o', 'json')));
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(({ metadata }) => metadata.name);
}

const environmentOf = (suffix: string) =>
  Object.fromEntries(services.map((name) => [`${name.toUpperCase().replaceAll('-', '_')}_ADDRESS`, `${release}-${name}${suffix}:50051`]));

/** Runs a pod of the platform's image to its end. */
async function runPod(options: Parameters<typeof onePod>[0]): Promise<string> {
  await cluster.apply(onePod(options));
  for (const giveUpAt = Date.now() + 540_000; Date.now() < giveUpAt; await sleep(500)) {
    const state = await kubectl('get', 'pod', options.name, '-o', 'jsonpath={.status.phase}');
    if (state !== 'Succeeded' && state !== 'Failed') continue;
    const output = await kubectl('logs', options.name);
    await kubectl('delete', 'pod', options.name, '--wait=false');
    if (state === 'Failed') throw new Error(`${options.name} failed:\n${output.slice(-3000)}`);
    return output;
  }
  throw new Error(`${options.name} did not end`);
}

/** Where a step fails, what the cluster says about it. */
async function explain(): Promise<void> {
  const ask = async (...args: readonly string[]) => (await cluster.tryKubectl('-n', namespace, ...args)).output.slice(-6000);
  console.error(await ask('get', 'pods', '-o', 'wide'));
  console.error(await ask('get', 'events', '--sort-by=.lastTimestamp'));
  for (const name of await pods()) console.error(name, (await ask('logs', name, '--tail=4')).slice(-1500));
}

async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await explain();
    throw error;
  }
}

describeWithOwnCluster('the platform on Kubernetes', 'full', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'q2-cluster-'));
    const maker = { folder: join(folder, 'images'), script: join(tools, 'mkimage.sh') };
    await mkdir(maker.folder);
    await phase('images', async () => {
      platform = await buildPlatformImages(maker, ['0.1.0', '0.1.1']);
      storesImage = await buildStoresImage(maker);
    });
    cluster = await phase('start of Kubernetes', () => OneNodeCluster.start(join(tools, 'cluster.sh'), folder));
    await phase('images given to the node', () => cluster.load(image(0).archive, image(1).archive, storesImage.archive));
    await rm(maker.folder, { recursive: true });
  }, 600_000);

  afterAll(async () => {
    await cluster?.stop();
    await rm(folder, { recursive: true, force: true });
    measure(`cluster: all of it ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
  }, 300_000);

  it('is one image of less than 350 MiB whose layers are shared from release to release', () => {
    for (const line of lines(image(0).report).filter((text) => /MiB/.test(text))) measure(line);
    const digests = platform.map(({ report }) =>
      [...report.matchAll(/layer (\w+): sha256:(\w+)/g)].map(([, name, digest]) => ({ name, digest })),
    );
    const changed = (digests[0] ?? []).filter(({ digest }, index) => digest !== digests[1]?.[index]?.digest);
    expect(digests.map((layers) => layers.length)).toEqual([5, 5]);
    expect(changed.map(({ name }) => name)).toEqual(['version']);
  });

  it('is installed into a namespace that enforces restricted pod security', async () => {
    await explained(async () => {
      await cluster.apply(restrictedNamespace(namespace));
      const password = randomBytes(18).toString('base64url');
      await cluster.apply(stores({ namespace, image: `${storesImage.name}:${storesImage.tag}`, password }));
      await phase('PostgreSQL and Kafka', () =>
        kubectl('rollout', 'status', 'deployment/postgresql', 'deployment/kafka', '--timeout=300s'),
      );
      await phase('helm install', () => helm('install', release, chart, ...settingsOf(0), '--wait', '--timeout', '9m'));
    });
    expect(await pods()).toHaveLength(services.length * 2);
    const refusals = await kubectl('get', 'events', '-o', 'jsonpath={range .items[?(@.reason=="FailedCreate")]}{.message}{"\\n"}{end}');
    expect(refusals).not.toContain('violates PodSecurity');
  }, 600_000);

  it('answers a real call to each service in helm test', async () => {
    const output = await explained(() => phase('helm test', () => helm('test', release, '--timeout', '5m')));
    expect(output).toMatch(/Phase:\s+Succeeded/);
  }, 330_000);

  it('closes the loop: the demo runs in a pod, through the Services', async () => {
    const output = await explained(() =>
      phase('demo', () =>
        runPod({
          namespace,
          name: 'demo',
          image: `${image(0).name}:${image(0).tag}`,
          labels: { 'q2-platform/client': 'true' },
          args: ['demo'],
          environment: { ...environmentOf(''), Q2_HOME: '/tmp/q2' },
          secret: { variable: 'Q2_OPERATOR_KEY', name: `${release}-operator-key`, key: 'operator.key' },
        }),
      ),
    );
    expect(output).toContain('The loop is closed');
  }, 600_000);

  it('lets through what the network policies name, and nothing else', async () => {
    await phase('network policies', async () => {
      const pod = { namespace, image: `${image(0).name}:${image(0).tag}`, command: listener };
      await cluster.apply(onePod({ ...pod, name: 'foreign' }));
      await cluster.apply(onePod({ ...pod, name: 'client', labels: { 'q2-platform/client': 'true' } }));
      await kubectl('wait', '--for=condition=Ready', 'pod/foreign', 'pod/client', '--timeout=180s');
      const address = await kubectl('get', 'pod', 'foreign', '-o', 'jsonpath={.status.podIP}');
      const targets = ['q2-model-registry:50051', 'q2-tenant-manager-pods:50051', 'q2-monitoring:8080', 'postgresql:5432', 'kafka:9092'];
      const reach = async (name: string, more: readonly string[] = []) =>
        Object.values(await reachFrom(cluster, { namespace, name }, [...targets, ...more]));
      expect(await reach('foreign')).toEqual(['closed', 'closed', 'closed', 'closed', 'closed']);
      expect(await reach('client')).toEqual(['open', 'open', 'closed', 'closed', 'closed']);
      const outside = [`${address}:9999`, 'kubernetes.default.svc.cluster.local:443'];
      expect(await reach('deployment/q2-scheduler', outside)).toEqual(['open', 'open', 'closed', 'open', 'open', 'closed', 'closed']);
      // The one that runs Jobs, and no other, may talk to the API server.
      expect(await reach('deployment/q2-workflow-orchestrator', outside)).toEqual([
        'open',
        'open',
        'closed',
        'open',
        'open',
        'closed',
        'open',
      ]);
      await kubectl('delete', 'pod', 'foreign', 'client', '--wait=false');
    });
  }, 300_000);

  it('lets one service run Jobs, and nobody do more', async () => {
    const mayI = async (service: string, ...request: readonly string[]) => {
      const account = `system:serviceaccount:${namespace}:${release}-${service}`;
      return (await cluster.tryKubectl('-n', namespace, 'auth', 'can-i', ...request, '--as', account)).output.trim();
    };
    const requests = [
      ['create', 'jobs.batch'],
      ['watch', 'pods'],
      ['get', 'pods', '--subresource=log'],
      ['get', 'secrets'],
      ['create', 'pods'],
    ];
    const answers = (service: string) => Promise.all(requests.map((request) => mayI(service, ...request)));
    expect(await answers('workflow-orchestrator')).toEqual(['yes', 'yes', 'yes', 'no', 'no']);
    expect(await answers('model-registry')).toEqual(['no', 'no', 'no', 'no', 'no']);
  }, 300_000);

  it('is upgraded under load without a failed call', async () => {
    const key = await kubectl('get', 'secret', `${release}-operator-key`, '-o', 'jsonpath={.data.operator\\.key}');
    const operatorKey = Buffer.from(key, 'base64').toString();
    load = await startLoad(cluster, { ...environmentOf(`.${namespace}.svc.cluster.local`), Q2_OPERATOR_KEY: operatorKey });
    const before = await pods();
    await explained(() =>
      phase('helm upgrade under load', () => helm('upgrade', release, chart, ...settingsOf(1), '--wait', '--timeout', '9m')),
    );
    const report = await load.report('upgrade');
    measureCalls('upgrade', report);
    expect(report.failures).toEqual({});
    expect(report.succeeded).toBeGreaterThan(100);
    const after = await pods();
    expect(after.filter((name) => before.includes(name))).toEqual([]);
    const versions = await Promise.all(after.map(async (name) => (await kubectl('logs', name)).split('\n')[0] ?? ''));
    expect(versions.map((line) => /"version":"([^"]+)"/.exec(line)?.[1])).toEqual(after.map(() => '0.1.1'));
  }, 600_000);

  it('loses no call when each of its pods is deleted once', async () => {
    const all = (await Promise.all(services.map((service) => pods(service)))).map((names) => names.slice(0, 2));
    await explained(() =>
      phase('each pod deleted once under load', async () => {
        for (const turn of [0, 1]) {
          const names = all.flatMap((each) => each[turn] ?? []);
          expect(names).toHaveLength(services.length);
          await kubectl('delete', 'pod', ...names, '--wait=false');
          await kubectl('wait', '--for=delete', ...names.map((name) => `pod/${name}`), '--timeout=300s');
          await kubectl('rollout', 'status', ...services.map((service) => `deployment/${release}-${service}`), '--timeout=300s');
        }
      }),
    );
    const report = await load.report('deletions');
    measureCalls('each pod deleted once', report);
    expect(report.failures).toEqual({});
  }, 600_000);

  it('goes back to the release before, and keeps every acknowledged write', async () => {
    await explained(() => phase('helm rollback under load', () => helm('rollback', release, '1', '--wait', '--timeout', '9m')));
    const report = await load.report('rollback');
    measureCalls('rollback', report);
    expect(report.failures).toEqual({});
    const images = await kubectl('get', 'deployments', '-l', `app.kubernetes.io/instance=${release}`, '-o', 'jsonpath={..image}');
    expect(new Set(images.split(' '))).toEqual(new Set([`${image(0).name}:${image(0).tag}`]));
    const { written, lost } = await load.end();
    measure(`cluster: ${written} writes acknowledged during all this, ${lost.length} lost`);
    expect(lost).toEqual([]);
    expect(written).toBeGreaterThan(20);
  }, 600_000);

  it('is uninstalled without a trace', async () => {
    await phase('helm uninstall', () => helm('uninstall', release, '--wait', '--timeout', '5m'));
    const kinds = lines(await cluster.kubectl('api-resources', '--verbs=list', '--namespaced', '-o', 'name'));
    const wanted = kinds.filter((kind) => !/^(events|endpoints|endpointslices|controllerrevisions|leases)/.test(kind));
    const left = async () =>
      lines(await kubectl('get', wanted.join(','), '-o', 'name', '--ignore-not-found')).filter((name) => /q2-|q2$/.test(name));
    const isExpected = (name: string) => name === 'secret/q2-database';
    for (const giveUpAt = Date.now() + 60_000; Date.now() < giveUpAt && (await left()).some((name) => !isExpected(name));)
      await sleep(1000);
    expect((await left()).filter((name) => !isExpected(name))).toEqual([]);
    expect(lines(await cluster.kubectl('get', 'persistentvolumes', '-o', 'name'))).toEqual([]);
  }, 480_000);
});
