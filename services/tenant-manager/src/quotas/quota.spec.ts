import fc from 'fast-check';
import { countableMost, findBinding, findThresholdPassed, quotaExceeded, reservationDiffers, type UseOnPath } from './quota.js';

const step = (tenant: string, used: number, limit?: number): UseOnPath => ({ tenant, used, limit });

describe('findBinding', () => {
  it('finds none where no tenant is limited', () => {
    expect(findBinding([step('platform', 7), step('acme', 7)])).toBeUndefined();
  });

  it('finds the tenant with the least left, wherever it stands', () => {
    expect(findBinding([step('acme', 9, 10), step('acme-eu', 2, 5), step('acme-eu-lab', 0, 4)])?.tenant).toBe('acme');
    expect(findBinding([step('acme', 1, 10), step('acme-eu', 1, 5), step('acme-eu-lab', 1)])?.tenant).toBe('acme-eu');
  });

  it('of several with as little left, finds the nearest', () => {
    expect(findBinding([step('acme', 8, 10), step('acme-eu', 3, 5)])?.tenant).toBe('acme-eu');
  });
});

describe('findThresholdPassed', () => {
  it('tells a mark when use reaches it, and not again', () => {
    expect(findThresholdPassed(7, 8, 10)).toBe(80);
    expect(findThresholdPassed(8, 8, 10)).toBeUndefined();
    expect(findThresholdPassed(6, 7, 10)).toBeUndefined();
  });

  it('tells the highest of several passed at once', () => {
    expect(findThresholdPassed(0, 10, 10)).toBe(100);
  });

  it('has no marks under a limit of 0', () => {
    expect(findThresholdPassed(0, 0, 0)).toBeUndefined();
  });

  it('tells every mark exactly once, however use grows to the limit', () => {
    const growth = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(growth, (amounts) => {
        const limit = amounts.reduce((sum, amount) => sum + amount, 0);
        let used = 0;
        const told = amounts.flatMap((amount) => {
          const passed = findThresholdPassed(used, used + amount, limit);
          used += amount;
          return passed === undefined ? [] : [passed];
        });
        expect(told).toEqual([...new Set(told)].sort((a, b) => a - b));
        expect(told.at(-1)).toBe(100);
      }),
    );
  });

  it('is exact near the greatest number', () => {
    expect(findThresholdPassed(countableMost - 2, countableMost - 1, countableMost)).toBeUndefined();
    expect(findThresholdPassed(countableMost - 1, countableMost, countableMost)).toBe(100);
  });
});

describe('refusals', () => {
  const request = { tenant: 'acme-eu', resource: 'models', holder: 'tenants/acme-eu/models/churn', amount: 2 };

  it('name who binds', () => {
    const error = quotaExceeded(request, { tenant: 'acme', limit: 10, used: 9 });
    expect(error.message).toBe('2 more models would exceed the limit of tenants/acme: 9 of 10 are in use');
    expect(error.metadata).toEqual({ tenant: 'acme', resource: 'models', limit: '10', used: '9', amount: '2' });
  });

  it('name what is held already', () => {
    expect(reservationDiffers(request, 1).metadata).toMatchObject({ held: '1', amount: '2', holder: request.holder });
  });
});
