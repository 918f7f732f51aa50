import { crashPoints } from '@q2/database';
import fc from 'fast-check';
import { killsOf, planFaults, type CrashFault, type Fault, type PlanOptions } from './fault-plan.js';

const options: PlanOptions = {
  seed: 1,
  kills: 100,
  services: ['tenant-manager', 'model-registry', 'ab-testing', 'monitoring', 'workflow-orchestrator', 'scheduler'],
  replicas: 2,
  servers: ['postgres', 'kafka'],
};
const crashes = (faults: readonly Fault[]) => faults.filter((fault): fault is CrashFault => fault.kind === 'crash');

describe('planFaults', () => {
  it('draws the same faults for the same seed, and others for another', () => {
    expect(planFaults(options)).toEqual(planFaults(options));
    expect(planFaults(options)).not.toEqual(planFaults({ ...options, seed: 2 }));
  });

  it('kills exactly as often as asked, whatever the seed and however many', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 3 }), (seed, kills, replicas) => {
        const faults = planFaults({ ...options, seed, kills, replicas });
        expect(faults.reduce((sum, fault) => sum + killsOf(fault), 0)).toBe(kills);
      }),
    );
  });

  it('hits each crash point, each service and both replicas at once several times in a hundred kills', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const faults = planFaults({ ...options, seed });
        for (const point of crashPoints) expect(crashes(faults).filter((fault) => fault.point === point).length).toBeGreaterThanOrEqual(2);
        for (const service of options.services)
          expect(faults.filter((fault) => 'service' in fault && fault.service === service).length).toBeGreaterThanOrEqual(4);
      }),
    );
    expect(planFaults(options).filter((fault) => fault.kind === 'kill' && fault.replicas.length === 2).length).toBeGreaterThan(1);
  });

  it('restarts each server three times, never first', () => {
    const kinds = planFaults(options).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'postgres')).toHaveLength(3);
    expect(kinds.filter((kind) => kind === 'kafka')).toHaveLength(3);
    expect(['postgres', 'kafka']).not.toContain(kinds[0]);
  });

  it('leaves the servers alone where there are none to restart', () => {
    const kinds = new Set(planFaults({ ...options, servers: [], replicas: 1 }).map(({ kind }) => kind));
    expect(kinds).toEqual(new Set(['kill', 'crash', 'stop']));
  });
});
