import { HttpRoutes, HttpServer, listenProblem, splitAddress, text } from './http-server.js';

describe('HttpServer', () => {
  const routes = new HttpRoutes();
  routes.add('/ok', () => text(200, 'fine'));
  routes.add('/broken', () => Promise.reject(new Error('secret')));
  const server = new HttpServer(routes);
  let base = '';

  beforeAll(async () => {
    base = `http://127.0.0.1:${await server.listen('127.0.0.1:0')}`;
  });
  afterAll(() => server.close());

  it('answers its routes, with or without a query', async () => {
    const answer = await fetch(`${base}/ok?x=1`);
    expect([answer.status, await answer.text(), answer.headers.get('content-type')]).toEqual([200, 'fine\n', 'text/plain; charset=utf-8']);
  });

  it('answers 404, 405 and 500 without saying what went wrong inside', async () => {
    expect((await fetch(`${base}/other`)).status).toBe(404);
    expect((await fetch(`${base}/ok`, { method: 'POST' })).status).toBe(405);
    const broken = await fetch(`${base}/broken`);
    expect([broken.status, await broken.text()]).toEqual([500, 'internal error\n']);
  });

  it('says in one sentence that its port is taken', async () => {
    const second = new HttpServer(routes);
    await expect(second.listen(base.replace('http://', ''))).rejects.toThrow(
      /HTTP cannot listen on 127.0.0.1:\d+: the port is in use by another program/,
    );
  });
});

describe('listenProblem', () => {
  it('speaks plainly of what it knows, and passes on the rest', () => {
    expect(['listen EACCES', 'listen EADDRNOTAVAIL', 'odd'].map((message) => listenProblem(new Error(message)))).toEqual([
      'this user may not open that port',
      'no such address on this machine',
      'odd',
    ]);
  });
});

describe('splitAddress', () => {
  it('understands IPv6', () => {
    expect(splitAddress('[::1]:80')).toEqual({ host: '::1', port: 80 });
  });
});
