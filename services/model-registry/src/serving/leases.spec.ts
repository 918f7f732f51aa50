import { FailedPrecondition } from '@q2/errors';
import { Leases } from './leases.js';

const owner = { tenant: 'acme', model: 'tenants/acme/models/digits' };

describe('Leases', () => {
  let nowMs: number;
  let released: string[];
  let leases: Leases<{ release(): void }>;

  const add = (handle: string, lastsMs: number) =>
    leases.add({ handle, ...owner, hold: { release: () => released.push(handle) }, expiresAt: new Date(nowMs + lastsMs) });

  beforeEach(() => {
    nowMs = 1_000;
    released = [];
    leases = new Leases(() => new Date(nowMs));
  });

  it('finds a lease by its handle until it is released', () => {
    add('h1', 100);
    expect(leases.get('h1', owner).handle).toBe('h1');
    expect(leases.release('h1', owner)).toBe(true);
    expect(() => leases.get('h1', owner)).toThrow(FailedPrecondition);
  });

  it('releases the hold once, however often it is asked to', () => {
    add('h1', 100);
    leases.release('h1', owner);
    expect(leases.release('h1', owner)).toBe(false);
    expect(released).toEqual(['h1']);
  });

  it('ends a lease when its time is over', () => {
    add('short', 100);
    add('long', 101);
    nowMs += 100;
    leases.expire();
    expect(released).toEqual(['short']);
    expect(leases.count('acme')).toBe(1);
    expect(() => leases.get('short', owner)).toThrow('acquire the model again');
  });

  it("knows no handle of another tenant's or model's", () => {
    add('h1', 100);
    expect(() => leases.get('h1', { ...owner, tenant: 'beta' })).toThrow(FailedPrecondition);
    expect(leases.release('h1', { ...owner, model: 'tenants/acme/models/other' })).toBe(false);
    expect(leases.count('beta')).toBe(0);
    expect(released).toEqual([]);
  });

  it('ends all at shutdown', () => {
    add('h1', 100);
    add('h2', 100);
    leases.releaseAll();
    expect(released).toEqual(['h1', 'h2']);
  });
});
