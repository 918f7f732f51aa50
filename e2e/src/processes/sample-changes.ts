import { create, type DescMethod, type Message } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { experiments, models, monitoring, schedules, tenants, workflows } from '@q2/contracts';
import type { ServiceName } from './platform-processes.js';

/** A change that each service is asked for again and again, every time of something new. Audited, and without request_id. */
export interface SampleChange {
  readonly service: ServiceName;
  readonly method: DescMethod;
  request(tenant: string, id: string): Message;
}

const variants = [
  { id: 'a', control: true, weightBasisPoints: 5_000 },
  { id: 'b', weightBasisPoints: 5_000 },
];
const { MetricKind, MetricRole, Direction } = experiments;
const metrics = [{ id: 'won', kind: MetricKind.PROPORTION, role: MetricRole.GOAL, direction: Direction.INCREASE }];
const definition = { steps: [{ id: 'wait', work: { case: 'wait' as const, value: { until: { case: 'signal' as const, value: 'go' } } } }] };

export const sampleChanges: readonly SampleChange[] = [
  {
    service: 'tenant-manager',
    method: tenants.AccessService.method.createRole,
    request: (parent, roleId) =>
      create(tenants.CreateRoleRequestSchema, { parent, roleId, role: { displayName: roleId, permissions: ['models.versions.promote'] } }),
  },
  {
    service: 'model-registry',
    method: models.ModelService.method.createModel,
    request: (parent, modelId) => create(models.CreateModelRequestSchema, { parent, modelId, model: { runtime: models.Runtime.ONNX } }),
  },
  {
    service: 'ab-testing',
    method: experiments.ExperimentService.method.createExperiment,
    request: (parent, experimentId) =>
      create(experiments.CreateExperimentRequestSchema, { parent, experimentId, experiment: { variants, metrics } }),
  },
  {
    service: 'monitoring',
    method: monitoring.MonitorService.method.createMonitor,
    request: (parent, monitorId) => create(monitoring.CreateMonitorRequestSchema, { parent, monitorId, monitor: monitorOf(parent) }),
  },
  {
    service: 'workflow-orchestrator',
    method: workflows.WorkflowService.method.createWorkflow,
    request: (parent, workflowId) => create(workflows.CreateWorkflowRequestSchema, { parent, workflowId, definition }),
  },
  {
    service: 'scheduler',
    method: schedules.TriggerService.method.createTrigger,
    request: (parent, triggerId) => create(schedules.CreateTriggerRequestSchema, { parent, triggerId, trigger: yearly }),
  },
];

const yearly = {
  condition: { case: 'cron' as const, value: { expression: '0 3 1 1 *', timeZone: 'Europe/Berlin' } },
  action: { case: 'emitEvent' as const, value: { eventType: 'test.new-year' } },
};

function monitorOf(tenant: string) {
  return {
    target: `${tenant}/models/none`,
    metric: 'errors',
    aggregation: monitoring.Aggregation.AVERAGE,
    window: durationFromMs(60_000),
    comparison: monitoring.Comparison.GREATER,
    criticalThreshold: 0.5,
    evaluationInterval: durationFromMs(3_600_000),
  };
}
