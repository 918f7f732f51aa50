import { appendFile, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { auditEvents, models } from '@q2/contracts';
import type { Client } from '@q2/service-kit';
import { digitsModel, TestRegistry } from '../testing/test-registry.js';
import { ArtifactSweep } from './artifact-sweep.job.js';

describe('artifacts', () => {
  let registry: TestRegistry;
  let client: Client<typeof models.ArtifactService>;

  beforeAll(async () => {
    registry = await TestRegistry.start({ ARTIFACT_MAX_BYTES: '2000000' });
    client = registry.as(models.ArtifactService);
  });
  afterAll(() => registry.stop());
  afterEach(() => registry.tenants.limits.clear());

  const large = Buffer.alloc(1_000_000, 'weights and biases ');
  const aDraft = async (modelId: string) => registry.draft(await registry.model(modelId), '1.0.0');
  const pathOf = (sha256: string) => join(registry.artifactsDirectory, 'acme', 'objects', sha256.slice(0, 2), sha256);

  async function download(name: string, offsetBytes = 0n): Promise<{ artifact: models.Artifact | undefined; content: Buffer }> {
    const chunks: Uint8Array[] = [];
    let artifact: models.Artifact | undefined;
    for await (const { part } of client.downloadArtifactStream({ name, offsetBytes })) {
      if (part.case === 'artifact') artifact = part.value;
      if (part.case === 'chunk') chunks.push(part.value);
    }
    return { artifact, content: Buffer.concat(chunks) };
  }

  it('gives back what was uploaded, also from the middle on', async () => {
    const version = await aDraft('whole');
    const uploaded = await registry.upload(version, 'weights.bin', large);
    expect(uploaded).toMatchObject({
      name: `${version}/artifacts/weights.bin`,
      sizeBytes: 1_000_000n,
      creator: 'tenants/acme/apiKeys/test',
    });
    const { artifact, content } = await download(uploaded.name);
    expect(artifact).toEqual(uploaded);
    expect(content.equals(large)).toBe(true);
    expect((await download(uploaded.name, 700_000n)).content.equals(large.subarray(700_000))).toBe(true);
    await expect(download(uploaded.name, 1_000_001n)).rejects.toMatchObject({ reason: 'OFFSET_PAST_END' });
    await expect(download(`${version}/artifacts/none`)).rejects.toMatchObject({ reason: 'ARTIFACT_NOT_FOUND' });
    expect(registry.tenants.held.get(`tenants/acme storage_bytes ${uploaded.name}`)).toBe(1_000_000n);
    const audited = (await registry.events(auditEvents.AuditRecordedSchema, 1)).map(({ method }) => method);
    expect(audited).toContain('CreateModel');
  });

  it('takes the same content twice, at once and also after the version is fixed, and no other under the same name', async () => {
    const version = await aDraft('repeated');
    const content = await digitsModel('1.0.0');
    const uploads = await Promise.all([1, 2, 3].map(() => registry.upload(version, 'model.onnx', content)));
    expect(new Set(uploads.map(({ createTime }) => JSON.stringify(createTime, (_, value: unknown) => String(value)))).size).toBe(1);
    await expect(registry.upload(version, 'model.onnx', await digitsModel('1.1.0'))).rejects.toMatchObject({ reason: 'ARTIFACT_EXISTS' });
    await registry.promote(version);
    await expect(registry.upload(version, 'model.onnx', content)).resolves.toEqual(uploads[0]);
    await expect(registry.upload(version, 'labels.json', content)).rejects.toMatchObject({ reason: 'VERSION_FIXED' });
  });

  it('keeps nothing of an upload that is not as announced', async () => {
    const version = await aDraft('announced');
    const wrong = { kind: 'INVALID_ARGUMENT' };
    await expect(registry.upload(version, 'a', large, { sizeBytes: 999_999n })).rejects.toMatchObject(wrong);
    await expect(registry.upload(version, 'a', large, { sizeBytes: 1_000_001n })).rejects.toMatchObject(wrong);
    await expect(registry.upload(version, 'a', large, { sha256: 'ab'.repeat(32) })).rejects.toMatchObject(wrong);
    await expect(registry.upload(version, 'a', Buffer.alloc(2_000_001))).rejects.toMatchObject({ reason: 'OBJECT_TOO_LARGE' });
    await expect(client.listArtifacts({ parent: version })).resolves.toMatchObject({ artifacts: [] });
  });

  it('refuses an upload that begins without a header or sends a second one', async () => {
    const version = await aDraft('ordered');
    const header = { part: { case: 'header', value: { name: `${version}/artifacts/a`, sizeBytes: 1n } } } as const;
    const chunk = { part: { case: 'chunk', value: Uint8Array.of(1) } } as const;
    const send = async function* (...messages: (typeof header | typeof chunk)[]) {
      yield* messages;
    };
    await expect(client.uploadArtifactStream(send(chunk, header))).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT' });
    await expect(client.uploadArtifactStream(send(header, header))).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT' });
    await expect(client.uploadArtifactStream(send())).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT' });
    await expect(client.uploadArtifactStream(send(header, chunk))).resolves.toMatchObject({ sizeBytes: 1n });
  });

  it('refuses an upload past the quota before it takes it in', async () => {
    const version = await aDraft('bounded');
    registry.tenants.limits.set('storage_bytes', registry.tenants.used('tenants/acme', 'storage_bytes') + 999_999n);
    await expect(registry.upload(version, 'a', large)).rejects.toMatchObject({
      reason: 'QUOTA_EXCEEDED',
      metadata: { resource: 'storage_bytes' },
    });
    await expect(registry.upload('tenants/acme/models/bounded/versions/9.0.0', 'a', large)).rejects.toMatchObject({
      reason: 'VERSION_NOT_FOUND',
    });
  });

  it('lists files by name, page by page', async () => {
    const version = await aDraft('listed');
    for (const name of ['c', 'a', 'b']) await registry.upload(version, name, Buffer.from(name));
    const first = await client.listArtifacts({ parent: version, pageSize: 2 });
    const second = await client.listArtifacts({ parent: version, pageSize: 2, pageToken: first.nextPageToken });
    expect([...first.artifacts, ...second.artifacts].map(({ name }) => name.slice(-1))).toEqual(['a', 'b', 'c']);
    await expect(client.listArtifacts({ parent: `${version}1` })).rejects.toMatchObject({ reason: 'VERSION_NOT_FOUND' });
  });

  it('finds files that were altered or removed, and never gives one out to its end', async () => {
    const version = await aDraft('altered');
    const kept = await registry.upload(version, 'kept', Buffer.from('kept'));
    const altered = await registry.upload(version, 'altered', Buffer.from('to be altered'));
    const removed = await registry.upload(version, 'removed', Buffer.from('to be removed'));
    await appendFile(pathOf(altered.sha256), '!');
    await rm(pathOf(removed.sha256));
    const { intact, checks } = await client.verifyArtifacts({ parent: version });
    expect(intact).toBe(false);
    expect(checks.map((check) => [check.name, check.intact])).toEqual([
      [altered.name, false],
      [kept.name, true],
      [removed.name, false],
    ]);
    await expect(download(altered.name)).rejects.toMatchObject({ reason: 'OBJECT_ALTERED' });
    await expect(download(removed.name)).rejects.toMatchObject({ reason: 'OBJECT_NOT_FOUND' });
    await registry.upload(version, 'altered', Buffer.from('to be altered'));
    expect((await download(altered.name)).content.toString()).toBe('to be altered');
  });

  it('sweeps contents that nothing refers to, but only old ones', async () => {
    const sweep = registry.platform.get(ArtifactSweep);
    const version = await aDraft('swept');
    const kept = await registry.upload(version, 'kept', Buffer.from('referred to'));
    const orphan = await registry.upload(await aDraft('deleted'), 'orphan', Buffer.from('not referred to'));
    await registry.as(models.ModelService).deleteModel({ name: 'tenants/acme/models/deleted' });
    await expect(sweep.sweep()).resolves.toBe(0);
    for (const { sha256 } of [kept, orphan]) await utimes(pathOf(sha256), 1, 1);
    await expect(sweep.sweep()).resolves.toBe(1);
    expect((await download(kept.name)).content.toString()).toBe('referred to');
  });

  it("keeps another tenant's files out of reach", async () => {
    const version = await aDraft('private');
    const { name } = await registry.upload(version, 'secret', Buffer.from('secret'));
    const other = registry.as(models.ArtifactService, 'beta');
    await expect(other.listArtifacts({ parent: version })).rejects.toMatchObject({ reason: 'TENANT_NOT_REACHABLE' });
    const reading = other.downloadArtifactStream({ name })[Symbol.asyncIterator]();
    await expect(reading.next()).rejects.toMatchObject({ reason: 'TENANT_NOT_REACHABLE' });
  });
});
