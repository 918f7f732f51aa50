import fc from 'fast-check';
import { checkTrust } from './trust.js';

const share = { tenant: 'acme', resource: 'models', holder: 'tenants/acme/models/churn' } as const;

describe('checkTrust', () => {
  it('gives the last that may be given, and no more', () => {
    expect(() => checkTrust(share, 1, 4)).not.toThrow();
    expect(() => checkTrust(share, 1, 5)).toThrow(
      expect.objectContaining({
        kind: 'UNAVAILABLE',
        reason: 'QUOTA_UNAVAILABLE',
        retryAfterMs: 5_000,
        metadata: expect.objectContaining({ taken: '5' }),
      }),
    );
  });

  it('never lets a tenant have more than a fixed amount, in whatever steps it asks', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 60 }), (amounts) => {
        let taken = 0;
        for (const amount of amounts) {
          try {
            checkTrust({ ...share, resource: 'schedules' }, amount, taken);
            taken += amount;
          } catch {
            // Refused: nothing was taken.
          }
        }
        expect(taken).toBeLessThanOrEqual(20);
      }),
    );
  });
});
