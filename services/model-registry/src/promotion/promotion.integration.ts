import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { modelEvents, models } from '@q2/contracts';
import { ResourceExhausted } from '@q2/errors';
import type { Client } from '@q2/service-kit';
import { digitsModel, TestRegistry } from '../testing/test-registry.js';

describe('promotion and rollback', () => {
  let registry: TestRegistry;
  let client: Client<typeof models.ModelService>;

  beforeAll(async () => {
    registry = await TestRegistry.start();
    client = registry.as(models.ModelService);
  });
  afterAll(() => registry.stop());

  const { PRODUCTION, STAGING, ARCHIVED } = models.Stage;
  const history = async (parent: string) => (await client.listAssignments({ parent, pageSize: 1000 })).assignments;
  const stageOf = async (name: string) => (await client.getVersion({ name })).stage;

  it('puts a version in production and the one before in the archive, with history, alias and event', async () => {
    const model = await registry.model('loop');
    const [one, two] = [await registry.version(model, '1.0.0'), await registry.version(model, '1.1.0', '1.1.0')];
    await registry.promote(one, 'first');
    const promoted = await registry.promote(two, 'better');
    expect(promoted.stage).toBe(PRODUCTION);
    expect(await stageOf(one)).toBe(ARCHIVED);
    await expect(client.getVersion({ name: `${model}/aliases/production` })).resolves.toEqual(promoted);
    await expect(client.getModel({ name: model })).resolves.toMatchObject({ productionVersion: '1.1.0' });
    const moves = [
      { sequence: 2n, fromVersion: '1.0.0', toVersion: '1.1.0', reason: 'better', principal: 'tenants/acme/apiKeys/test' },
      { sequence: 1n, fromVersion: '', toVersion: '1.0.0', reason: 'first', cause: models.AssignmentCause.PROMOTION },
    ];
    expect(await history(model)).toMatchObject(moves);
    const events = await registry.events(modelEvents.VersionPromotedSchema, 2);
    expect(events.at(-1)).toMatchObject({ model, version: two, formerVersion: one, toStage: PRODUCTION, sequence: 2n, reason: 'better' });
  });

  it('stages a version without touching production, and keeps the former where asked', async () => {
    const model = await registry.model('staged');
    const [one, two] = [await registry.version(model, '1.0.0'), await registry.version(model, '1.1.0')];
    await registry.promote(one);
    await client.promoteVersion({ name: two, stage: STAGING });
    expect(await history(model)).toHaveLength(1);
    await client.promoteVersion({ name: two, stage: PRODUCTION, keepFormer: true });
    expect(await stageOf(one)).toBe(STAGING);
    await client.promoteVersion({ name: one, stage: ARCHIVED });
    expect(await stageOf(one)).toBe(ARCHIVED);
  });

  it('does nothing where the version is there already, and never takes away what serves', async () => {
    const model = await registry.model('steady');
    const one = await registry.version(model, '1.0.0');
    const promoted = await registry.promote(one);
    await expect(registry.promote(one)).resolves.toEqual(promoted);
    expect(await history(model)).toHaveLength(1);
    await expect(client.promoteVersion({ name: one, stage: ARCHIVED })).rejects.toMatchObject({ reason: 'VERSION_SERVING' });
    await expect(client.promoteVersion({ name: one, stage: models.Stage.DRAFT })).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT' });
    await expect(registry.promote(`${model}/versions/9.0.0`)).rejects.toMatchObject({ reason: 'VERSION_NOT_FOUND' });
  });

  it('says which gates a version did not pass', async () => {
    const model = await registry.model('gated');
    const empty = await registry.draft(model, '1.0.0');
    await expect(registry.promote(empty)).rejects.toMatchObject({ reason: 'GATES_NOT_PASSED', metadata: { gates: 'artifacts-complete' } });
    expect(await stageOf(empty)).toBe(models.Stage.DRAFT);
  });

  it('returns to the version before, in one event', async () => {
    const model = await registry.model('back');
    const [one, two] = [await registry.version(model, '1.0.0'), await registry.version(model, '1.1.0')];
    await expect(client.rollbackProduction({ name: model })).rejects.toMatchObject({ reason: 'NOTHING_IN_PRODUCTION' });
    await registry.promote(one);
    await expect(client.rollbackProduction({ name: model })).rejects.toMatchObject({ reason: 'NO_EARLIER_VERSION' });
    await registry.promote(two);
    await expect(client.rollbackProduction({ name: model, expectedVersion: '1.0.0' })).rejects.toMatchObject({
      reason: 'PRODUCTION_HAS_CHANGED',
    });
    const restored = await client.rollbackProduction({ name: model, expectedVersion: '1.1.0', reason: 'errors' });
    expect(restored).toMatchObject({ name: one, stage: PRODUCTION });
    expect(await stageOf(two)).toBe(ARCHIVED);
    expect((await history(model)).at(0)).toMatchObject({ sequence: 3n, cause: models.AssignmentCause.ROLLBACK, reason: 'errors' });
    const [event] = await registry.events(modelEvents.ProductionRolledBackSchema, 1);
    expect(event).toMatchObject({ model, version: one, formerVersion: two, sequence: 3n });
    const again = await client.rollbackProduction({ name: model, targetVersion: '1.1.0' });
    expect(again.name).toBe(two);
  });

  it('refuses to return to a version whose file is damaged', async () => {
    const model = await registry.model('damaged');
    const [one, two] = [await registry.draft(model, '1.0.0'), await registry.version(model, '1.1.0', '1.1.0')];
    const content = Buffer.concat([await digitsModel('1.0.0'), Buffer.from('damaged')]);
    const { sha256 } = await registry.upload(one, 'model.onnx', content);
    await registry.promote(one);
    await registry.promote(two);
    await truncate(join(registry.artifactsDirectory, 'acme', 'objects', sha256.slice(0, 2), sha256), 100);
    await expect(client.rollbackProduction({ name: model })).rejects.toMatchObject({
      reason: 'GATES_NOT_PASSED',
      metadata: { gates: 'artifacts-verified' },
    });
    expect(await stageOf(two)).toBe(PRODUCTION);
  });

  it('lets the workflow orchestrator promote and roll back, and no other service', async () => {
    const model = await registry.model('driven');
    const [one, two] = [await registry.version(model, '1.0.0'), await registry.version(model, '1.1.0')];
    const as = (service: string) =>
      registry.platform.client(models.ModelService, { tenant: 'platform', id: `services/${service}`, roles: [`service:${service}`] });
    await as('workflow-orchestrator').promoteVersion({ name: one, stage: PRODUCTION });
    await as('workflow-orchestrator').promoteVersion({ name: two, stage: PRODUCTION });
    await as('workflow-orchestrator').rollbackProduction({ name: model });
    expect((await history(model)).at(0)).toMatchObject({ principal: 'services/workflow-orchestrator' });
    await expect(as('scheduler').promoteVersion({ name: two, stage: PRODUCTION })).rejects.toMatchObject({ reason: 'PERMISSION_MISSING' });
  });

  it('leaves one winner and a gapless history after a hundred concurrent promotions', async () => {
    const model = await registry.model('contested');
    const ids = Array.from({ length: 10 }, (_, index) => `1.${index}.0`);
    const versions: string[] = [];
    for (const id of ids) versions.push(await registry.version(model, id));
    await Promise.all(Array.from({ length: 100 }, (_, index) => persistently(() => registry.promote(versions[index % 10] ?? ''))));
    const { versions: listed } = await client.listVersions({ parent: model });
    expect(listed.filter(({ stage }) => stage === PRODUCTION)).toHaveLength(1);
    const moves = (await history(model)).reverse();
    expect(moves.map(({ sequence }) => Number(sequence))).toEqual(moves.map((_, index) => index + 1));
    expect(moves.map(({ fromVersion }) => fromVersion)).toEqual(['', ...moves.slice(0, -1).map(({ toVersion }) => toVersion)]);
    expect(`${model}/versions/${moves.at(-1)?.toVersion}`).toBe(listed.find(({ stage }) => stage === PRODUCTION)?.name);
  });

  it('moves other aliases by hand, and tells what served at a time', async () => {
    const model = await registry.model('aliased');
    const [one, two] = [await registry.version(model, '1.0.0'), await registry.version(model, '1.1.0')];
    await client.setAlias({ name: `${model}/aliases/champion`, version: '1.0.0', reason: 'best so far' });
    const moved = await client.setAlias({ name: `${model}/aliases/champion`, version: '1.1.0' });
    expect(moved).toMatchObject({ name: `${model}/aliases/champion`, version: '1.1.0' });
    await expect(client.getVersion({ name: `${model}/aliases/champion` })).resolves.toMatchObject({ name: two });
    const events = await registry.events(modelEvents.AliasMovedSchema, 2);
    expect(events).toMatchObject([
      { version: one, formerVersion: '' },
      { version: two, formerVersion: one, sequence: 2n },
    ]);
    await registry.promote(one);
    const between = timestampFromDate(new Date());
    await new Promise((resolve) => setTimeout(resolve, 5));
    await registry.promote(two);
    const served = await client.listAssignments({ parent: model, alias: 'production', untilTime: between, pageSize: 1 });
    expect(served.assignments).toMatchObject([{ toVersion: '1.0.0' }]);
    const page = await client.listAssignments({ parent: model, pageSize: 3 });
    const rest = await client.listAssignments({ parent: model, pageSize: 3, pageToken: page.nextPageToken });
    expect([...page.assignments, ...rest.assignments].map(({ sequence }) => Number(sequence))).toEqual([4, 3, 2, 1]);
    await expect(client.setAlias({ name: `${model}/aliases/production`, version: '1.0.0' })).rejects.toMatchObject({
      reason: 'ALIAS_RESERVED',
    });
    await expect(client.setAlias({ name: `${model}/aliases/canary`, version: '9.0.0' })).rejects.toMatchObject({
      reason: 'VERSION_NOT_FOUND',
    });
    await expect(client.getVersion({ name: `${model}/aliases/canary` })).rejects.toMatchObject({ reason: 'ALIAS_NOT_FOUND' });
  });
});

/** Repeats what the server had no room for, as a client is told to. */
async function persistently<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof ResourceExhausted)) throw error;
      await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs));
    }
  }
}
