import { crashPoints } from '@q2/database';
import { describeWithOwnKafka } from '@q2/events/testing';
import { runChaos } from './chaos-run.js';
import { killsOf } from './fault-plan.js';
import { reportLines } from './report.js';

const seed = 4;
const kills = 100;
/** A fault takes seconds; on a machine that is busy with other things a minute. */
const limitMs = 60 * 60_000;

const say = (line: string) => process.stderr.write(`${line}\n`);

describeWithOwnKafka('a platform whose processes are killed a hundred times, and its database and broker restarted', () => {
  it(
    'keeps what it acknowledged, does nothing twice, keeps the order of each key, and comes to rest',
    async () => {
      const result = await runChaos({ seed, kills, tenants: 2, atOnce: 3, say });
      for (const line of [`chaos, seed ${String(seed)}`, ...reportLines(result)]) if (line !== '') say(`measured: ${line}`);
      const broken = result.verdicts.filter(({ checked, violations }) => checked === 0 || violations.length > 0);
      expect(broken).toEqual([]);
      expect(result.injected.reduce((sum, { fault }) => sum + killsOf(fault), 0)).toBe(kills);
      const hit = result.injected.flatMap(({ fault, isHit }) => (fault.kind === 'crash' && isHit ? [fault.point] : []));
      expect(new Set(hit)).toEqual(new Set(crashPoints));
    },
    limitMs,
  );
});
