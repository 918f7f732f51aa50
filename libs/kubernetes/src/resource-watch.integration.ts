import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { V1ConfigMap } from '@kubernetes/client-node';
import { Cluster } from './cluster.js';
import { readConnection } from './connection.js';
import { kindOf, pathOf } from './kind.js';
import { send } from './request.js';
import { describeWithOwnCluster, startTestCluster, type TestCluster } from './testing/index.js';
import type { Wire } from './wire.js';

const configMaps = kindOf<Wire<V1ConfigMap>>({ apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' });

async function eventually(holds: () => Promise<boolean> | boolean): Promise<void> {
  for (const until = Date.now() + 90_000; !(await holds()); await sleep(50)) if (Date.now() > until) throw new Error('did not come about');
}

/** A way to the API server that the test can cut. */
class Way {
  private readonly sockets = new Set<Socket>();
  private isOpen = true;
  private readonly server: Server;

  constructor(private readonly target: number) {
    this.server = createServer((socket) => this.join(socket));
  }

  /** Gives its port. */
  async begin(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return address.port;
  }

  cut(): void {
    this.isOpen = false;
    for (const socket of this.sockets) socket.destroy();
  }

  heal(): void {
    this.isOpen = true;
  }

  async end(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(socket: Socket): void {
    if (!this.isOpen) return void socket.destroy();
    const onward = connect(this.target, '127.0.0.1');
    for (const each of [socket, onward]) {
      this.sockets.add(each);
      each.on('error', () => undefined);
      each.on('close', () => [socket, onward].forEach((end) => end.destroy()));
    }
    socket.pipe(onward).pipe(socket);
  }
}

describeWithOwnCluster('a watch of an API server that dies', 'control', () => {
  let test: TestCluster;
  let namespace: string;
  let told: string[];
  const problems: unknown[] = [];
  const before = Array.from({ length: 10 }, (_, n) => n);

  beforeAll(async () => {
    test = await startTestCluster({ mode: 'control', apiServerArguments: ['--etcd-compaction-interval=1s'] });
  }, 180_000);
  beforeEach(async () => {
    namespace = await test.makeNamespace();
    told = [];
  });
  afterAll(() => test.stop());

  const put = (name: string, n: number) =>
    test.cluster.apply(
      configMaps,
      { metadata: { namespace, name, labels: { watched: 'yes' } }, data: { n: String(n) } },
      { manager: 'test' },
    );

  function watchThrough(cluster: Cluster) {
    return cluster.watch(
      configMaps,
      { namespace, labelSelector: 'watched=yes' },
      {
        onChange: ({ type, object }) => told.push(`${type} ${object.metadata?.name ?? ''}=${object.data?.['n'] ?? ''}`),
        onSynced: () => told.push('synced'),
        onProblem: (error) => problems.push(error),
      },
    );
  }

  it('tells every change of before and after, each once', async () => {
    const watch = watchThrough(test.cluster);
    await eventually(() => watch.isSynced);
    for (const n of before) await put('counter', n);
    await put('other', 1);
    await eventually(() => told.length === 12);
    await test.killApiServer();
    await eventually(() => problems.length > 0);
    await test.startApiServer();
    for (const n of before) await put('counter', 10 + n);
    await eventually(() => told.at(-1) === 'changed counter=19');
    expect(told.filter((line) => line !== 'synced')).toEqual([
      'added counter=0',
      ...before.slice(1).map((n) => `changed counter=${n}`),
      'added other=1',
      ...before.map((n) => `changed counter=${10 + n}`),
    ]);
    await watch.stop();
  }, 180_000);

  it('lists again where the server has forgotten the moment of the last change, and tells what is different', async () => {
    const way = new Way(Number(new URL(test.cluster.server).port));
    const folder = await mkdtemp(join(tmpdir(), 'q2-way-'));
    const kubeconfig = join(folder, 'config');
    const text = await readFile(test.kubeconfig, 'utf8');
    await writeFile(kubeconfig, text.replace(/server: \S+/, `server: https://127.0.0.1:${await way.begin()}`));
    await put('counter', 1);
    await put('doomed', 1);
    await put('renewed', 1);
    const watch = watchThrough(await Cluster.connect({ kubeconfig }));
    await eventually(() => watch.isSynced);
    way.cut();
    const { resourceVersion } = await test.cluster.list(configMaps, { namespace });
    for (const n of before) await put('counter', 100 + n);
    await test.cluster.delete(configMaps, { namespace, name: 'doomed' });
    await test.cluster.delete(configMaps, { namespace, name: 'renewed' });
    await put('renewed', 2);
    await put('born', 1);
    await eventually(() => isForgotten(resourceVersion));
    // One that has just begun remembers nothing of its own.
    await test.killApiServer();
    await test.startApiServer();
    way.heal();
    await eventually(() => told.filter((line) => line === 'synced').length === 2);
    expect(told).toEqual([
      ...['added counter=1', 'added doomed=1', 'added renewed=1', 'synced'],
      ...['deleted doomed=1', 'added born=1', 'changed counter=109', 'deleted renewed=1', 'added renewed=2', 'synced'],
    ]);
    await watch.stop();
    await way.end();
    await rm(folder, { recursive: true });
  }, 180_000);

  async function isForgotten(resourceVersion: string): Promise<boolean> {
    const connection = await readConnection({ kubeconfig: test.kubeconfig });
    const query = { resourceVersion, resourceVersionMatch: 'Exact', limit: 1 };
    try {
      await send(connection, { method: 'GET', path: pathOf(configMaps, { namespace }), query });
      return false;
    } catch (error) {
      expect(error).toMatchObject({ reason: 'KUBERNETES_EXPIRED' });
      return true;
    }
  }
});
