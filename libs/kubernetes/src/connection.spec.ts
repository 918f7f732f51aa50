import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster } from './cluster.js';
import { readConnection } from './connection.js';
import { jobs, pathOf, pods } from './kind.js';

describe('a connection', () => {
  let folder: string;
  let server: Server;
  /** What the server does with each request. */
  let answer: Parameters<typeof createServer>[1];
  let file: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'q2-kubeconfig-'));
    server = createServer((request, response) => answer?.(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    file = await kubeconfig('good', port());
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  });

  function port(): number {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return address.port;
  }

  async function kubeconfig(name: string, toPort: number, user = 'me'): Promise<string> {
    const path = join(folder, name);
    const cluster = { server: `http://127.0.0.1:${toPort}/`, 'insecure-skip-tls-verify': true };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'me', user: { token: 'secret-token' } }],
      contexts: [
        { name: 'main', context: { cluster: 'c', user } },
        { name: 'spare', context: { cluster: 'c', user: 'me' } },
      ],
      'current-context': 'main',
    };
    await writeFile(path, JSON.stringify(config));
    return path;
  }

  it.each([
    ['a file that is not there', () => ({ kubeconfig: '/nowhere/config' }), 'the kubeconfig file /nowhere/config does not exist'],
    ['a context that is not there', () => ({ kubeconfig: file, context: 'prod' }), "has no context 'prod'; it has main, spare"],
    ['a process outside a cluster', () => ({ environment: {} }), 'KUBERNETES_SERVICE_HOST is not set'],
    ['a pod without a token', () => ({ environment: { KUBERNETES_SERVICE_HOST: '10.0.0.1' } }), 'has no service account token'],
  ])('is refused for %s', async (_, options, message) => {
    const reading = readConnection(options());
    await expect(reading).rejects.toMatchObject({ reason: 'KUBERNETES_NOT_CONFIGURED', message: expect.stringContaining(message) });
  });

  it('is refused for a file that says nothing sensible', async () => {
    const broken = join(folder, 'broken');
    await writeFile(broken, '{ nonsense');
    await expect(readConnection({ kubeconfig: broken })).rejects.toThrow(`the kubeconfig file ${broken} cannot be read`);
    await writeFile(broken, JSON.stringify({ apiVersion: 'v1', kind: 'Config', clusters: [], users: [], contexts: [] }));
    await expect(readConnection({ kubeconfig: broken })).rejects.toThrow('it has none');
    const stranger = await kubeconfig('stranger', 1, 'nobody');
    await expect(readConnection({ kubeconfig: stranger })).rejects.toThrow(
      "the context 'main' names a cluster or a user that is not there",
    );
  });

  it('sends the credentials of the context', async () => {
    let seen: string | undefined;
    answer = (request, response) => {
      seen = request.headers.authorization;
      response.end(JSON.stringify({ metadata: { name: 'p' } }));
    };
    const cluster = await Cluster.connect({ kubeconfig: file, context: 'spare' });
    expect(await cluster.get(pods, { namespace: 'n', name: 'p' })).toEqual({ metadata: { name: 'p' } });
    expect(seen).toBe('Bearer secret-token');
    expect(cluster.server).toBe(`http://127.0.0.1:${port()}`);
  });

  it('says which server did not answer in time, whether it says nothing or stops half-way', async () => {
    const cluster = await Cluster.connect({ kubeconfig: file, timeoutMs: 100 });
    answer = () => undefined;
    const timedOut = { reason: 'KUBERNETES_TIMEOUT', message: expect.stringContaining('within 100 ms') };
    await expect(cluster.get(pods, { namespace: 'n', name: 'p' })).rejects.toMatchObject(timedOut);
    await expect(cluster.log({ namespace: 'n', pod: 'p' })[Symbol.asyncIterator]().next()).rejects.toMatchObject(timedOut);
    answer = (_, response) => void response.write('{');
    await expect(cluster.get(pods, { namespace: 'n', name: 'p' })).rejects.toMatchObject(timedOut);
  });

  it('says which server cannot be reached', async () => {
    const cluster = await Cluster.connect({ kubeconfig: await kubeconfig('closed', 1) });
    await expect(cluster.list(pods, {})).rejects.toMatchObject({
      reason: 'KUBERNETES_UNREACHABLE',
      message: expect.stringContaining('the API server at http://127.0.0.1:1 cannot be reached: Error: connect ECONNREFUSED'),
    });
  });

  it('lists page by page', async () => {
    const tokens: (string | null)[] = [];
    answer = (request, response) => {
      const { searchParams } = new URL(request.url ?? '', 'http://x');
      tokens.push(searchParams.get('continue'));
      const isFirst = searchParams.get('continue') === null;
      const metadata = { resourceVersion: '7', ...(isFirst ? { continue: 'next' } : { continue: '' }) };
      response.end(JSON.stringify({ items: [{ metadata: { name: isFirst ? 'a' : 'b' } }], metadata }));
    };
    const cluster = await Cluster.connect({ kubeconfig: file });
    expect(await cluster.list(pods, { namespace: 'n' })).toEqual({
      items: [{ metadata: { name: 'a' } }, { metadata: { name: 'b' } }],
      resourceVersion: '7',
    });
    expect(tokens).toEqual([null, 'next']);
  });

  it('ends a log where its reader stops, or says that the connection was cut', async () => {
    answer = (_, response) => {
      response.write('2026-01-01T00:00:00.000000001Z one\n2026-01-01T00:00:01Z\n');
    };
    const cluster = await Cluster.connect({ kubeconfig: file });
    const stop = new AbortController();
    const lines: string[] = [];
    for await (const { at, text } of cluster.log({ namespace: 'n', pod: 'p', follow: true, signal: stop.signal })) {
      lines.push(`${at}|${text}`);
      if (lines.length === 2) stop.abort();
    }
    expect(lines).toEqual(['2026-01-01T00:00:00.000000001Z|one', '2026-01-01T00:00:01Z|']);
    answer = (_, response) => {
      response.write('2026-01-01T00:00:00Z one\n');
      setTimeout(() => response.destroy(), 20);
    };
    const cut = async () => {
      for await (const { text } of cluster.log({ namespace: 'n', pod: 'p', follow: true })) expect(text).toBe('one');
    };
    await expect(cut()).rejects.toMatchObject({ reason: 'KUBERNETES_UNREACHABLE' });
  });

  it('ends a watch that falls silent and watches on', async () => {
    let watches = 0;
    answer = (request, response) => {
      if (request.url?.includes('watch=true') !== true)
        return void response.end(JSON.stringify({ items: [], metadata: { resourceVersion: '1' } }));
      watches += 1;
      response.write(
        `${JSON.stringify({ type: 'ADDED', object: { metadata: { name: `p${watches}`, resourceVersion: String(watches) } } })}\n`,
      );
    };
    const cluster = await Cluster.connect({ kubeconfig: file });
    const seen: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const problems: unknown[] = [];
    const watch = cluster.watch(
      pods,
      {},
      {
        silenceMs: 30,
        onChange: ({ object }) => {
          seen.push(object.metadata?.name ?? '');
          if (seen.length === 3) resolve();
        },
        onProblem: (error) => problems.push(error),
      },
    );
    await promise;
    await watch.stop();
    expect(seen).toEqual(['p1', 'p2', 'p3']);
    expect(String(problems[0])).toContain('the watch fell silent');
  });
});

describe('pathOf', () => {
  it('is that of the core and of groups, of collections and of objects', () => {
    expect(pathOf(pods, {})).toBe('/api/v1/pods');
    expect(pathOf(pods, { namespace: 'n' })).toBe('/api/v1/namespaces/n/pods');
    expect(pathOf(jobs, { namespace: 'n', name: 'a/../b' })).toBe('/apis/batch/v1/namespaces/n/jobs/a%2F..%2Fb');
  });
});
