import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestDatabase, type TestDatabase } from '@q2/database/testing';
import { closedLoop, leftBehind } from '../demo-resilience/closed-loop.js';
import { RunningDemo } from '../demo-resilience/running-demo.js';
import { whereabouts } from '../demo/sign-in.js';
import { startProcesses, type PlatformProcesses } from './platform-processes.js';

describe('six processes over one PostgreSQL', () => {
  let database: TestDatabase;
  let home = '';
  let platform: PlatformProcesses;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'q2-six-'));
    database = await startTestDatabase();
    platform = await startProcesses({ databaseUrl: database.url, home });
  }, 300_000);
  afterAll(async () => {
    await platform.stop();
    await database.stop();
    await rm(home, { recursive: true, force: true });
  }, 120_000);

  it('pass the demo, unchanged', async () => {
    const demo = RunningDemo.start(home, platform.environment);
    const exitCode = await demo.finish();
    expect({ exitCode, output: demo.output }).toMatchObject({ exitCode: 0, output: expect.stringContaining('The loop is closed') });
    expect(await leftBehind({ home, where: whereabouts(platform.environment), tenant: demo.tenant })).toEqual(closedLoop);
  }, 300_000);

  it('end in order with 0 when told to', async () => {
    expect(await Promise.all(platform.all.map((each) => each.end('SIGTERM')))).toEqual(platform.all.map(() => 0));
  }, 120_000);
});
