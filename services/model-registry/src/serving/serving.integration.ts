import { readFile } from 'node:fs/promises';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { auditEvents, modelEvents, models } from '@q2/contracts';
import type { Client } from '@q2/service-kit';
import { TestRegistry } from '../testing/test-registry.js';

const csv = new URL('../../../../e2e/data/digits.csv', import.meta.url);

/** A held-out row that every one of the good models answers rightly. */
async function aRow(): Promise<{ label: number; pixels: number[] }> {
  const rows = (await readFile(csv, 'utf8')).split('\n').map((line) => line.split(','));
  const [, , label, ...pixels] = rows.find(([, split]) => split === 'held-out') ?? [];
  return { label: Number(label), pixels: pixels.map(Number) };
}

describe('serving', () => {
  let registry: TestRegistry;
  let client: Client<typeof models.ServingService>;
  let row: { label: number; pixels: number[] };

  beforeAll(async () => {
    // Room for two models: each is taken to need 16 MiB.
    registry = await TestRegistry.start({ MODEL_MEMORY_BYTES: String(40 * 1024 * 1024), MODEL_LEASES_PER_TENANT: '2' });
    client = registry.as(models.ServingService);
    row = await aRow();
  });
  afterAll(() => registry.stop());

  const json = () => ({ inputs: { case: 'json' as const, value: { pixels: [row.pixels] } } });
  const select = (by: 'version' | 'alias' | 'range', value: string) => ({ selector: { selector: { case: by, value } } });
  const loaded = async () => (await client.listLoadedModels({ parent: 'tenants/acme' })).loadedModels;
  const unload = async (name: string) => client.unloadModel({ name });

  it('predicts by the version in production, from JSON and from tensors', async () => {
    const model = await registry.model('digits');
    await expect(client.predict({ name: model, ...json() })).rejects.toMatchObject({ reason: 'NOTHING_IN_PRODUCTION' });
    const version = await registry.version(model, '1.1.0', '1.1.0');
    await registry.promote(version);
    const first = await client.predict({ name: model, ...json() });
    expect(first).toMatchObject({ version, cold: true, outputs: { case: 'json', value: { label: [row.label] } } });
    expect(first.latencyMs).toBeGreaterThan(0);
    const floats = { shape: [1n, 64n], values: { case: 'floats' as const, value: { values: row.pixels } } };
    const second = await client.predict({ name: model, inputs: { case: 'tensors', value: { tensors: { pixels: floats } } } });
    expect(second).toMatchObject({ cold: false, outputs: { case: 'tensors' } });
    const tensors = second.outputs.case === 'tensors' ? second.outputs.value.tensors : {};
    expect(tensors['label']).toMatchObject({ shape: [1n], values: { value: { values: [BigInt(row.label)] } } });
    expect(tensors['probabilities']).toMatchObject({ shape: [1n, 10n], values: { case: 'floats' } });
    await unload(version);
  });

  it('predicts by a version, an alias or a range', async () => {
    const model = await registry.model('chosen');
    const [one, two] = [await registry.version(model, '1.0.0'), await registry.version(model, '1.1.0', '1.1.0')];
    await registry.version(model, '1.2.0', '1.2.0');
    await registry.as(models.ModelService).setAlias({ name: `${model}/aliases/champion`, version: '1.0.0' });
    await registry.promote(two);
    const by = async (selector: ReturnType<typeof select>) => (await client.predict({ name: model, ...selector, ...json() })).version;
    expect(await by(select('version', '1.0.0'))).toBe(one);
    expect(await by(select('alias', 'champion'))).toBe(one);
    expect(await by(select('range', '^1.0'))).toBe(two);
    await expect(by(select('range', '^2.0'))).rejects.toMatchObject({ reason: 'NO_VERSION_IN_RANGE' });
    await expect(by(select('alias', 'canary'))).rejects.toMatchObject({ reason: 'ALIAS_NOT_FOUND' });
    await expect(by(select('version', '9.0.0'))).rejects.toMatchObject({ reason: 'VERSION_NOT_FOUND' });
    await expect(by(select('version', ''))).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT' });
    for (const name of [one, two]) await unload(name);
  });

  it('names what is wrong with the inputs', async () => {
    const model = await registry.model('strict');
    const version = await registry.version(model, '1.0.0');
    const predict = (value: models.PredictRequest['inputs']) =>
      client.predict({ name: model, ...select('version', '1.0.0'), inputs: value });
    const problem = (field: string) => ({ kind: 'INVALID_ARGUMENT', violations: [expect.objectContaining({ field })] });
    await expect(predict({ case: 'json', value: { pixels: [[1, 2, 3]] } })).rejects.toMatchObject(problem('inputs.pixels'));
    await expect(predict({ case: 'json', value: { colours: [[1]] } })).rejects.toMatchObject(problem('inputs.json.colours'));
    await expect(predict({ case: 'json', value: { pixels: [['a']] } })).rejects.toMatchObject(problem('inputs.json.pixels'));
    const ints = { shape: [1n, 1n], values: { case: 'ints' as const, value: { values: [1n] } } };
    const integers = client.predict({
      name: model,
      ...select('version', '1.0.0'),
      inputs: { case: 'tensors', value: { tensors: { pixels: ints } } },
    });
    await expect(integers).rejects.toMatchObject(problem('inputs.pixels'));
    await unload(version);
  });

  it('holds a model under a lease until it is released or expires', async () => {
    const name = await registry.model('leased');
    const version = await registry.version(name, '1.0.0');
    const cold = await client.acquireModel({ name, ...select('version', '1.0.0') });
    const warm = await client.acquireModel({ name, ...select('version', '1.0.0'), leaseDuration: durationFromMs(60_000) });
    expect([cold.cold, warm.cold, cold.version]).toEqual([true, false, version]);
    await expect(client.acquireModel({ name, ...select('version', '1.0.0') })).rejects.toMatchObject({ reason: 'LEASES_EXHAUSTED' });
    await expect(client.predict({ name, handle: cold.handle, ...json() })).resolves.toMatchObject({ version });
    await expect(unload(version)).rejects.toMatchObject({ reason: 'MODEL_BUSY' });
    for (const { handle } of [cold, cold, warm]) await client.releaseModel({ name, handle });
    await expect(client.predict({ name, handle: cold.handle, ...json() })).rejects.toMatchObject({ reason: 'LEASE_ENDED' });
    const short = await client.acquireModel({ name, ...select('version', '1.0.0'), leaseDuration: durationFromMs(10) });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await expect(client.predict({ name, handle: short.handle, ...json() })).rejects.toMatchObject({ reason: 'LEASE_ENDED' });
    await expect(client.acquireModel({ name, leaseDuration: durationFromMs(3_600_001) })).rejects.toMatchObject({
      kind: 'INVALID_ARGUMENT',
    });
    await unload(version);
  });

  it('evicts the least recently used model, tells of it, and refuses where all are held', async () => {
    const name = await registry.model('crowded');
    const versions: string[] = [];
    for (const id of ['1.0.0', '1.1.0', '1.2.0']) versions.push(await registry.version(name, id, id));
    const [one = '', two = '', three = ''] = versions;
    for (const version of [one, two, three]) await client.preloadModel({ name: version });
    expect((await loaded()).map(({ version }) => version)).toEqual([two, three]);
    const [evicted] = await registry.events(modelEvents.ModelUnloadedSchema, 1, ({ cause }) => cause === modelEvents.UnloadCause.EVICTED);
    expect(evicted).toMatchObject({ version: one, model: name });
    await client.pinModel({ name: two, pinned: true });
    const held = await client.acquireModel({ name, ...select('version', '1.2.0') });
    await expect(client.preloadModel({ name: one })).rejects.toMatchObject({ reason: 'MODEL_MEMORY_FULL' });
    await expect(unload(two)).rejects.toMatchObject({ reason: 'MODEL_BUSY' });
    await client.releaseModel({ name, handle: held.handle });
    await client.preloadModel({ name: one });
    expect((await loaded()).map(({ version, pinned }) => [version, pinned])).toEqual([
      [one, false],
      [two, true],
    ]);
    await client.pinModel({ name: two, pinned: false });
    for (const version of [one, two]) await unload(version);
    expect(await loaded()).toEqual([]);
    await expect(client.pinModel({ name: `${name}/versions/9.0.0`, pinned: true })).rejects.toMatchObject({ reason: 'VERSION_NOT_FOUND' });
  });

  it('shows what is loaded, and what each model reads and answers', async () => {
    const name = await registry.model('shown');
    const version = await registry.version(name, '1.0.0');
    const preloaded = await client.preloadModel({ name: version });
    expect(preloaded).toMatchObject({ version, memoryBytes: 16_777_216n, inUse: 0, predictions: 0n, pinned: false });
    expect(preloaded).toMatchObject({
      inputs: [{ name: 'pixels', type: 'float32', shape: [-1n, 64n] }],
      outputs: [
        { name: 'label', type: 'int64' },
        { name: 'probabilities', type: 'float32' },
      ],
    });
    await client.predict({ name, ...select('version', '1.0.0'), ...json() });
    expect(await loaded()).toMatchObject([{ version, predictions: 1n, failures: 0n }]);
    const other = registry.as(models.ServingService, 'beta');
    await expect(other.listLoadedModels({ parent: 'tenants/beta' })).resolves.toMatchObject({ loadedModels: [] });
    await expect(other.predict({ name, ...json() })).rejects.toMatchObject({ reason: 'TENANT_NOT_REACHABLE' });
    await unload(version);
    const [event] = await registry.events(modelEvents.ModelLoadedSchema, 1, (loading) => loading.version === version);
    expect(event).toMatchObject({ model: name, memoryBytes: 16_777_216n });
  });

  it('says why models are not served well', async () => {
    const name = await registry.model('sick');
    const version = await registry.draft(name, '1.0.0');
    await expect(client.preloadModel({ name: version })).rejects.toMatchObject({ reason: 'MODEL_FILE_MISSING' });
    await registry.upload(version, 'model.onnx', Buffer.from('not a model'));
    await expect(client.preloadModel({ name: version })).rejects.toMatchObject({ reason: 'MODEL_NOT_LOADABLE' });
    const health = await client.getServingHealth({ name: 'tenants/acme' });
    expect(health).toMatchObject({ healthy: false, loadedModels: 0, memoryBytes: 0n, memoryLimitBytes: 41_943_040n });
    expect(health.reasons).toEqual([expect.stringContaining(`${version} could not be loaded`)]);
    await expect(registry.as(models.ServingService, 'beta').getServingHealth({ name: 'tenants/beta' })).resolves.toMatchObject({
      healthy: true,
    });
  });

  it('announces how many predictions a tenant used', async () => {
    const total = async () => (await registry.events(auditEvents.UsageRecordedSchema, 1)).reduce((sum, { quantity }) => sum + quantity, 0n);
    const name = await registry.model('used');
    const version = await registry.version(name, '1.0.0');
    const before = await settled(total);
    for (let count = 0; count < 5; count += 1) await client.predict({ name, ...select('version', '1.0.0'), ...json() });
    while ((await total()) < before + 5n) await new Promise((resolve) => setTimeout(resolve, 50));
    const recorded = await registry.events(auditEvents.UsageRecordedSchema, 1);
    expect(recorded.at(-1)).toMatchObject({ tenant: 'acme', resource: 'predictions' });
    expect(await settled(total)).toBe(before + 5n);
    await unload(version);
  });
});

/** A figure once it has not changed for longer than usage is gathered. */
async function settled(read: () => Promise<bigint>): Promise<bigint> {
  let last = await read();
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const next = await read();
    if (next === last) return next;
    last = next;
  }
}
