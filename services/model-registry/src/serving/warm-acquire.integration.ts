import { models } from '@q2/contracts';
import { TestRegistry } from '../testing/test-registry.js';

describe('a warm model', () => {
  let registry: TestRegistry;

  beforeAll(async () => {
    registry = await TestRegistry.start();
  });
  afterAll(() => registry.stop());

  it('is loaded by the first acquire and by no other until it is unloaded', async () => {
    const client = registry.as(models.ServingService);
    const name = await registry.model('warm');
    const version = await registry.version(name, '1.1.0', '1.1.0');
    await registry.promote(version);
    const acquireIsCold = async () => {
      const { handle, cold } = await client.acquireModel({ name });
      await client.releaseModel({ name, handle });
      return cold;
    };
    for (let round = 0; round < 3; round += 1) {
      expect([await acquireIsCold(), await acquireIsCold(), await acquireIsCold()]).toEqual([true, false, false]);
      await client.unloadModel({ name: version });
    }
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
