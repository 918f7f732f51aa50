import { randomUUID } from 'node:crypto';
import { models, tenants } from '@q2/contracts';
import { cutConnections } from '@q2/testing';
import { patiently, until } from '../demo/patience.js';
import { acme, startWholePlatform, type WholePlatform } from '../contracts/whole-platform.js';

const cuts = 6;

describe('connections cut in the middle of work', () => {
  let whole: WholePlatform;
  beforeAll(async () => {
    whole = await startWholePlatform();
  });
  afterAll(() => whole.stop());

  it('lose no acknowledged write and repeat none', async () => {
    const admin = { tenant: acme, roles: ['admin'] };
    const registry = whole.platform.client(models.ModelService, admin);
    const acknowledged: string[] = [];
    let isDone = false;
    const writers = Array.from({ length: 6 }, async (_, writer) => {
      for (let index = 0; !isDone; index += 1) {
        const request = { parent: `tenants/${acme}`, modelId: `m-${writer}-${index}`, model: {}, requestId: randomUUID() };
        acknowledged.push((await patiently(() => registry.createModel(request))).name);
      }
    });
    let cut = 0;
    for (let round = 0; round < cuts; round += 1) {
      const before = acknowledged.length;
      await until('more writes', () => Promise.resolve(acknowledged.length > before + 5 ? true : undefined));
      cut += await cutConnections(whole.platform.databaseUrl);
    }
    isDone = true;
    await Promise.all(writers);
    expect(cut).toBeGreaterThan(cuts);
    expect(new Set(acknowledged).size).toBe(acknowledged.length);

    const stored = [];
    for (let pageToken = ''; ;) {
      const page = await patiently(() => registry.listModels({ parent: `tenants/${acme}`, pageSize: 1_000, pageToken }));
      stored.push(...page.models.map(({ name }) => name));
      if (page.nextPageToken === '') break;
      pageToken = page.nextPageToken;
    }
    expect(stored.sort()).toEqual([...acknowledged].sort());
    const audit = whole.platform.client(tenants.AuditService, admin);
    const created = await until('each write in the audit log', async () => {
      const { entries } = await audit.listEntries({
        parent: `tenants/${acme}`,
        pageSize: 1_000,
        method: 'q2.models.v1.ModelService/CreateModel',
      });
      return entries.length >= Math.min(1_000, acknowledged.length) ? entries : undefined;
    });
    expect(created.length).toBe(Math.min(1_000, acknowledged.length));
    console.log(`${acknowledged.length} acknowledged writes kept through ${cuts} rounds of cuts (${cut} connections)`);
  });
});
