import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { allServices, tenants } from '@q2/contracts';
import { signIn } from '../demo/sign-in.js';
import { keyFile, mustStart } from '../process/running-platform.js';
import { namingProblems, readExposition, type Family } from './exposition.js';
import { readExpression } from './promql.js';
import { alertRules, anchorsOf, dashboard, filledIn, repositoryFile, type Panel, type Rule } from './watch-files.js';

const guide = 'docs/guides/operators.md';
/** Labels that Prometheus itself adds to what it scrapes. */
const targetLabels = ['instance', 'job'];
/** Counters of what has not happened yet: their labels are in no scrape of a platform where all is well. */
const silent = ['q2_ingress_records_total', 'q2_ingress_refused_items_total', 'q2_metrics_readings_failed_total'];

let text = '';
let families: ReadonlyMap<string, Family>;
let rules: Rule[];
let board: { panels: Panel[]; variables: Map<string, string> };

beforeAll(async () => {
  rules = await alertRules();
  board = await dashboard();
  const home = await mkdtemp(join(tmpdir(), 'q2-watch-'));
  const platform = await mustStart(home);
  try {
    await makeCalls(platform.grpcAddress, (await readFile(keyFile(home), 'utf8')).trim());
    // The first scrape makes the counters of scrapes themselves.
    for (let scrape = 0; scrape < 2; scrape += 1) text = await (await fetch(`http://${platform.httpAddress}/metrics`)).text();
  } finally {
    await platform.end('SIGTERM');
    await rm(home, { recursive: true, force: true });
  }
  families = readExposition(text);
}, 180_000);

/** Calls that succeed and one that does not, so that their figures are there. */
async function makeCalls(address: string, key: string): Promise<void> {
  const clients = signIn(address, key);
  await clients.get(tenants.PlanService).listPlans({});
  await clients
    .get(tenants.TenantService)
    .getTenant({ name: 'tenants/nobody' })
    .catch(() => undefined);
  clients.close();
}

const own = () => [...families.values()].filter(({ name }) => /^(q2|grpc)_/.test(name));
const familyOf = (metric: string) => families.get(metric) ?? families.get(metric.replace(/_(bucket|sum|count)$/, ''));
const labelsOf = (metric: string) => new Set(familyOf(metric)?.samples.flatMap(({ labels }) => Object.keys(labels)) ?? []);
const expressions = () => [
  ...rules.map(({ expr }) => expr),
  ...board.panels.flatMap(({ targets }) => targets.map(({ expr }) => filledIn(expr))),
];

describe('what a scrape gives', () => {
  it('has a help text and a type for each metric', () => {
    expect(families.size).toBeGreaterThan(40);
    for (const { type, help } of families.values()) {
      expect(['counter', 'gauge', 'histogram', 'summary']).toContain(type);
      expect(help).not.toBe('');
    }
  });

  it('names our metrics by the rules of Prometheus', () => {
    expect(own().flatMap(namingProblems)).toEqual([]);
  });

  it('covers calls, events, pools and readiness of each service', () => {
    const services = ['tenant-manager', 'model-registry', 'ab-testing', 'monitoring', 'workflow-orchestrator', 'scheduler'];
    const events = ['q2_outbox_backlog', 'q2_outbox_oldest_seconds', 'q2_outbox_partitions', 'q2_events_parked', 'q2_dead_letters'];
    const pools = ['q2_database_pool_size', 'q2_database_pool_in_use', 'q2_database_pool_waiting'];
    for (const name of [...events, ...pools]) {
      expect(familyOf(name)?.samples.map(({ labels }) => labels['service'])).toEqual(expect.arrayContaining(services));
    }
    expect(familyOf('q2_ready')?.samples).toMatchObject([{ value: 1 }]);
    expect([...labelsOf('q2_consumer_lag')]).toEqual(['group', 'topic']);
    expect(familyOf('q2_consumer_lag')?.samples.length).toBeGreaterThan(6);
  });

  it('is described in the operators guide, all of it and nothing else', async () => {
    const described = [...(await repositoryFile(guide)).matchAll(/^\| (.+?) +\|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`((?:q2|grpc)_[a-z_]+)`/g)].map(([, name]) => name),
    );
    expect(new Set(described)).toEqual(new Set(own().map(({ name }) => name)));
  });
});

describe('the alert rules and the dashboard', () => {
  it('read only metrics that the platform has, by labels that these have', () => {
    const recorded = new Set(rules.flatMap(({ record }) => record ?? []));
    for (const expression of expressions()) {
      const { selectors, groupedBy } = readExpression(expression);
      expect(selectors.length).toBeGreaterThan(0);
      const known = new Set(targetLabels);
      for (const { metric, labels } of selectors) {
        if (recorded.has(metric)) continue;
        expect([metric, familyOf(metric) !== undefined]).toEqual([metric, true]);
        labelsOf(metric).forEach((label) => known.add(label));
        if (!silent.includes(metric))
          expect({ metric, labels: labels.filter((label) => !labelsOf(metric).has(label)) }).toEqual({ metric, labels: [] });
      }
      if (selectors.some(({ metric }) => silent.includes(metric) || recorded.has(metric))) continue;
      expect({ expression, unknown: groupedBy.filter((label) => !known.has(label)) }).toEqual({ expression, unknown: [] });
    }
  });

  it('leave out the time of streams, which last as long as their callers like', () => {
    const exclusions = expressions().flatMap((expression) =>
      [...expression.matchAll(/grpc_method!~"([^"]+)"/g)].map(([, pattern = '']) => pattern),
    );
    const streams = allServices.flatMap(({ methods }) =>
      methods.filter(({ methodKind }) => methodKind !== 'unary').map(({ name }) => name),
    );
    expect(new Set(exclusions).size).toBe(1);
    const excluded = new RegExp(`^(${exclusions[0] ?? ''})$`);
    expect(streams.filter((name) => !excluded.test(name))).toEqual([]);
    const unary = allServices.flatMap(({ methods }) => methods.filter(({ methodKind }) => methodKind === 'unary').map(({ name }) => name));
    expect(unary.filter((name) => excluded.test(name))).toEqual([]);
  });

  it('lead from each alert to its runbook', async () => {
    const anchors = anchorsOf(await repositoryFile(guide));
    const alerts = rules.filter(({ alert }) => alert !== undefined);
    expect(alerts.length).toBeGreaterThan(10);
    for (const { alert = '', labels, annotations } of alerts) {
      expect(annotations?.runbook_url).toBe(`${guide}#${alert.toLowerCase()}`);
      expect([alert, anchors.has(alert.toLowerCase())]).toEqual([alert, true]);
      expect(labels?.severity).toBeDefined();
      expect(annotations?.summary).toMatch(/^[a-z{]/);
    }
  });

  it('fill the dashboard without overlaps, by variables that exist', () => {
    const cells = board.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)}/${y + Math.floor(at / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(new Set(board.panels.map(({ id }) => id)).size).toBe(board.panels.length);
    for (const { type, targets } of board.panels) expect(type === 'row' ? targets.length === 0 : targets.length > 0).toBe(true);
    expect([...board.variables.keys()]).toEqual(['datasource', 'service']);
    expect(board.variables.get('service')).toBe('label_values(q2_database_pool_size, service)');
  });
});

describe('promtool', () => {
  it('finds nothing wrong with the rules and what they do, where it is installed', async () => {
    const version = await promtool('--version');
    if (version.isMissing) {
      if (process.env['CI']) throw new Error('promtool is not installed, and under CI it must be');
      process.stderr.write('promtool is not installed: the unit tests of the alert rules did not run\n');
      return;
    }
    expect(await promtool('check', 'rules', '--lint=all', '--lint-fatal', 'k8s/prometheus/q2-alerts.yaml')).toMatchObject({ code: 0 });
    expect(await promtool('test', 'rules', 'k8s/prometheus/q2-alerts.test.yaml')).toMatchObject({ code: 0 });
    const ours = text.split(/^(?=# HELP )/m).filter((block) => /^# HELP (q2|grpc)_/.test(block));
    expect(await promtool('check', 'metrics', { input: ours.join('') })).toMatchObject({ code: 0, output: '' });
  });
});

const program = 'promtool';

type Ended = { readonly isMissing: boolean; readonly code: number | null; readonly output: string };

function promtool(...line: (string | { input: string })[]): Promise<Ended> {
  const words = line.filter((word) => typeof word === 'string');
  const input = line.find((word) => typeof word !== 'string')?.input ?? '';
  return new Promise((resolve) => {
    const PATH = [process.env['PATH'] ?? '', join(homedir(), '.cache', 'q2', 'bin')].join(delimiter);
    const options = { cwd: new URL('../../../', import.meta.url), env: { ...process.env, PATH } };
    const child = spawn(program, words, { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.once('error', () => resolve({ isMissing: true, code: null, output }));
    child.once('close', (code) => resolve({ isMissing: false, code, output }));
  });
}
