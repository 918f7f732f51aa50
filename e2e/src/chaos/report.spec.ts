import type { ChaosResult } from './chaos-run.js';
import { columns, reportLines } from './report.js';

const result: ChaosResult = {
  injected: [
    {
      fault: { kind: 'kill', service: 'scheduler', replicas: [0, 1], afterMs: 0 },
      ends: ['SIGKILL', 'SIGKILL'],
      recoveryMs: 2_000,
      isHit: true,
    },
    { fault: { kind: 'kill', service: 'monitoring', replicas: [0], afterMs: 0 }, ends: ['SIGKILL'], recoveryMs: 3_500, isHit: true },
    { fault: { kind: 'postgres', afterMs: 0 }, ends: [], recoveryMs: 500, isHit: true },
  ],
  acknowledged: 120,
  repeated: 7,
  faultsMs: 60_000,
  drainedMs: 1_250,
  verdicts: [
    { claim: 'kept', checked: 9, violations: [] },
    { claim: 'once', checked: 9, violations: ['a is there 2 times'] },
  ],
};

describe('reportLines', () => {
  const lines = reportLines(result);

  it('counts faults and processes, with how long recovery took', () => {
    expect(lines).toContainEqual(expect.stringMatching(/^kill -9 +2 +3 +3\.5 s +3\.5 s$/));
    expect(lines).toContainEqual(expect.stringMatching(/^PostgreSQL, immediate shutdown +1 +0 +0\.5 s +0\.5 s$/));
    expect(lines).toContainEqual(expect.stringMatching(/^all +3 +3$/));
  });

  it('tells what was acknowledged, each verdict, and what broke', () => {
    expect(lines).toContain(
      '120 requests acknowledged, 7 of them after being repeated; faults for 60.0 s, drained 1.3 s after the load ended',
    );
    expect(lines).toContainEqual(expect.stringMatching(/^holds +kept +9 +0$/));
    expect(lines).toContainEqual(expect.stringMatching(/^BROKEN +once +9 +1$/));
    expect(lines.at(-1)).toBe('  once: a is there 2 times');
  });
});

describe('columns', () => {
  it('makes each as wide as its widest cell, without trailing space', () => {
    expect(
      columns([
        ['a', 'bb', 'c'],
        ['aaa', 'b', ''],
      ]),
    ).toEqual(['a    bb  c', 'aaa  b']);
  });
});
