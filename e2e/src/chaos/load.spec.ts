import type { Journey } from './journey.js';
import { Load } from './load.js';

function aJourney(step: (number: number) => Promise<void>): Journey & { log: string[] } {
  const log: string[] = [];
  const note = (word: string) => {
    log.push(word);
    return Promise.resolve();
  };
  return {
    log,
    name: 'walk',
    prepare: () => note('prepare'),
    step: async (number) => {
      log.push(`step ${String(number)}`);
      await step(number);
    },
    conclude: () => note('conclude'),
    verdicts: () => Promise.resolve([{ claim: 'walked', checked: log.length, violations: [] }]),
  };
}

describe('Load', () => {
  it('prepares, takes steps one after the other, and concludes once the step in hand is done', async () => {
    const journey = aJourney(() => Promise.resolve());
    const load = new Load([journey], 1);
    await load.start();
    while (load.stepsTaken < 3) await new Promise((resolve) => setTimeout(resolve, 1));
    await load.end();
    await load.conclude();
    expect(journey.log.slice(0, 4)).toEqual(['prepare', 'step 1', 'step 2', 'step 3']);
    expect(journey.log.at(-1)).toBe('conclude');
    expect(await load.verdicts()).toEqual([{ claim: 'walked', checked: journey.log.length, violations: [] }]);
  });

  it('goes on after a failed step, and tells of it', async () => {
    const journey = aJourney((number) => (number === 1 ? Promise.reject(new Error('refused')) : Promise.resolve()));
    const load = new Load([journey], 1);
    await load.start();
    while (load.stepsTaken < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    await load.end();
    expect(load.failures).toEqual(['walk 1: refused']);
    expect(await load.stepOnce()).toEqual({ claim: 'every call after healing succeeds', checked: 1, violations: [] });
  });

  it('holds a failed call after healing against the platform', async () => {
    const load = new Load([aJourney(() => Promise.reject(new Error('still away')))], 1);
    expect((await load.stepOnce()).violations).toEqual([expect.stringContaining('still away')]);
  });
});
