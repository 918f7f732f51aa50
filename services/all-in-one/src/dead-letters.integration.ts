import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { auditEvents } from '@q2/contracts';
import { busSchema, DatabaseBus, ServiceEvents, UnprocessableEvent } from '@q2/events';
import { startTestDatabase, type TestDatabase } from '@q2/database/testing';
import { z } from 'zod';
import { runDeadLetterCommand } from './dead-letters.js';
import { migratePlatform } from './migrate.js';

const ignore = () => undefined;
const log = { info: ignore, warn: ignore, error: ignore };
const listed = z.array(z.object({ id: z.string(), tenant: z.string(), service: z.string(), key: z.string(), reason: z.string() }));

let server: TestDatabase;
let events: ServiceEvents;
let bus: DatabaseBus;
let isBroken = true;
const handled: string[] = [];

beforeAll(async () => {
  server = await startTestDatabase();
  await migratePlatform(server.url, { report: ignore });
  const database = await server.database({ name: 'schedules', entities: [], migrations: [] });
  bus = new DatabaseBus({ database: await server.database(busSchema), log, member: 'test' });
  events = new ServiceEvents({ service: 'scheduler', database, bus, log, retryPolicy: { tries: 1 } });
  events.subscriptions.add({
    consumer: 'schedules.test',
    topics: ['q2.usage.events.v1'],
    handle: async (tx, event) => {
      await tx.query('select 1');
      if (isBroken) throw new UnprocessableEvent('NOT_TODAY', `the handler is broken for ${event.key}`);
      handled.push(event.key);
    },
  });
  await events.start();
  for (const [tenant, key] of [
    ['acme', 'first'],
    ['acme', 'second'],
    ['globex', 'third'],
  ] as const) {
    const event = { type: auditEvents.UsageRecordedSchema, data: { quantity: 7n }, key };
    await database.inTenant(tenant, (tx) => events.outbox.add(tx, event));
  }
});
afterAll(async () => {
  await events.stop();
  await bus.close();
  await server.stop();
});

async function run(...line: string[]): Promise<{ code: number; output: string }> {
  const lines: string[] = [];
  const code = await runDeadLetterCommand(line, { databaseUrl: () => Promise.resolve(server.url), print: (text) => lines.push(text) });
  return { code, output: lines.join('\n') };
}

const list = async (...filters: string[]) => listed.parse(JSON.parse((await run('list', '--json', ...filters)).output));

async function until(isDone: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + 60_000;
  while (!(await isDone())) {
    if (Date.now() > giveUpAt) throw new Error('it did not happen within a minute');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('the dead letter command', () => {
  beforeAll(() => until(async () => (await list('--service', 'scheduler')).length === 3), 90_000);

  it('lists what consumers of all services and tenants gave up on, and what a filter leaves', async () => {
    expect((await list()).map(({ service }) => service)).toEqual(['scheduler', 'scheduler', 'scheduler']);
    expect(await list('--tenant', 'globex')).toMatchObject([{ tenant: 'globex', key: 'third', reason: 'NOT_TODAY' }]);
    expect(await list('--service', 'monitoring')).toEqual([]);
    expect(await list('--service', 'scheduler', '--reason', 'RETRIES_EXHAUSTED')).toEqual([]);
    expect(await list('--service', 'scheduler', '--consumer', 'schedules.test', '--limit', '2')).toHaveLength(2);
    const { output } = await run('list');
    expect(output.split('\n')).toHaveLength(4);
    expect(output).toMatch(/scheduler {2}acme {4}schedules.test {2}q2.usage.events.v1.UsageRecorded {2}NOT_TODAY/);
  });

  it('shows an event with its data and why it failed', async () => {
    const [third] = await list('--service', 'scheduler', '--tenant', 'globex');
    const shown: unknown = JSON.parse((await run('show', third?.id ?? '')).output);
    expect(shown).toMatchObject({ key: 'third', data: { quantity: '7' }, headers: { ce_tenant: 'globex' } });
    expect(shown).toMatchObject({ error: expect.stringContaining('the handler is broken for third') });
  });

  it('has them tried again, once each, and forgets them', async () => {
    isBroken = false;
    const [third] = await list('--service', 'scheduler', '--tenant', 'globex');
    expect(await run('replay', '--service', 'scheduler', third?.id ?? '')).toEqual({ code: 0, output: '1 replayed, 0 refused' });
    await until(() => handled.length > 0);
    expect(handled).toEqual(['third']);
    expect(await run('replay', '--all', '--service', 'scheduler', '--tenant', 'acme')).toEqual({
      code: 0,
      output: '2 replayed, 0 refused',
    });
    await until(() => handled.length === 3);
    expect(await run('list')).toEqual({ code: 0, output: 'no dead letters' });
    expect(new Set(handled)).toEqual(new Set(['first', 'second', 'third']));
  });

  it('refuses to replay what is no event, shows it as it came, and discards it', async () => {
    const nonsense = { topic: 'q2.usage.events.v1', key: 'nonsense', headers: {}, value: Buffer.from('what?') };
    await bus.publish([nonsense]);
    await until(async () => (await list('--service', 'scheduler')).length === 1);
    const [letter] = await list('--service', 'scheduler');
    const id = letter?.id ?? '';
    const refused = await run('replay', id);
    expect(refused.code).toBe(1);
    expect(refused.output).toMatch(/cannot be replayed: .*\n0 replayed, 1 refused$/);
    expect(JSON.parse((await run('show', id)).output)).toMatchObject({ dataBase64: nonsense.value.toString('base64') });
    expect(await run('discard', id)).toEqual({ code: 0, output: '1 discarded, 0 refused' });
    await expect(run('show', id)).rejects.toMatchObject({ reason: 'DEAD_LETTER_NOT_FOUND' });
  });

  it('explains itself', async () => {
    expect((await run('help')).code).toBe(0);
    const misunderstood = await run('burn');
    expect(misunderstood.code).toBe(64);
    expect(misunderstood.output).toMatch(/^burn is no command\nnpm run/);
  });
});

describe('the dead letter program', () => {
  const program = (environment: Record<string, string>, ...line: string[]) =>
    new Promise<{ code: number | null; output: string }>((resolve) => {
      const file = fileURLToPath(new URL('dead-letters.main.js', import.meta.url));
      const child = spawn(process.execPath, [file, ...line], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
      child.once('close', (code) => resolve({ code, output }));
    });

  it('works on the database of DATABASE_URL, and says in one line where that is away', async () => {
    expect(await program({ DATABASE_URL: server.url }, 'list')).toEqual({ code: 0, output: 'no dead letters\n' });
    const gone = new URL(server.url);
    gone.port = '1';
    const failed = await program({ DATABASE_URL: gone.href }, 'list', '--service', 'scheduler');
    expect([failed.code, failed.output.split('\n').length]).toEqual([1, 2]);
    expect(failed.output).toMatch(/^q2: the database at .* cannot be reached/);
  });
});
