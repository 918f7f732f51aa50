import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { jest } from '@jest/globals';
import { startTestDatabase, type TestDatabase } from '@q2/database/testing';
import { migratePlatform } from './migrate.js';

// Each run of the program loads all contracts, which takes a loaded machine its time.
jest.setTimeout(180_000);

let server: TestDatabase;
beforeAll(async () => {
  server = await startTestDatabase();
});
afterAll(() => server.stop());

/** Runs the migration as a process of its own, as the cluster's Job does. */
async function run(environment: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const program = fileURLToPath(new URL('migrate.main.js', import.meta.url));
  const child = spawn(process.execPath, [program], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output: Buffer.concat(chunks).toString() };
}

/** Schemas of which a report says that something ran. */
const changed = (sentences: readonly string[]) =>
  sentences.flatMap((sentence) => /^schema (\w+): ran /.exec(sentence)?.[1] ?? []).sort((one, other) => one.localeCompare(other));

describe('migratePlatform', () => {
  it('runs each migration once, however many run at once, and nothing the next time', async () => {
    const reports = [1, 2, 3].map((): string[] => []);
    await Promise.all(reports.map((report) => migratePlatform(server.url, { report: (sentence) => report.push(sentence) })));
    expect(changed(reports.flat())).toEqual(['bus', 'experiments', 'models', 'monitoring', 'schedules', 'tenants', 'workflows']);

    const again: string[] = [];
    await migratePlatform(server.url, { report: (sentence) => again.push(sentence) });
    expect(again).toHaveLength(7);
    expect(changed(again)).toEqual([]);
  });

  it('gives up on a server that does not answer, saying so', async () => {
    const gone = new URL(server.url);
    gone.port = '1';
    const report: string[] = [];
    const outcome = migratePlatform(gone.href, { report: (sentence) => report.push(sentence), patienceMs: 600 });
    await expect(outcome).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE' });
    expect(report).toEqual([]);
  });
});

describe('the migration program', () => {
  it('says what it did and ends with 0', async () => {
    const { code, output } = await run({ DATABASE_URL: server.url });
    expect(output).toMatch(/q2: schema tenants is up to date\n(.*\n)*q2: the database is ready for this release\n$/);
    expect(code).toBe(0);
  });

  it('says in one line what is wrong', async () => {
    const wrong = new URL(server.url);
    wrong.password = 'wrong';
    const refused = await run({ DATABASE_URL: wrong.href });
    expect([refused.code, refused.output.split('\n').length]).toEqual([1, 2]);
    expect(refused.output).not.toContain(':wrong@');
  });

  it('ends with 78 where it is told no database', async () => {
    expect(await run({})).toEqual({
      code: 78,
      output: 'q2: settings are wrong: DATABASE_URL: must name the PostgreSQL server of the platform\n',
    });
  });
});
