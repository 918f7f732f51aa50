import { checkFits, findExcess, heldResources, shippedPlans } from './plan.js';

describe('shippedPlans', () => {
  it('allow more of every resource, the larger the plan', () => {
    const [free, starter, professional] = shippedPlans;
    for (const resource of heldResources) {
      const limit = (plan: typeof free) => plan?.limits[resource] ?? Number.POSITIVE_INFINITY;
      expect(limit(free)).toBeLessThanOrEqual(limit(starter));
      expect(limit(starter)).toBeLessThanOrEqual(limit(professional));
    }
  });

  it('limit every resource that can be held, below enterprise', () => {
    for (const { plan, limits } of shippedPlans.filter((each) => each.plan !== 'enterprise')) {
      expect([plan, heldResources.filter((resource) => limits[resource] === undefined)]).toEqual([plan, []]);
    }
  });
});

describe('findExcess', () => {
  it('takes use at the limit as within it, and a resource that is not named as not limited', () => {
    const used = new Map([
      ['models', 3],
      ['schedules', 5],
      ['gpus', 100],
    ]);
    expect(findExcess(used, { models: 3, schedules: 4 })).toEqual([{ resource: 'schedules', used: 5, limit: 4 }]);
  });
});

describe('checkFits', () => {
  it('refuses with every excess named', () => {
    const used = new Map([
      ['models', 3],
      ['schedules', 5],
    ]);
    expect(() => checkFits('acme', { plan: 'tiny', limits: { models: 1, schedules: 2 } }, used)).toThrow(
      expect.objectContaining({ reason: 'USE_EXCEEDS_PLAN', metadata: { tenant: 'acme', plan: 'tiny', models: '3/1', schedules: '5/2' } }),
    );
  });

  it('passes where all fits', () => {
    expect(() => checkFits('acme', { plan: 'tiny', limits: { models: 1 } }, new Map([['models', 1]]))).not.toThrow();
  });
});
