import type { Injected } from './fault-injector.js';
import type { Verdict } from './verdict.js';

/** Whether faults did what they were to do: each crash point that was planned was hit, and who was asked to stop exited with 0. */
export function faultVerdicts(injected: readonly Injected[]): Verdict[] {
  const crashes = injected.flatMap(({ fault, isHit }) => (fault.kind === 'crash' ? [{ point: fault.point, isHit }] : []));
  const hit = new Set(crashes.flatMap(({ point, isHit }) => (isHit ? [point] : [])));
  const planned = [...new Set(crashes.map(({ point }) => point))];
  const stops = injected.filter(({ fault }) => fault.kind === 'stop');
  const verdicts: Verdict[] = [
    { claim: 'each crash point is hit', checked: planned.length, violations: planned.filter((point) => !hit.has(point)) },
    {
      claim: 'who is asked to stop exits with 0',
      checked: stops.length,
      violations: stops.flatMap(({ ends }) => ends.filter((end) => end !== 0).map(String)),
    },
  ];
  return verdicts.filter(({ checked }) => checked > 0);
}
