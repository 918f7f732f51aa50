import { create } from '@bufbuild/protobuf';
import { models } from '@q2/contracts';
import { ServiceClients } from '@q2/service-kit';
import { aDefinition, anAction, aStep } from '../testing/definitions.testing.js';
import { requiredPermissions } from './catalogue.js';
import { serviceActions } from './service-action.js';

const problems = (name: string, input: Parameters<typeof anAction>[1] = {}) =>
  serviceActions
    .get(name)
    ?.inputProblems(input)
    .map(({ path, description }) => `${path}: ${description}`);

describe('the actions that call other services', () => {
  it('need what the methods that they call need', () => {
    expect(Object.fromEntries([...serviceActions].map(([name, { permission }]) => [name, permission]))).toEqual({
      'models.promote': 'models.versions.promote',
      'models.rollback': 'models.versions.rollback',
      'experiments.complete': 'experiments.experiments.complete',
      'experiments.rollback': 'experiments.experiments.rollback',
      'alerts.acknowledge': 'monitoring.alerts.acknowledge',
      'alerts.resolve': 'monitoring.alerts.resolve',
    });
  });

  it('take the method’s fields, in either spelling, and its defaults', () => {
    expect(problems('models.promote', { name: 'tenants/acme/models/m/versions/1.0.0', keepFormer: true })).toEqual([]);
    expect(problems('models.promote', { name: '${input.version}', keep_former: true, stage: 'STAGE_STAGING' })).toEqual([]);
    expect(problems('models.promote', {})).toEqual(['.name: is required']);
    expect(problems('models.rollback', { name: '${input.model}', request_id: 'x', to: 1 })).toEqual([
      expect.stringContaining('.request_id: there is no such field; there are name, targetVersion'),
      expect.stringContaining('.to: there is no such field'),
    ]);
  });

  it('are checked wholly where nothing is left to evaluate', () => {
    expect(problems('models.promote', { name: 'models/m' })).toEqual([expect.stringMatching(/^\.name: /)]);
    expect(problems('models.promote', { name: 'tenants/acme/models/m/versions/1.0.0', stage: 'HIGHER' })).toEqual([
      expect.stringContaining('cannot decode'),
    ]);
  });

  it('send the input as a request with the step’s request_id, and give the answer as JSON', async () => {
    const asked: unknown[] = [];
    class Recording extends ServiceClients {
      override get(): never {
        throw new Error('replaced below');
      }
    }
    const clients = new Recording(() => '127.0.0.1:1', undefined);
    Object.defineProperty(clients, 'get', {
      value: () => ({
        rollbackProduction: (request: unknown, options: unknown) => {
          asked.push([request, options]);
          return Promise.resolve(create(models.VersionSchema, { name: 'tenants/acme/models/m/versions/1.0.0' }));
        },
      }),
    });
    const { signal } = new AbortController();
    const call = { tenant: 'acme', input: { name: 'tenants/acme/models/m' }, requestId: 'r', signal, timeoutMs: 5 };
    expect(await serviceActions.get('models.rollback')?.run(clients, call)).toMatchObject({ name: 'tenants/acme/models/m/versions/1.0.0' });
    expect(asked).toMatchObject([
      [
        { name: 'tenants/acme/models/m', requestId: 'r' },
        { signal, timeoutMs: 5 },
      ],
    ]);
    await expect(
      serviceActions.get('models.rollback')?.run(clients, { ...call, input: { name: 'tenants/globex/models/m' } }),
    ).rejects.toMatchObject({ reason: 'ACTION_OUTSIDE_TENANT' });
    await expect(serviceActions.get('models.rollback')?.run(clients, { ...call, input: {} })).rejects.toMatchObject({
      reason: 'ACTION_OUTSIDE_TENANT',
    });
    await expect(serviceActions.get('models.rollback')?.run(clients, { ...call, input: { name: 5 } })).rejects.toMatchObject({
      reason: 'INVALID_FIELDS',
    });
  });
});

describe('requiredPermissions', () => {
  it('gathers those of all actions, however deep, each once', () => {
    const steps = [
      aStep('a', anAction('noop')),
      aStep('p', {
        kind: 'parallel',
        branches: [[aStep('b', anAction('models.rollback'))], [aStep('c', anAction('models.promote'))]],
        maxConcurrency: 1,
      }),
      aStep('d', anAction('models.promote')),
    ];
    expect(requiredPermissions(aDefinition(steps, { onFailure: [aStep('e', anAction('alerts.resolve'))] }))).toEqual([
      'models.versions.promote',
      'models.versions.rollback',
      'monitoring.alerts.resolve',
    ]);
  });
});
