import fc from 'fast-check';
import { ResolutionCache } from './resolution-cache.js';

describe('ResolutionCache', () => {
  let nowMs: number;
  let reads: number;
  let cache: ResolutionCache<string>;
  const resolve = (model: string, selector = 'production') =>
    cache.resolve(model, selector, () => Promise.resolve(`${model} ${(reads += 1)}`));

  beforeEach(() => {
    nowMs = 0;
    reads = 0;
    cache = new ResolutionCache({ maxAgeMs: 1_000, maxEntries: 3, nowMs: () => nowMs });
  });

  it('reads once until the model changes', async () => {
    expect(await resolve('a')).toBe('a 1');
    expect(await resolve('a')).toBe('a 1');
    cache.forget('b');
    expect(await resolve('a')).toBe('a 1');
    cache.forget('a');
    expect(await resolve('a')).toBe('a 2');
  });

  it('keeps selectors apart', async () => {
    expect(await resolve('a', 'version 1.0.0')).toBe('a 1');
    expect(await resolve('a', 'range ^1.0')).toBe('a 2');
    expect(await resolve('a', 'version 1.0.0')).toBe('a 1');
  });

  it('forgets everything where it cannot know what changed', async () => {
    await resolve('a');
    cache.forget('');
    expect(await resolve('a')).toBe('a 2');
  });

  it('reads again after its time', async () => {
    await resolve('a');
    nowMs = 999;
    expect(await resolve('a')).toBe('a 1');
    nowMs = 1_000;
    expect(await resolve('a')).toBe('a 2');
  });

  it('does not remember failures', async () => {
    await expect(cache.resolve('a', 'production', () => Promise.reject(new Error('none')))).rejects.toThrow('none');
    expect(await resolve('a')).toBe('a 1');
  });

  it('stays within its bounds', async () => {
    for (const model of ['a', 'b', 'c', 'd']) await resolve(model);
    expect(await resolve('d')).toBe('d 4');
    expect(await resolve('a')).toBe('a 5');
  });

  it('never gives what was so before a change that ended earlier', async () => {
    const step = fc.record({ model: fc.constantFrom('a', 'b'), changes: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.scheduler(), async (steps, scheduler) => {
        const state = new Map([
          ['a', 0],
          ['b', 0],
        ]);
        const shared = new ResolutionCache<number>({ maxAgeMs: 1_000, maxEntries: 100, nowMs: () => 0 });
        const running = steps.map(async ({ model, changes }) => {
          await scheduler.schedule(Promise.resolve());
          const before = state.get(model) ?? 0;
          if (changes) {
            state.set(model, before + 1);
            shared.forget(model);
            return;
          }
          const read = async () => {
            const seen = state.get(model) ?? 0;
            await scheduler.schedule(Promise.resolve());
            return seen;
          };
          expect(await shared.resolve(model, 'production', read)).toBeGreaterThanOrEqual(before);
        });
        await scheduler.waitAll();
        await Promise.all(running);
      }),
    );
  });
});
