import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { models } from '@q2/contracts';
import { startTestDatabase, type TestDatabase } from '@q2/testing';
import { TestRegistry } from '../testing/test-registry.js';

describe('a restart', () => {
  let database: TestDatabase;
  let artifacts: string;

  beforeAll(async () => {
    database = await startTestDatabase();
    artifacts = await mkdtemp(join(tmpdir(), 'q2-registry-'));
  });
  afterAll(async () => {
    await database.stop();
    await rm(artifacts, { recursive: true, force: true });
  });

  it('keeps models, files, production, history and pins', async () => {
    const before = await TestRegistry.on(database.url, artifacts);
    const model = await before.model('digits');
    const version = await before.version(model, '1.1.0', '1.1.0');
    await before.promote(version, 'first');
    await before.as(models.ServingService).pinModel({ name: version, pinned: true });
    await before.platform.stop();

    const after = await TestRegistry.on(database.url, artifacts);
    const { assignments } = await after.as(models.ModelService).listAssignments({ parent: model });
    expect(assignments).toMatchObject([{ toVersion: '1.1.0', reason: 'first' }]);
    const pixels = [Array.from({ length: 64 }, () => 0)];
    const prediction = await after.as(models.ServingService).predict({ name: model, inputs: { case: 'json', value: { pixels } } });
    expect(prediction).toMatchObject({ version, cold: true });
    const { loadedModels } = await after.as(models.ServingService).listLoadedModels({ parent: 'tenants/acme' });
    expect(loadedModels).toMatchObject([{ version, pinned: true, predictions: 1n }]);
    await after.platform.stop();
  });
});
