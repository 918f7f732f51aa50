import { create, fromBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import * as experiments from './experiments.js';
import * as models from './models.js';
import * as monitoring from './monitoring.js';
import * as schedules from './schedules.js';
import { tenantReader } from './tenant-field.js';
import * as tenants from './tenants.js';
import { validate } from './validation.js';

function check<S extends DescMessage>(schema: S, init: MessageInitShape<S>): string[] {
  return validate(schema, create(schema, init)).violations.map(({ field, description }) => `${field}: ${description}`);
}

const parent = 'tenants/acme';

describe('validate', () => {
  it('accepts what is within bounds', () => {
    expect(check(models.CreateModelRequestSchema, { parent, modelId: 'churn', model: { labels: { team: 'growth' } } })).toEqual([]);
  });

  it('names every field that is not, by its path in the contract', () => {
    expect(check(models.CreateModelRequestSchema, { modelId: 'Churn!', model: { limits: { memoryBytes: -1n } }, requestId: 'x' })).toEqual([
      'parent: must be set',
      expect.stringMatching(/^model_id: must be an id/),
      'model.limits.memory_bytes: must be at least 0, got -1',
      expect.stringMatching(/^request_id: must be a UUID/),
    ]);
  });

  it('checks elements of lists and keys and values of maps', () => {
    const variants = [{ id: 'a', weightBasisPoints: 20_000 }];
    expect(check(experiments.CreateExperimentRequestSchema, { parent, experimentId: 'x', experiment: { variants } })).toEqual([
      'experiment.variants[0].weight_basis_points: must be at most 10000, got 20000',
    ]);
    const condition = { case: 'event' as const, value: { eventTypes: [] } };
    expect(check(schedules.CreateTriggerRequestSchema, { parent, trigger: { condition } }).join()).toMatch(
      /trigger\.event\.event_types: must have at least 1 elements, got 0/,
    );
    const labels = { 'bad key!': 'x'.repeat(300) };
    const [key, value] = check(monitoring.CreateMonitorRequestSchema, { parent, monitor: { labels } }).filter((violation) =>
      violation.includes('labels'),
    );
    expect(key).toMatch(/^monitor\.labels key: must be a metric or label name/);
    expect(value).toMatch(/^monitor\.labels\[bad key!\]: must have at most 256 characters, got 300/);
  });

  it('takes no NUL, no undefined enum value, no number that is not finite', () => {
    expect(check(models.CreateModelRequestSchema, { parent, modelId: 'a', model: { description: 'a\0b' } })).toEqual([
      'model.description: must not contain a NUL character',
    ]);
    // Stage 99, as a caller with a newer contract might send it.
    const unknown = fromBinary(models.PromoteVersionRequestSchema, new Uint8Array([0x10, 99]));
    unknown.name = `${parent}/models/a/versions/1.0.0`;
    expect(check(models.PromoteVersionRequestSchema, unknown)).toEqual([
      expect.stringMatching(/^stage: must be one of STAGE_DRAFT, .*, got 99$/),
    ]);
    expect(check(monitoring.RecordStreamRequestSchema, { parent, points: [{ metric: 'm', value: Number.NaN }] }).join()).toMatch(
      /points\[0\]\.value: must be a finite number, got NaN/,
    );
  });

  it('bounds times, durations, masks and JSON', () => {
    const event = (data: object, time = { seconds: 0n }) => ({
      parent,
      event: { type: 'a.b', time, data: JSON.parse(JSON.stringify(data)) },
    });
    expect(check(schedules.EmitEventRequestSchema, event({}, { seconds: 999_999_999_999n }))).toEqual([
      'event.time: must be a time between years 1 and 9999',
    ]);
    expect(check(schedules.EmitEventRequestSchema, event({ text: 'x'.repeat(70_000) }))).toEqual([
      expect.stringMatching(/^event\.data: must have at most 65536 bytes as JSON/),
    ]);
    expect(check(schedules.EmitEventRequestSchema, event({ 'a\0': 1 }))).toEqual(['event.data: must not contain a NUL character']);
    const nested: object = Array.from({ length: 40 }).reduce<object>((inner) => ({ inner }), {});
    expect(check(schedules.EmitEventRequestSchema, event(nested))).toEqual(['event.data: must not be nested more than 32 levels deep']);
    const infinite = create(schedules.EmitEventRequestSchema, { parent, event: { type: 'a.b', data: { bad: Number.POSITIVE_INFINITY } } });
    expect(validate(schedules.EmitEventRequestSchema, infinite).violations).toEqual([
      { field: 'event.data', description: 'must hold finite numbers and set values only' },
    ]);
    const monitor = (seconds: bigint) => ({ parent, monitor: { window: { seconds } } });
    expect(check(monitoring.CreateMonitorRequestSchema, monitor(-1n)).join()).toMatch(/monitor\.window: must be at least 1 s, got -1 s/);
    expect(check(monitoring.CreateMonitorRequestSchema, monitor(700_000n)).join()).toMatch(/monitor\.window: must be at most 604800 s/);
    expect(check(monitoring.CreateMonitorRequestSchema, monitor(400_000_000_000n)).join()).toMatch(/monitor\.window: must be a duration/);
    const mask = (paths: string[]) => ({ tenant: { name: parent }, updateMask: { paths } });
    expect(check(tenants.UpdateTenantRequestSchema, mask(['displayName'])).join()).toMatch(
      /update_mask: must hold field paths in snake_case, got 'displayName'/,
    );
    expect(check(tenants.UpdateTenantRequestSchema, mask(Array.from({ length: 101 }, () => 'a'))).join()).toMatch(
      /at most 100 paths, got 101/,
    );
  });

  it('wants one of the members where a oneof is required', () => {
    expect(check(tenants.IssueTokenRequestSchema, {})).toEqual(['credential: one of api_key, service must be set']);
  });

  it('bounds bytes', () => {
    const tooLong = { part: { case: 'chunk' as const, value: new Uint8Array(20_000_000) } };
    expect(check(models.UploadArtifactStreamRequestSchema, tooLong).join()).toMatch(/chunk: must have at most \d+ bytes/);
  });

  it('ignores what the server sets', () => {
    expect(check(models.CreateModelRequestSchema, { parent, modelId: 'a', model: { etag: '' } })).toEqual([]);
  });

  it('tells which tenants a request names', () => {
    const content = { case: 'target' as const, value: 'tenants/globex/models/m/versions/1.0.0' };
    const request = create(experiments.CreateExperimentRequestSchema, {
      parent,
      experimentId: 'x',
      experiment: { variants: [{ id: 'a', content }] },
    });
    expect(validate(experiments.CreateExperimentRequestSchema, request).tenants).toEqual(['acme', 'globex']);
  });
});

describe('tenantReader', () => {
  it('reads the tenant from the first field that names a resource in one, nested or not', () => {
    const read = tenantReader(tenants.UpdateTenantRequestSchema);
    expect(read?.(create(tenants.UpdateTenantRequestSchema, { tenant: { name: parent } }))).toBe('acme');
    expect(read?.(create(tenants.UpdateTenantRequestSchema, {}))).toBeUndefined();
    expect(tenantReader(models.GetModelRequestSchema)?.(create(models.GetModelRequestSchema, { name: 'tenants/acme/models/m' }))).toBe(
      'acme',
    );
    expect(tenantReader(models.GetModelRequestSchema)?.(create(models.GetModelRequestSchema, { name: 'nonsense' }))).toBeUndefined();
  });

  it('has nothing to read where a contract names no tenant', () => {
    expect(tenantReader(tenants.ListPlansRequestSchema)).toBeUndefined();
    expect(tenantReader(tenants.ListPlansRequestSchema)).toBeUndefined();
  });
});
