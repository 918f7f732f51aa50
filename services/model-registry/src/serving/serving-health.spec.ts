import { healthReasons, LoadFailures } from './serving-health.js';

const name = 'tenants/acme/models/digits/versions/1.0.0';

describe('healthReasons', () => {
  it('finds nothing against models that answer', () => {
    expect(
      healthReasons(
        [
          { name, predictions: 91, failures: 9 },
          { name, predictions: 0, failures: 0 },
        ],
        new Map(),
      ),
    ).toEqual([]);
  });

  it('names a version that fails one time in ten or more', () => {
    expect(healthReasons([{ name, predictions: 90, failures: 10 }], new Map())).toEqual([`${name}: 10 of 100 predictions failed`]);
  });

  it('names a version that could not be loaded', () => {
    expect(healthReasons([], new Map([[name, 'damaged']]))).toEqual([`${name} could not be loaded: damaged`]);
  });
});

describe('LoadFailures', () => {
  it("keeps each tenant's apart until a load succeeds", () => {
    const failures = new LoadFailures();
    failures.add(name, 'damaged');
    expect([...failures.of('acme').keys()]).toEqual([name]);
    expect(failures.of('acm').size).toBe(0);
    failures.clear(name);
    expect(failures.of('acme').size).toBe(0);
  });

  it('forgets the oldest past a thousand', () => {
    const failures = new LoadFailures();
    for (let index = 0; index <= 1_000; index += 1) failures.add(`tenants/acme/models/m${index}`, 'damaged');
    expect(failures.of('acme').size).toBe(1_000);
    expect(failures.of('acme').has('tenants/acme/models/m0')).toBe(false);
  });
});
