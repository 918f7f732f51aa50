import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import pg from 'pg';
import { parseDatabaseUrl } from './connection-settings.js';
import { Notifications } from './notifications.js';
import { startTestDatabase, type TestDatabase } from './testing/index.js';

/** Between us and the server, so that the server can be away for a while. */
class Proxy {
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;
  port = 0;

  constructor(private readonly targetPort: number) {}

  async open(): Promise<void> {
    this.server = createServer((near) => {
      const far = connect(this.targetPort, '127.0.0.1');
      for (const socket of [near, far]) this.sockets.add(socket.on('error', () => undefined));
      near.pipe(far).pipe(near);
    });
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    const address = this.server.address();
    if (typeof address === 'object' && address !== null) this.port = address.port;
  }

  close(): void {
    this.server?.close();
    this.sockets.forEach((socket) => socket.destroy());
    this.sockets.clear();
  }
}

let server: TestDatabase;
let proxy: Proxy;
let notifications: Notifications;

beforeAll(async () => (server = await startTestDatabase()));
afterAll(() => server.stop());

beforeEach(async () => {
  const settings = parseDatabaseUrl(server.url);
  proxy = new Proxy(settings.port ?? 0);
  await proxy.open();
  notifications = new Notifications('test', { ...settings, port: proxy.port });
});

afterEach(async () => {
  await notifications.close();
  proxy.close();
});

async function notify(channel: string, payload: string): Promise<void> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query('SELECT pg_notify($1, $2)', [channel, payload]);
  await client.end();
}

async function arrived(received: readonly string[], count: number): Promise<readonly string[]> {
  for (const deadline = Date.now() + 10_000; received.length < count && Date.now() < deadline;)
    await new Promise((resolve) => setTimeout(resolve, 10));
  return received;
}

describe('Notifications', () => {
  it('keeps trying while the server is away, and then says that something may have been missed', async () => {
    const received: string[] = [];
    await notifications.listen('news', (payload) => received.push(payload));
    proxy.close();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await notify('news', 'missed');
    expect(received).toEqual([]);
    await proxy.open();
    expect(await arrived(received, 1)).toEqual(['']);
    await notify('news', 'seen');
    expect(await arrived(received, 2)).toEqual(['', 'seen']);
  });

  it('is unavailable where the server cannot be reached at first, and works later', async () => {
    proxy.close();
    const received: string[] = [];
    await expect(notifications.listen('news', (payload) => received.push(payload))).rejects.toMatchObject({
      reason: 'DATABASE_UNAVAILABLE',
    });
    await proxy.open();
    await notifications.listen('news', (payload) => received.push(payload));
    await notify('news', 'seen');
    expect(await arrived(received, 1)).toEqual(['seen']);
  });

  it('stops listening where the connection is away too', async () => {
    const stop = await notifications.listen('news', () => undefined);
    proxy.close();
    await new Promise((resolve) => setTimeout(resolve, 200));
    await stop();
  });

  it('calls nobody after it was closed, and takes no new listener', async () => {
    const received: string[] = [];
    await notifications.listen('news', (payload) => received.push(payload));
    await notifications.close();
    await notify('news', 'late');
    await expect(notifications.listen('news', () => undefined)).rejects.toMatchObject({ reason: 'DATABASE_CLOSED' });
    expect(received).toEqual([]);
  });
});
