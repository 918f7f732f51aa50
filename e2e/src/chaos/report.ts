import { crashPoints } from '@q2/database';
import type { ChaosResult } from './chaos-run.js';
import type { Injected } from './fault-injector.js';
import { killsOf } from './fault-plan.js';
import { verdictRows } from './verdict.js';

/** The tables that a run ends with, as lines. */
export function reportLines({ injected, acknowledged, repeated, faultsMs, drainedMs, verdicts }: ChaosResult): string[] {
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  return [
    '',
    ...columns(faultRows(injected)),
    '',
    `${String(acknowledged)} requests acknowledged, ${String(repeated)} of them after being repeated; ` +
      `faults for ${seconds(faultsMs)}, drained ${seconds(drainedMs)} after the load ended`,
    '',
    ...columns(verdictRows(verdicts)),
    ...verdicts.flatMap(({ claim, violations }) => violations.slice(0, 10).map((violation) => `  ${claim}: ${violation}`)),
  ];
}

/** Kinds of faults with how often they hit and how long recovery took. */
function faultRows(injected: readonly Injected[]): string[][] {
  const kinds: [string, (each: Injected) => boolean][] = [
    ['kill -9', ({ fault }) => fault.kind === 'kill'],
    ...crashPoints.map((point): [string, (each: Injected) => boolean] => [
      point,
      ({ fault, isHit }) => fault.kind === 'crash' && fault.point === point && isHit,
    ]),
    ['crash point not reached, killed', ({ isHit }) => !isHit],
    ['SIGTERM', ({ fault }) => fault.kind === 'stop'],
    ['PostgreSQL, immediate shutdown', ({ fault }) => fault.kind === 'postgres'],
    ['Kafka, kill -9', ({ fault }) => fault.kind === 'kafka'],
  ];
  const rows = kinds.map(([name, belongs]) => faultRow(name, injected.filter(belongs)));
  const total = ['all', String(injected.length), String(injected.reduce((sum, { fault }) => sum + killsOf(fault), 0)), '', ''];
  return [['fault', 'times', 'processes killed', 'ready again: median', 'longest'], ...rows, total];
}

function faultRow(name: string, some: readonly Injected[]): string[] {
  const kills = some.reduce((sum, { fault }) => sum + killsOf(fault), 0);
  const times = some.map(({ recoveryMs }) => recoveryMs).sort((a, b) => a - b);
  const shown = (ms: number | undefined) => (ms === undefined ? '' : `${(ms / 1_000).toFixed(1)} s`);
  return [name, String(some.length), String(kills), shown(times[Math.floor(times.length / 2)]), shown(times.at(-1))];
}

/** Rows in columns as wide as their widest cell. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
