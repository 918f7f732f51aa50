import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { attempt, run } from './command.js';
import { findHelm, prepareHelm } from './helm-program.js';

const workspace = fileURLToPath(new URL('../../../', import.meta.url));
const chart = join(workspace, 'helm/q2-platform');
const source = findHelm(process.env);
const services = ['ab-testing', 'model-registry', 'monitoring', 'scheduler', 'tenant-manager', 'workflow-orchestrator'];

const container = z.looseObject({
  name: z.string(),
  image: z.string(),
  args: z.array(z.string()),
  env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })),
  resources: z.looseObject({ requests: z.record(z.string(), z.string()), limits: z.record(z.string(), z.string()) }),
  securityContext: z.unknown(),
});
const pod = z.looseObject({
  automountServiceAccountToken: z.boolean(),
  securityContext: z.looseObject({ runAsNonRoot: z.boolean(), seccompProfile: z.unknown() }),
  terminationGracePeriodSeconds: z.number().optional(),
  containers: z.array(container),
  initContainers: z.array(container).default([]),
});
const resource = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), annotations: z.record(z.string(), z.string()).optional() }),
  spec: z.looseObject({ template: z.looseObject({ spec: z.unknown() }).optional() }).optional(),
  data: z.record(z.string(), z.string()).optional(),
});
type Resource = z.infer<typeof resource>;

let folder: string;
let helm: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'q2-chart-'));
  if (source.kind !== 'none') helm = await prepareHelm(source, folder);
});
afterAll(() => rm(folder, { recursive: true }));

const describeChart = source.kind === 'none' && process.env['CI'] !== 'true' ? describe.skip : describe;
if (source.kind === 'none') process.stderr.write(`skipped: the chart: ${source.reason}\n`);

async function render(values: string, ...settings: readonly string[]): Promise<Resource[]> {
  const text = await run(helm, ['template', 'q2', chart, '--namespace', 'q2', '--values', join(chart, 'ci', values), ...settings]);
  return parseAllDocuments(text)
    .filter((document) => document.toJS() !== null)
    .map((document) => resource.parse(document.toJS()));
}

const podsOf = (resources: readonly Resource[]) =>
  resources.flatMap(({ kind, spec }) => (kind === 'Pod' ? [pod.parse(spec)] : spec?.template ? [pod.parse(spec.template.spec)] : []));
const named = (resources: readonly Resource[], kind: string) =>
  resources.filter((each) => each.kind === kind).map(({ metadata }) => metadata.name);

describeChart('helm/q2-platform', () => {
  it('lints and renders with each set of values', async () => {
    const sets = await readdir(join(chart, 'ci'));
    expect(sets.length).toBeGreaterThanOrEqual(5);
    for (const values of sets) {
      await run(helm, ['lint', '--strict', chart, '--values', join(chart, 'ci', values)]);
      expect([values, named(await render(values), 'Deployment')]).toEqual([values, services.map((service) => `q2-${service}`)]);
    }
  });

  it('lets every container of every set pass restricted pod security, with resources and without a writable root', async () => {
    for (const values of await readdir(join(chart, 'ci'))) {
      const pods = podsOf(await render(values));
      expect(pods.length).toBe(services.length + 2);
      for (const { securityContext, containers, initContainers } of pods) {
        expect(securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } });
        for (const each of [...initContainers, ...containers]) {
          expect(each.securityContext).toEqual({
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          });
          expect(Object.keys(each.resources.requests).sort()).toEqual(['cpu', 'memory']);
          expect(each.resources.limits['memory']).toBeDefined();
        }
      }
    }
  });

  it('gives a token to the service that runs Jobs and to nobody else', async () => {
    const withTokens = (resources: readonly Resource[]) =>
      podsOf(resources).flatMap(({ automountServiceAccountToken: has, containers }) => (has ? containers.map(({ name }) => name) : []));
    expect(withTokens(await render('production-values.yaml'))).toEqual(['workflow-orchestrator']);
    expect(withTokens(await render('trial-values.yaml'))).toEqual([]);
    expect(named(await render('trial-values.yaml'), 'Role')).toEqual([]);
  });

  it('tells each service where its peers are, and not where it is itself', async () => {
    const pods = podsOf(await render('minimal-values.yaml'));
    const [registry] = pods.flatMap(({ containers }) => containers.filter(({ name }) => name === 'model-registry'));
    const addresses = registry?.env.filter(({ name }) => name.endsWith('_ADDRESS')).map(({ name, value }) => `${name}=${value ?? ''}`);
    expect(addresses).toHaveLength(5);
    expect(addresses).toContain('TENANT_MANAGER_ADDRESS=dns:///q2-tenant-manager-pods:50051');
    expect(addresses?.join()).not.toContain('MODEL_REGISTRY_ADDRESS');
  });

  it('waits longer for a pod than it drains', async () => {
    const pods = podsOf(await render('minimal-values.yaml', '--set', 'shutdown.delayMs=20500,shutdown.timeoutMs=40000'));
    expect(pods.map(({ terminationGracePeriodSeconds: seconds }) => seconds ?? 0).filter((seconds) => seconds > 0)).toEqual(
      services.map(() => 71),
    );
  });

  it('makes no key where Secrets are named, and keys of the right form for a trial', async () => {
    expect(named(await render('production-values.yaml'), 'Secret')).toEqual([]);
    const secrets = (await render('trial-values.yaml')).filter(({ kind }) => kind === 'Secret');
    const texts = new Map(
      secrets.flatMap(({ data = {} }) => Object.entries(data)).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
    );
    expect([...texts.keys()].sort()).toEqual([...services.map((service) => `${service}.key`), 'operator.key'].sort());
    expect(texts.get('operator.key')).toMatch(/^q2_k[a-z2-7]{15}_[A-Za-z0-9_-]{43}$/);
    expect(new Set(texts.values()).size).toBe(texts.size);
  });

  it('denies all traffic that is not named, and leaves policies out where asked', async () => {
    const resources = await render('production-values.yaml');
    const policies = resources.filter(({ kind }) => kind === 'NetworkPolicy');
    expect(policies.find(({ metadata }) => metadata.name === 'q2-deny-all')?.spec).toEqual({
      podSelector: { matchLabels: { 'app.kubernetes.io/name': 'q2-platform', 'app.kubernetes.io/instance': 'q2' } },
      policyTypes: ['Ingress', 'Egress'],
    });
    expect(named(await render('open-network-values.yaml'), 'NetworkPolicy')).toEqual([]);
  });

  it('migrates before it installs, by a Job that is made anew each time', async () => {
    const jobs = (await render('minimal-values.yaml')).filter(({ kind }) => kind === 'Job');
    expect(jobs.map(({ metadata }) => metadata.annotations)).toEqual([
      {
        'helm.sh/hook': 'pre-install,pre-upgrade',
        'helm.sh/hook-weight': '0',
        'helm.sh/hook-delete-policy': 'before-hook-creation,hook-succeeded',
      },
    ]);
  });

  it.each([
    ['database.existingSecret', 'name the Secret', ['--set', 'database.existingSecret=']],
    ['a value that nobody reads', 'not allowed', ['--set', 'services.monitoring.replica=3']],
    ['another service', 'not allowed', ['--set', 'services.gateway.replicas=3']],
    ['a peer that says nothing', 'minProperties|at least 1|Must have at least', ['--set-json', 'networkPolicy.clients=[{}]']],
    ['a level that does not exist', 'logLevel', ['--set', 'logLevel=loud']],
  ])('refuses %s', async (_, problem, settings) => {
    const given = ['template', 'q2', chart, '--values', join(chart, 'ci/minimal-values.yaml'), ...settings];
    const { code, errors } = await attempt(helm, given);
    expect(code).not.toBe(0);
    expect(errors).toMatch(new RegExp(problem));
  });
});

describe('the schema of the chart’s values', () => {
  it('is closed: each object says what it may hold', async () => {
    const schema: unknown = JSON.parse(await readFile(join(chart, 'values.schema.json'), 'utf8'));
    const open: string[] = [];
    const visit = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null) return;
      if ('type' in value && value.type === 'object' && (!('additionalProperties' in value) || value.additionalProperties === true))
        open.push(path);
      for (const [key, inner] of Object.entries(value)) visit(inner, `${path}/${key}`);
    };
    visit(schema, '');
    expect(open).toEqual([]);
  });

  it('knows every value of values.yaml', async () => {
    const values = z.record(z.string(), z.unknown()).parse(parse(await readFile(join(chart, 'values.yaml'), 'utf8')));
    const schema = z
      .object({ properties: z.record(z.string(), z.unknown()) })
      .parse(JSON.parse(await readFile(join(chart, 'values.schema.json'), 'utf8')));
    expect(Object.keys(values).sort()).toEqual(Object.keys(schema.properties).sort());
  });
});

describe('the chart’s README', () => {
  it('is what values.yaml says; otherwise run: node .scripts/chart-page.mjs', () => {
    const check = () => execFileSync(process.execPath, ['.scripts/chart-page.mjs', '--check'], { cwd: workspace, encoding: 'utf8' });
    expect(check()).toBe('');
  });
});
