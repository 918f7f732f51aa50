import { randomUUID } from 'node:crypto';
import { modelEvents, models } from '@q2/contracts';
import type { Client } from '@q2/service-kit';
import { TestRegistry } from '../testing/test-registry.js';

describe('models and versions', () => {
  let registry: TestRegistry;
  let client: Client<typeof models.ModelService>;

  beforeAll(async () => {
    registry = await TestRegistry.start();
    client = registry.as(models.ModelService);
  });
  afterAll(() => registry.stop());
  afterEach(() => registry.tenants.limits.clear());

  const parent = 'tenants/acme';

  it('registers a model and reads it back', async () => {
    const model = {
      description: 'Says who leaves',
      labels: { team: 'growth' },
      task: 'classification',
      owner: 'ann',
      limits: { memoryBytes: 1_000n },
    };
    const created = await client.createModel({ parent, modelId: 'churn', model });
    expect(created).toMatchObject({
      ...model,
      name: 'tenants/acme/models/churn',
      runtime: models.Runtime.ONNX,
      productionVersion: '',
      etag: '"1"',
    });
    await expect(client.getModel({ name: created.name })).resolves.toEqual(created);
    expect(registry.tenants.held.get('tenants/acme models tenants/acme/models/churn')).toBe(1n);
  });

  it('refuses a model that exists, and gives the same answer to the same request', async () => {
    const request = { parent, modelId: 'twice', requestId: randomUUID() };
    const created = await client.createModel(request);
    await expect(client.createModel(request)).resolves.toEqual(created);
    await expect(client.createModel({ parent, modelId: 'twice' })).rejects.toMatchObject({ reason: 'MODEL_EXISTS' });
  });

  it('registers nothing past the quota', async () => {
    registry.tenants.limits.set('models', 0n);
    await expect(client.createModel({ parent, modelId: 'too-many' })).rejects.toMatchObject({ reason: 'QUOTA_EXCEEDED' });
    await expect(client.getModel({ name: 'tenants/acme/models/too-many' })).rejects.toMatchObject({ reason: 'MODEL_NOT_FOUND' });
  });

  it('changes what the mask names, on the ground of the current state only', async () => {
    const name = await registry.model('changing');
    const changed = await client.updateModel({
      name,
      model: { description: 'new', owner: 'bob', etag: '"1"' },
      updateMask: { paths: ['description'] },
    });
    expect(changed).toMatchObject({ description: 'new', owner: '', etag: '"2"' });
    await expect(client.updateModel({ name, model: { etag: '"1"' } })).rejects.toMatchObject({ reason: 'ETAG_STALE' });
    const all = await client.updateModel({ name, model: { task: 'regression', labels: { a: 'b' }, limits: { memoryBytes: 7n } } });
    expect(all).toMatchObject({ description: '', task: 'regression', labels: { a: 'b' }, limits: { memoryBytes: 7n } });
    await expect(client.updateModel({ name, model: {}, updateMask: { paths: ['name'] } })).rejects.toMatchObject({
      kind: 'INVALID_ARGUMENT',
    });
  });

  it('lists models by id, page by page', async () => {
    const other = registry.as(models.ModelService, 'beta');
    for (const modelId of ['c', 'a', 'b']) await registry.model(modelId, 'beta');
    const first = await other.listModels({ parent: 'tenants/beta', pageSize: 2 });
    const second = await other.listModels({ parent: 'tenants/beta', pageSize: 2, pageToken: first.nextPageToken });
    expect([...first.models, ...second.models].map(({ name }) => name)).toEqual(['a', 'b', 'c'].map((id) => `tenants/beta/models/${id}`));
    expect(second.nextPageToken).toBe('');
    await expect(other.listModels({ parent: 'tenants/beta', pageToken: 'nonsense' })).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT' });
  });

  it("keeps another tenant's models out of sight and out of reach", async () => {
    const name = await registry.model('private');
    const other = registry.as(models.ModelService, 'beta');
    await expect(other.getModel({ name })).rejects.toMatchObject({ reason: 'TENANT_NOT_REACHABLE' });
    await expect(other.deleteModel({ name })).rejects.toMatchObject({ reason: 'TENANT_NOT_REACHABLE' });
    await expect(other.getModel({ name: 'tenants/beta/models/private' })).rejects.toMatchObject({ reason: 'MODEL_NOT_FOUND' });
  });

  it('adds versions, tells of them, and lists them by precedence', async () => {
    const model = await registry.model('versioned');
    for (const versionId of ['1.9.0', '1.10.0', '2.0.0-rc.1', '2.0.0']) await registry.draft(model, versionId);
    const first = await client.listVersions({ parent: model, pageSize: 3 });
    const second = await client.listVersions({ parent: model, pageSize: 3, pageToken: first.nextPageToken });
    const names = [...first.versions, ...second.versions].map(({ name }) => name.split('/').at(-1));
    expect(names).toEqual(['2.0.0', '2.0.0-rc.1', '1.10.0', '1.9.0']);
    const events = await registry.events(modelEvents.VersionCreatedSchema, 4);
    expect(events.filter((event) => event.model === model).map(({ version }) => version)).toContain(`${model}/versions/1.10.0`);
    await expect(client.listVersions({ parent: model, stage: models.Stage.PRODUCTION })).resolves.toMatchObject({ versions: [] });
    await expect(client.listVersions({ parent: 'tenants/acme/models/none' })).rejects.toMatchObject({ reason: 'MODEL_NOT_FOUND' });
  });

  it('refuses a version that differs in build metadata only, or is not one, or has no model', async () => {
    const model = await registry.model('precise');
    await registry.draft(model, '1.0.0+a');
    await expect(registry.draft(model, '1.0.0+b')).rejects.toMatchObject({ reason: 'VERSION_EXISTS' });
    await expect(registry.draft(model, '9007199254740993.0.0')).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT' });
    await expect(registry.draft('tenants/acme/models/none', '1.0.0')).rejects.toMatchObject({ reason: 'MODEL_NOT_FOUND' });
    registry.tenants.limits.set('model_versions', 0n);
    await expect(registry.draft(model, '2.0.0')).rejects.toMatchObject({ reason: 'QUOTA_EXCEEDED' });
    await expect(client.getVersion({ name: `${model}/versions/2.0.0` })).rejects.toMatchObject({ reason: 'VERSION_NOT_FOUND' });
  });

  it('changes metadata while a version is a draft, and labels at any time', async () => {
    const name = await registry.version(await registry.model('described'), '1.0.0');
    const drafted = await client.updateVersion({ name, version: { metadata: { accuracy: 0.9 }, labels: { by: 'ann' }, etag: '"1"' } });
    expect(drafted).toMatchObject({ metadata: { accuracy: 0.9 }, labels: { by: 'ann' }, artifactCount: 1, artifactBytes: 6733n });
    await expect(client.updateVersion({ name, version: { etag: '"1"' } })).rejects.toMatchObject({ reason: 'ETAG_STALE' });
    await client.promoteVersion({ name, stage: models.Stage.STAGING });
    await expect(client.updateVersion({ name, version: { metadata: {} } })).rejects.toMatchObject({ reason: 'VERSION_FIXED' });
    const labelled = await client.updateVersion({ name, version: { labels: { by: 'bob' } }, updateMask: { paths: ['labels'] } });
    expect(labelled).toMatchObject({ metadata: { accuracy: 0.9 }, labels: { by: 'bob' } });
  });

  it('deletes a model of drafts and gives back what it took, but never one with a history', async () => {
    const drafts = await registry.model('drafts');
    await registry.version(drafts, '1.0.0');
    const heldBy = () => [...registry.tenants.held.keys()].filter((key) => key.includes(drafts));
    expect(heldBy()).toHaveLength(3);
    await expect(client.deleteModel({ name: drafts, etag: '"7"' })).rejects.toMatchObject({ reason: 'ETAG_STALE' });
    await client.deleteModel({ name: drafts });
    expect(heldBy()).toEqual([]);
    await expect(client.deleteModel({ name: drafts })).rejects.toMatchObject({ reason: 'MODEL_NOT_FOUND' });
    const served = await registry.model('served');
    await registry.promote(await registry.version(served, '1.0.0'));
    await expect(client.deleteModel({ name: served })).rejects.toMatchObject({ reason: 'MODEL_HAS_HISTORY' });
  });
});
