import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mustStart, type RunningPlatform } from '../process/running-platform.js';
import { closedLoop, leftBehind } from './closed-loop.js';
import { RunningDemo } from './running-demo.js';

// The steps: 1 tenant, 2 model, 3 first promotion, 4 automation, 5 experiment, 6 decision starts a workflow, 7 fault goes
// to production, 8 production is watched, 9 alert starts a workflow, 10 audit trail.
describe('the demo', () => {
  let home = '';
  let platform: RunningPlatform;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'q2-demo-'));
    platform = await mustStart(home);
  }, 120_000);
  afterAll(async () => {
    await platform.end('SIGTERM');
    await rm(home, { recursive: true, force: true });
  });

  const start = () => RunningDemo.start(home, platform.grpcAddress);

  const expectClosedLoop = async (demo: RunningDemo) => {
    expect({ exitCode: await demo.finish(), output: demo.output }).toMatchObject({
      exitCode: 0,
      output: expect.stringContaining('The loop is closed'),
    });
    expect(await leftBehind({ home, where: platform.grpcAddress, tenant: demo.tenant })).toEqual(closedLoop);
  };

  it('runs again and again, each time with a tenant of its own', async () => {
    const first = start();
    await expectClosedLoop(first);
    const second = start();
    await expectClosedLoop(second);
    expect(second.tenant).not.toBe(first.tenant);
  }, 120_000);

  it.each([{ steps: [2, 5, 8] }, { steps: [1, 6, 9] }])(
    'takes up its run where it was killed, at steps $steps',
    async ({ steps }) => {
      const tenants = new Set<string>();
      for (const step of steps) {
        const killed = start();
        await killed.untilStep(step);
        await killed.kill();
        if (step > 1) tenants.add(killed.tenant);
      }
      const last = start();
      await expectClosedLoop(last);
      expect(last.output).toContain('taking up run');
      expect([...tenants]).toEqual([last.tenant]);
    },
    120_000,
  );

  it.each([{ steps: [2, 5, 8] }, { steps: [4, 6, 9] }])(
    'waits for a platform that is killed and started again, at steps $steps',
    async ({ steps }) => {
      const demo = start();
      const { grpcAddress } = platform;
      for (const step of steps) {
        await demo.untilStep(step);
        expect(await platform.end('SIGKILL')).toBe('SIGKILL');
        platform = await mustStart(home, { GRPC_ADDRESS: grpcAddress });
      }
      await expectClosedLoop(demo);
    },
    180_000,
  );
});
