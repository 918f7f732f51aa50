import { randomUUID } from 'node:crypto';
import { workflows } from '@q2/contracts';
import { InvalidArgument } from '@q2/errors';
import { action, Bench } from '../testing/bench.testing.js';

const noop = { id: 'a', work: action('noop') };
const promote = { id: 'p', work: action('models.promote', { name: 'tenants/acme/models/m/versions/1.0.0' }) };

describe('workflows', () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await Bench.start();
  });
  afterAll(() => bench.platform.stop());

  it('are kept in versions that never change', async () => {
    const created = await bench.definitions.createWorkflow({
      parent: 'tenants/acme',
      workflowId: 'w',
      description: 'first',
      definition: { steps: [noop] },
    });
    expect(created).toMatchObject({
      name: 'tenants/acme/workflows/w/versions/1',
      version: 1,
      description: 'first',
      creator: 'tenants/acme/apiKeys/test',
    });
    await bench.define('w', [noop, { ...noop, id: 'b' }]);
    const newest = await bench.definitions.getWorkflow({ name: 'tenants/acme/workflows/w' });
    expect(newest).toMatchObject({ version: 2, definition: { steps: [{ id: 'a' }, { id: 'b' }] } });
    expect(await bench.definitions.getWorkflow({ name: created.name })).toEqual(created);
  });

  it('get one version each where several are created at once, and one for one request_id', async () => {
    const request = { parent: 'tenants/acme', workflowId: 'raced', definition: { steps: [noop] } };
    const names = await Promise.all(Array.from({ length: 4 }, () => bench.definitions.createWorkflow(request)));
    expect(names.map(({ version }) => version).sort()).toEqual([1, 2, 3, 4]);
    const repeated = { ...request, requestId: randomUUID() };
    expect(await bench.definitions.createWorkflow(repeated)).toEqual(await bench.definitions.createWorkflow(repeated));
  });

  it('are listed by name, in pages', async () => {
    for (const id of ['l1', 'l2', 'l3']) await bench.define(id, [noop]);
    const all: string[] = [];
    let pageToken = '';
    do {
      const page = await bench.definitions.listWorkflows({ parent: 'tenants/acme', pageSize: 2, pageToken });
      all.push(...page.workflows.map(({ name }) => name));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(all).toEqual([...all].sort());
    expect(all).toEqual(expect.arrayContaining(['tenants/acme/workflows/l1/versions/1', 'tenants/acme/workflows/l3/versions/1']));
  });

  it('are checked wholly, each problem with its path', async () => {
    const definition = {
      steps: [
        { id: 'a', needs: ['b'], work: action('noop') },
        { id: 'b', needs: ['a', 'x'], work: action('noop') },
      ],
    };
    const refusal = await bench.definitions
      .createWorkflow({ parent: 'tenants/acme', workflowId: 'bad', definition })
      .catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(InvalidArgument);
    expect(refusal).toMatchObject({
      violations: [
        { field: 'definition.steps[1].needs[1]' },
        { field: 'definition.steps[0].needs' },
        { field: 'definition.steps[1].needs' },
      ],
    });
    const checked = await bench.definitions.validateWorkflow({
      parent: 'tenants/acme',
      definition: { steps: [{ id: 'a', work: action('none') }, promote] },
    });
    expect(checked).toMatchObject({ problems: [{ path: 'steps[0].action.name' }], requiredPermissions: ['models.versions.promote'] });
  });

  it('need their creator to be permitted what their actions do', async () => {
    const as = { tenant: 'acme', roles: [], permissions: ['workflows.workflows.create'] };
    const client = bench.platform.client(workflows.WorkflowService, as);
    const request = { parent: 'tenants/acme', workflowId: 'promoting', definition: { steps: [promote] } };
    await expect(client.createWorkflow(request)).rejects.toMatchObject({
      reason: 'WORKFLOW_PERMISSIONS_MISSING',
      metadata: { permissions: 'models.versions.promote' },
    });
    expect((await bench.definitions.createWorkflow(request)).version).toBe(1);
  });

  it('are refused where they do not exist, or their name is none', async () => {
    await expect(bench.definitions.getWorkflow({ name: 'tenants/acme/workflows/none' })).rejects.toMatchObject({
      reason: 'WORKFLOW_NOT_FOUND',
    });
    await expect(bench.definitions.getWorkflow({ name: 'tenants/acme/workflows/w/versions/9' })).rejects.toMatchObject({
      reason: 'WORKFLOW_NOT_FOUND',
    });
    await expect(bench.definitions.getWorkflow({ name: 'tenants/acme/workflows/w/versions/1.0' })).rejects.toThrow(
      'must end in a version number',
    );
    await expect(bench.definitions.listWorkflows({ parent: 'tenants/acme', pageToken: 'x' })).rejects.toThrow('page_token');
  });
});
