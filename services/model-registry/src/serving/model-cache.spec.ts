import fc from 'fast-check';
import { FailedPrecondition, ResourceExhausted, Unavailable } from '@q2/errors';
import { ModelCache, type Hold, type Loadable, type UnloadCause } from './model-cache.js';

interface FakeModel {
  readonly key: string;
  unload(): Promise<void>;
}

/** A machine whose memory is counted: what is loaded or loading takes it, whatever the cache believes. */
class Machine {
  takenBytes = 0;
  mostBytes = 0;
  loads: string[] = [];
  failNextLoad = false;
  failUnloads = false;

  loadable(key: string, bytes: number): Loadable<FakeModel> {
    return { key, bytes, load: () => this.load(key, bytes) };
  }

  private async load(key: string, bytes: number): Promise<FakeModel> {
    this.loads.push(key);
    this.takenBytes += bytes;
    this.mostBytes = Math.max(this.mostBytes, this.takenBytes);
    const fails = this.failNextLoad;
    this.failNextLoad = false;
    await tick();
    if (fails) {
      this.takenBytes -= bytes;
      throw new Error('the file is damaged');
    }
    return { key, unload: () => this.unload(bytes) };
  }

  private async unload(bytes: number): Promise<void> {
    await tick();
    if (this.failUnloads) throw new Error('the runtime hangs');
    this.takenBytes -= bytes;
  }
}

const tick = () => new Promise<void>((resolve) => setImmediate(resolve));

function setUp(limitBytes = 100) {
  const machine = new Machine();
  const pinned = new Set<string>();
  const unloaded: [string, UnloadCause][] = [];
  const loaded: string[] = [];
  const cache = new ModelCache<FakeModel>({
    limitBytes,
    isPinned: (key) => pinned.has(key),
    now: () => new Date(0),
    onLoaded: ({ key }) => loaded.push(key),
    onUnloaded: ({ key }, cause) => unloaded.push([key, cause]),
  });
  const use = async (key: string, bytes: number) => {
    const hold = await cache.acquire(machine.loadable(key, bytes));
    hold.release();
    return hold;
  };
  return { machine, pinned, unloaded, loaded, cache, use };
}

describe('ModelCache', () => {
  it('loads on first use and keeps what it loaded', async () => {
    const { machine, use, cache, loaded } = setUp();
    expect((await use('a', 40)).isCold).toBe(true);
    expect((await use('a', 40)).isCold).toBe(false);
    expect(machine.loads).toEqual(['a']);
    expect(loaded).toEqual(['a']);
    expect(cache.residents()).toMatchObject([{ key: 'a', bytes: 40, holders: 0, isPinned: false }]);
  });

  it('loads once, however many ask at the same time', async () => {
    const { machine, use } = setUp();
    const holds = await Promise.all(Array.from({ length: 50 }, () => use('a', 40)));
    expect(machine.loads).toEqual(['a']);
    expect(holds.filter(({ isCold }) => isCold)).toHaveLength(1);
  });

  it('evicts the least recently used', async () => {
    const { use, cache, unloaded } = setUp();
    await use('a', 40);
    await use('b', 40);
    await use('a', 40);
    await use('c', 40);
    expect(unloaded).toEqual([['b', 'EVICTED']]);
    expect(cache.residents().map(({ key }) => key)).toEqual(['c', 'a']);
  });

  it('never evicts a model that is pinned or in use', async () => {
    const { machine, pinned, use, cache } = setUp();
    pinned.add('pinned');
    await use('pinned', 40);
    const busy = await cache.acquire(machine.loadable('busy', 40));
    await expect(use('c', 40)).rejects.toBeInstanceOf(ResourceExhausted);
    busy.release();
    await use('c', 40);
    expect(cache.residents().map(({ key }) => key)).toEqual(['c', 'pinned']);
  });

  it('gives the reserved memory back where a load fails, to all that waited for it', async () => {
    const { machine, use, cache } = setUp();
    machine.failNextLoad = true;
    const both = await Promise.allSettled([use('a', 80), use('a', 80)]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(cache.usedBytes).toBe(0);
    await use('b', 80);
  });

  it('keeps the memory reserved where an unload fails', async () => {
    const { machine, use, cache } = setUp();
    await use('a', 60);
    machine.failUnloads = true;
    await expect(use('b', 60)).rejects.toBeInstanceOf(ResourceExhausted);
    expect(cache.usedBytes).toBe(60);
    await expect(use('a', 60)).rejects.toBeInstanceOf(Unavailable);
    await expect(cache.unload('a')).rejects.toBeInstanceOf(Unavailable);
    machine.failUnloads = false;
    await cache.unload('a');
    expect(cache.usedBytes).toBe(0);
  });

  it('unloads on request, but not what is in use', async () => {
    const { machine, cache, unloaded } = setUp();
    const hold = await cache.acquire(machine.loadable('a', 40));
    await expect(cache.unload('a')).rejects.toBeInstanceOf(FailedPrecondition);
    hold.release();
    hold.release();
    await cache.unload('a');
    await cache.unload('a');
    expect(unloaded).toEqual([['a', 'REQUESTED']]);
  });

  it('loads anew for whoever asks while a model is leaving', async () => {
    const { machine, use, cache } = setUp();
    await use('a', 40);
    const leaving = cache.unload('a');
    await tick();
    const again = await use('a', 40);
    await leaving;
    expect(again.isCold).toBe(true);
    expect(machine.loads).toEqual(['a', 'a']);
  });

  it('waits for what is held before it clears, but not for ever', async () => {
    const { machine, cache } = setUp();
    const soon = await cache.acquire(machine.loadable('a', 40));
    setTimeout(soon.release, 20);
    await cache.clear(5_000);
    expect(machine.takenBytes).toBe(0);
    await cache.acquire(machine.loadable('b', 40));
    await cache.clear(20);
    expect(machine.takenBytes).toBe(0);
  });

  it('never loads past the limit whatever the order of acquire and release', async () => {
    const step = fc.record({ model: fc.nat(6), pause: fc.boolean(), keep: fc.boolean(), fails: fc.boolean(), pin: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
        const { machine, pinned, cache } = setUp();
        const kept: Hold<FakeModel>[] = [];
        const running = steps.map(async ({ model, pause, keep, fails, pin }) => {
          if (pause) await tick();
          if (fails) machine.failNextLoad = true;
          if (pin) pinned.add(`m${model}`);
          try {
            const hold = await cache.acquire(machine.loadable(`m${model}`, 15 + model * 10));
            expect(hold.model.key).toBe(`m${model}`);
            if (keep && kept.length < 2) kept.push(hold);
            else hold.release();
          } catch (error) {
            if (!(error instanceof ResourceExhausted)) expect(error).toMatchObject({ message: 'the file is damaged' });
          }
        });
        await Promise.all(running);
        expect(machine.mostBytes).toBeLessThanOrEqual(100);
        expect(cache.usedBytes).toBe(machine.takenBytes);
        for (const hold of kept) hold.release();
        pinned.clear();
        await cache.clear(1_000);
        expect(machine.takenBytes).toBe(0);
      }),
      { numRuns: 200 },
    );
  });
});
