import { models } from '@q2/contracts';
import { TestRegistry } from '../testing/test-registry.js';

/** Middle of the figures. */
const median = (figures: readonly number[]) => [...figures].sort((one, other) => one - other)[Math.floor(figures.length / 2)] ?? 0;

describe('a warm model', () => {
  let registry: TestRegistry;

  beforeAll(async () => {
    registry = await TestRegistry.start();
  });
  afterAll(() => registry.stop());

  it('is acquired in a tenth of the time that a cold one takes, or less', async () => {
    const client = registry.as(models.ServingService);
    const name = await registry.model('warm');
    const version = await registry.version(name, '1.1.0', '1.1.0');
    await registry.promote(version);
    const acquire = async () => {
      const { handle, cold, latencyMs } = await client.acquireModel({ name });
      await client.releaseModel({ name, handle });
      return { cold, latencyMs };
    };
    const [coldMs, warmMs]: [number[], number[]] = [[], []];
    for (let round = 0; round < 15; round += 1) {
      for (const times of [coldMs, warmMs]) {
        const { cold, latencyMs } = await acquire();
        expect(cold).toBe(times === coldMs);
        times.push(latencyMs);
      }
      await client.unloadModel({ name: version });
    }
    expect(median(warmMs)).toBeLessThan(median(coldMs) / 10);
  });

  it('gives way at once to the version that a promotion puts in its place', async () => {
    const client = registry.as(models.ServingService);
    const name = await registry.model('replaced');
    const versions = [await registry.version(name, '1.0.0'), await registry.version(name, '1.1.0', '1.1.0')];
    const inputs = { case: 'json' as const, value: { pixels: [Array.from({ length: 64 }, () => 0)] } };
    for (const version of [...versions, ...versions]) {
      await registry.promote(version);
      await expect(client.predict({ name, inputs })).resolves.toMatchObject({ version });
    }
    await registry.as(models.ModelService).rollbackProduction({ name });
    await expect(client.predict({ name, inputs })).resolves.toMatchObject({ version: versions[0] });
  });
});
