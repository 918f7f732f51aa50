import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { V1ConfigMap } from '@kubernetes/client-node';
import { Cluster } from './cluster.js';
import { jobs, kindOf, namespaces, pods } from './kind.js';
import { describeWithCluster, startTestCluster, type TestCluster } from './testing/index.js';
import { sharedCluster } from './testing/test-cluster.js';
import type { Wire } from './wire.js';

const configMaps = kindOf<Wire<V1ConfigMap>>({ apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' });

async function eventually(holds: () => boolean): Promise<void> {
  for (const until = Date.now() + 60_000; !holds(); await sleep(20)) if (Date.now() > until) throw new Error('did not come about');
}

describeWithCluster('a cluster', 'control', () => {
  let test: TestCluster;
  let cluster: Cluster;
  let namespace: string;

  beforeAll(async () => {
    test = await startTestCluster({ mode: 'control' });
    cluster = test.cluster;
    namespace = await test.makeNamespace();
  }, 180_000);
  afterAll(() => test.stop());

  const map = (name: string, data: Record<string, string>) => ({ metadata: { namespace, name }, data });

  it('makes, finds, lists and deletes objects', async () => {
    const made = await cluster.create(configMaps, { ...map('a', { n: '1' }), metadata: { namespace, name: 'a', labels: { app: 'x' } } });
    expect(await cluster.get(configMaps, { namespace, name: 'a' })).toEqual(expect.objectContaining({ data: { n: '1' } }));
    const { items } = await cluster.list(configMaps, { namespace, labelSelector: 'app=x' });
    expect(items.map(({ metadata }) => metadata?.uid)).toEqual([made.metadata?.uid]);
    expect(await cluster.delete(configMaps, { namespace, name: 'a' }, { uid: 'another' })).toBe(false);
    expect(await cluster.delete(configMaps, { namespace, name: 'a' }, { uid: made.metadata?.uid })).toBe(true);
    expect(await cluster.delete(configMaps, { namespace, name: 'a' })).toBe(false);
    expect(await cluster.find(configMaps, { namespace, name: 'a' })).toBeUndefined();
    await expect(cluster.get(configMaps, { namespace, name: 'a' })).rejects.toMatchObject({ reason: 'KUBERNETES_NOT_FOUND' });
  });

  it('refuses an object that exists, and one that is wrong, by its fields', async () => {
    await cluster.create(configMaps, map('twice', {}));
    await expect(cluster.create(configMaps, map('twice', {}))).rejects.toMatchObject({ reason: 'KUBERNETES_ALREADY_EXISTS' });
    const containers = [{ name: 'c', image: 'i' }];
    const spec = { template: { spec: { containers, restartPolicy: 'Always' } } };
    await expect(cluster.create(jobs, { metadata: { namespace, name: 'wrong' }, spec })).rejects.toMatchObject({
      violations: [expect.objectContaining({ field: 'spec.template.spec.restartPolicy' })],
    });
  });

  it('applies what it names, and leaves what others manage to them unless it is forced', async () => {
    await cluster.apply(configMaps, map('shared', { a: '1', b: '1' }), { manager: 'first' });
    const { data } = await cluster.apply(configMaps, map('shared', { c: '1' }), { manager: 'second' });
    expect(data).toEqual({ a: '1', b: '1', c: '1' });
    await expect(cluster.apply(configMaps, map('shared', { a: '2' }), { manager: 'second' })).rejects.toMatchObject({
      reason: 'KUBERNETES_APPLY_CONFLICT',
      conflicts: [{ field: '.data.a', manager: 'first' }],
    });
    const forced = await cluster.apply(configMaps, map('shared', { a: '2' }), { manager: 'second', force: true });
    expect(forced.data).toEqual({ a: '2', b: '1' });
    expect((await cluster.apply(configMaps, map('shared', {}), { manager: 'first' })).data).toEqual({ a: '2' });
  });

  it('is told what it may not do', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'q2-nobody-'));
    const kubeconfig = join(folder, 'config');
    await writeFile(kubeconfig, (await readFile(test.kubeconfig, 'utf8')).replace(/^(\s*)user:\s*$/m, '$1user:\n$1  as: nobody'));
    try {
      const nobody = await Cluster.connect({ kubeconfig });
      await expect(nobody.list(pods, { namespace })).rejects.toMatchObject({
        reason: 'KUBERNETES_FORBIDDEN',
        message: expect.stringContaining('User "nobody" cannot list resource "pods"'),
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('deletes what an object owns with it', async () => {
    const template = { spec: { containers: [{ name: 'c', image: 'i' }], restartPolicy: 'Never' } };
    await cluster.create(jobs, { metadata: { namespace, name: 'owner' }, spec: { template } });
    let count = 0;
    for (; count === 0; await sleep(50)) count = (await cluster.list(pods, { namespace, labelSelector: 'job-name=owner' })).items.length;
    await cluster.delete(jobs, { namespace, name: 'owner' }, { propagation: 'Foreground' });
    for (; count > 0; await sleep(50)) count = (await cluster.list(pods, { namespace, labelSelector: 'job-name=owner' })).items.length;
    for (; (await cluster.find(jobs, { namespace, name: 'owner' })) !== undefined; await sleep(50));
  });

  it('tells what is there, then each change in order, until it is stopped', async () => {
    await cluster.create(configMaps, { ...map('w-0', {}), metadata: { namespace, name: 'w-0', labels: { watched: 'yes' } } });
    const told: string[] = [];
    const watch = cluster.watch(
      configMaps,
      { namespace, labelSelector: 'watched=yes' },
      {
        onChange: ({ type, object }) => told.push(`${type} ${object.metadata?.name ?? ''} ${object.data?.['n'] ?? '-'}`),
        onSynced: () => told.push('synced'),
      },
    );
    expect(watch.isSynced).toBe(false);
    await eventually(() => watch.isSynced);
    await cluster.create(configMaps, { metadata: { namespace, name: 'w-1', labels: { watched: 'yes' } }, data: { n: '1' } });
    await cluster.patch(configMaps, { namespace, name: 'w-1' }, { data: { n: '2' } });
    await cluster.delete(configMaps, { namespace, name: 'w-0' });
    await eventually(() => told.length === 5);
    expect(told).toEqual(['added w-0 -', 'synced', 'added w-1 1', 'changed w-1 2', 'deleted w-0 -']);
    expect([...watch.items.keys()]).toEqual([`${namespace}/w-1`]);
    await watch.stop();
    await cluster.delete(configMaps, { namespace, name: 'w-1' });
    await sleep(200);
    expect(told).toHaveLength(5);
  });

  it('is left as it is by tests that do not own it, but for their namespaces', async () => {
    const shared = sharedCluster(test.kubeconfig, cluster);
    const name = await shared.makeNamespace();
    for (const refused of [shared.killApiServer(), shared.startApiServer(), shared.loadShellImage()]) {
      await expect(refused).rejects.toThrow("is not the tests' own");
    }
    await shared.stop();
    expect((await cluster.find(namespaces, { name }))?.status?.phase ?? 'Terminating').toBe('Terminating');
  });
});
