import { prepareSplit } from '@q2/bucketing';
import type { Report } from './report.js';

const units = 100_000;
const rounds = 30;

/** Assignment in process, as clients do it: no network, no I/O. */
export function benchAssignment(report: Report): void {
  const splitter = prepareSplit({ seed: 'bench', weightsBasisPoints: [5_000, 5_000] });
  const ids = Array.from({ length: units }, (_, index) => `unit-${index}`);
  let assigned = 0;
  for (const id of ids) assigned += splitter(id);
  const startedAt = performance.now();
  for (let round = 0; round < rounds; round += 1) for (const id of ids) assigned += splitter(id);
  const perSecond = (units * rounds) / ((performance.now() - startedAt) / 1000);
  report.add({
    name: 'assignment in process',
    measured: `${(perSecond / 1e6).toFixed(2)} million/s (checksum ${assigned})`,
    goal: 'over 1 million/s',
    isMet: perSecond > 1_000_000,
  });
}
