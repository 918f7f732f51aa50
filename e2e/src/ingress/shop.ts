import { readFile } from 'node:fs/promises';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { experiments, monitoring, schedules, tenants, workflows } from '@q2/contracts';
import { NotFound } from '@q2/errors';
import type { ServiceClients } from '@q2/service-kit';
import { patiently, until } from '../demo/patience.js';
import { signIn } from '../demo/sign-in.js';
import { keyFile, type RunningPlatform } from '../process/running-platform.js';

const acme = 'tenants/acme';
const experiment = `${acme}/experiments/checkout`;

/** A tenant with what the records of docs/producers.md are about, and what came of them. */
export class Shop {
  private constructor(private readonly clients: ServiceClients) {}

  static async open(platform: RunningPlatform, home: string): Promise<Shop> {
    const shop = new Shop(signIn(platform.grpcAddress, (await readFile(keyFile(home), 'utf8')).trim()));
    await shop.createTenant('acme');
    await shop.createTenant('globex');
    await shop.untilKnown();
    await shop.createWorkflowAndTrigger();
    await shop.createExperiment();
    await shop.createMonitor();
    return shop;
  }

  close(): void {
    this.clients.close();
  }

  /** The text of a new key that may only send. */
  async producerKey(tenant: string): Promise<{ name: string; text: string }> {
    const apiKey = { displayName: 'shop', roles: ['producer'] };
    const service = this.clients.get(tenants.AccessService);
    const created = await patiently(() => service.createApiKey({ parent: `tenants/${tenant}`, apiKey }));
    return { name: created.apiKey?.name ?? '', text: created.secret };
  }

  async revoke(name: string): Promise<void> {
    await patiently(() => this.clients.get(tenants.AccessService).revokeApiKey({ name }));
  }

  /** Waits for the execution that an event with this subject has started. */
  executionFor(subject: string): Promise<workflows.Execution> {
    const service = this.clients.get(workflows.ExecutionService);
    return until(`an execution for ${subject}`, async () => {
      const { executions } = await service.listExecutions({ parent: acme });
      for (const { name } of executions) {
        const found = await service.getExecution({ name });
        if (found.input?.['order'] === subject) return found;
      }
      return undefined;
    });
  }

  async executions(): Promise<number> {
    return (await this.clients.get(workflows.ExecutionService).listExecutions({ parent: acme })).executions.length;
  }

  /** Waits until units of the candidate have bought: an exposure counts before its outcome does. */
  purchases(): Promise<experiments.VariantResults> {
    return until('a unit with a purchase', async () => {
      const { metrics } = await this.clients.get(experiments.AnalysisService).getResults({ name: experiment });
      const candidate = metrics.find(({ metric }) => metric === 'purchase')?.variants.find(({ variant }) => variant === 'candidate');
      return candidate && candidate.mean > 0 ? candidate : undefined;
    });
  }

  /** Waits for an alert that fires. */
  firingAlert(): Promise<monitoring.Alert> {
    return until('an alert', async () => (await this.clients.get(monitoring.AlertService).listAlerts({ parent: acme })).alerts[0]);
  }

  /** Points of a metric within the last hour. */
  async points(tenant: string, metric: string): Promise<number> {
    const now = Math.ceil(Date.now() / 1_000);
    const { series } = await this.clients.get(monitoring.MetricService).queryRange({
      ...{ parent: `tenants/${tenant}`, metric, aggregation: monitoring.Aggregation.COUNT, window: durationFromMs(60_000) },
      ...{ startTime: { seconds: BigInt(now - 3_600) }, endTime: { seconds: BigInt(now + 60) } },
    });
    return series.flatMap(({ samples }) => samples).reduce((sum, { value }) => sum + value, 0);
  }

  async suspend(tenant: string): Promise<void> {
    await patiently(() => this.clients.get(tenants.TenantService).suspendTenant({ name: `tenants/${tenant}`, reason: 'unpaid' }));
  }

  private async createTenant(tenantId: string): Promise<void> {
    const service = this.clients.get(tenants.TenantService);
    const tenant = { displayName: tenantId, plan: 'plans/enterprise' };
    await patiently(() => service.createTenant({ parent: 'tenants/platform', tenantId, tenant }));
    await patiently(() => service.activateTenant({ name: `tenants/${tenantId}` }));
  }

  /** Waits until every service has heard of the tenant, as operators are let into none that a service does not know. */
  private async untilKnown(): Promise<void> {
    const parent = acme;
    const asking = [
      () => this.clients.get(workflows.WorkflowService).listWorkflows({ parent }),
      () => this.clients.get(schedules.TriggerService).listTriggers({ parent }),
      () => this.clients.get(experiments.ExperimentService).listExperiments({ parent }),
      () => this.clients.get(monitoring.MonitorService).listMonitors({ parent }),
    ];
    for (const ask of asking) {
      const isKnown = () =>
        ask().then(
          () => true,
          (error: unknown) => (error instanceof NotFound ? undefined : Promise.reject(error)),
        );
      await until('the news of a tenant', isKnown);
    }
  }

  private async createWorkflowAndTrigger(): Promise<void> {
    const work = { case: 'action' as const, value: { name: 'log', input: { message: 'packing ${input.order}' } } };
    const definition = { steps: [{ id: 'pack', work }] };
    await patiently(() =>
      this.clients.get(workflows.WorkflowService).createWorkflow({ parent: acme, workflowId: 'pack-order', definition }),
    );
    const input = { order: '${event.subject}', amount: '${event.data.amount}' };
    const trigger = {
      condition: { case: 'event' as const, value: { eventTypes: ['orders.placed'] } },
      action: { case: 'startWorkflow' as const, value: { workflow: `${acme}/workflows/pack-order`, input } },
    };
    await patiently(() => this.clients.get(schedules.TriggerService).createTrigger({ parent: acme, triggerId: 'on-order', trigger }));
  }

  private async createExperiment(): Promise<void> {
    const { MetricKind, MetricRole, Direction, DecisionAction } = experiments;
    const variant = (id: string, control: boolean) => ({
      ...{ id, control, weightBasisPoints: 5_000 },
      content: { case: 'payload' as const, value: { page: id } },
    });
    const definition = {
      displayName: 'Does the new checkout sell more?',
      variants: [variant('current', true), variant('candidate', false)],
      metrics: [{ id: 'purchase', kind: MetricKind.PROPORTION, role: MetricRole.GOAL, direction: Direction.INCREASE }],
      decisionRule: { alpha: 0.05, minSamplePerVariant: 1_000, action: DecisionAction.ANNOUNCE },
    };
    const service = this.clients.get(experiments.ExperimentService);
    await patiently(() => service.createExperiment({ parent: acme, experimentId: 'checkout', experiment: definition }));
    await patiently(() => service.startExperiment({ name: experiment }));
  }

  private async createMonitor(): Promise<void> {
    const monitor = {
      ...{ displayName: 'Checkouts that fail', target: experiment, metric: 'checkout_errors', aggregation: monitoring.Aggregation.AVERAGE },
      ...{ window: durationFromMs(600_000), comparison: monitoring.Comparison.GREATER, criticalThreshold: 0.4, minimumSamples: 2 },
      evaluationInterval: durationFromMs(1_000),
    };
    const service = this.clients.get(monitoring.MonitorService);
    await patiently(() => service.createMonitor({ parent: acme, monitorId: 'checkout', monitor }));
  }
}
