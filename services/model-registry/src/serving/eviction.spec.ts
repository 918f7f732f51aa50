import fc from 'fast-check';
import { ResourceExhausted } from '@q2/errors';
import { planEviction, type Occupant } from './eviction.js';

const occupant = (key: string, bytes: number, lastUse: number, isIdle = true): Occupant => ({ key, bytes, lastUse, isIdle });
const keys = (occupants: readonly Occupant[]) => occupants.map(({ key }) => key);
const sum = (occupants: readonly Occupant[]) => occupants.reduce((total, { bytes }) => total + bytes, 0);

const servers = fc
  .array(fc.record({ bytes: fc.integer({ min: 1, max: 50 }), lastUse: fc.nat(100), isIdle: fc.boolean() }), { maxLength: 12 })
  .map((list) => list.map((given, index) => ({ key: `m${index}`, ...given })));

describe('planEviction', () => {
  it('evicts nothing where there is room', () => {
    expect(planEviction([occupant('a', 40, 1)], { bytes: 60, limitBytes: 100 })).toEqual([]);
  });

  it('evicts what was used longest ago', () => {
    const occupants = [occupant('new', 40, 9), occupant('old', 40, 1)];
    expect(keys(planEviction(occupants, { bytes: 50, limitBytes: 100 }))).toEqual(['old']);
  });

  it('spares a small model where a larger one has to go anyway', () => {
    const occupants = [occupant('small', 10, 1), occupant('large', 80, 2)];
    expect(keys(planEviction(occupants, { bytes: 80, limitBytes: 100 }))).toEqual(['large']);
  });

  it('never evicts a busy model', () => {
    const occupants = [occupant('busy', 60, 1, false), occupant('idle', 30, 2)];
    expect(keys(planEviction(occupants, { bytes: 40, limitBytes: 100 }))).toEqual(['idle']);
    expect(() => planEviction(occupants, { bytes: 50, limitBytes: 100 })).toThrow(expect.objectContaining({ reason: 'MODEL_MEMORY_FULL' }));
  });

  it('says so where the model could never fit', () => {
    expect(() => planEviction([], { bytes: 101, limitBytes: 100 })).toThrow(expect.objectContaining({ reason: 'MODEL_TOO_LARGE' }));
  });

  it('makes room or refuses, evicts idle models only, and none without need, whatever is loaded', () => {
    fc.assert(
      fc.property(servers, fc.integer({ min: 1, max: 120 }), (occupants, bytes) => {
        const request = { bytes, limitBytes: Math.max(100, sum(occupants)) };
        const left = (victims: readonly Occupant[]) => sum(occupants) - sum(victims) + bytes;
        const idle = occupants.filter(({ isIdle }) => isIdle);
        try {
          const victims = planEviction(occupants, request);
          expect(left(victims)).toBeLessThanOrEqual(request.limitBytes);
          expect(victims.every(({ isIdle }) => isIdle)).toBe(true);
          for (const victim of victims) expect(left(victims.filter((other) => other !== victim))).toBeGreaterThan(request.limitBytes);
        } catch (error) {
          if (!(error instanceof ResourceExhausted)) throw error;
          expect(bytes > request.limitBytes || left(idle) > request.limitBytes).toBe(true);
        }
      }),
    );
  });
});
