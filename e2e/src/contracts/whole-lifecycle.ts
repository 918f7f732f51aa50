import { randomUUID } from 'node:crypto';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { experiments, models, monitoring, schedules, tenants, workflows } from '@q2/contracts';
import type { TestPlatform } from '@q2/testing';
import { modelFile } from '../demo/digits.js';
import { until } from '../demo/patience.js';
import type { Replay } from './replay.js';
import { acme, operator } from './whole-platform.js';

const tenant = `tenants/${acme}`;

/** Uses every mutation of every service at least once, the way a tenant's life would. */
export async function liveThrough(replay: Replay, platform: TestPlatform): Promise<void> {
  await manageTenants(replay);
  await manageAccess(replay);
  await manageModels(replay, platform);
  await runExperiments(replay);
  await watchMetrics(replay, platform);
  await runWorkflows(replay, platform);
  await trigger(replay);
}

async function manageTenants(replay: Replay): Promise<void> {
  const { TenantService, PlanService, QuotaService } = tenants;
  const child = 'tenants/acme-labs';
  await replay.mutate(TenantService.method.createTenant, {
    parent: tenant,
    tenantId: 'acme-labs',
    tenant: { displayName: 'Labs', plan: 'plans/free' },
  });
  await replay.mutate(TenantService.method.activateTenant, { name: child });
  await replay.mutate(TenantService.method.updateTenant, {
    tenant: { name: child, displayName: 'Laboratory' },
    updateMask: { paths: ['display_name'] },
  });
  await replay.mutate(TenantService.method.suspendTenant, { name: child, reason: 'a pause' });
  await replay.mutate(PlanService.method.createPlan, { planId: 'gold', plan: { displayName: 'Gold', limits: { models: 5n } } });
  await replay.mutate(PlanService.method.updatePlan, {
    plan: { name: 'plans/gold', displayName: 'Pure gold' },
    updateMask: { paths: ['display_name'] },
  });
  await replay.mutate(PlanService.method.changeTenantPlan, { name: child, plan: 'plans/starter' });
  await replay.mutate(QuotaService.method.acquire, { parent: tenant, resource: 'gpus', amount: 1n, holder: `${tenant}/jobs/test` });
  await replay.mutate(QuotaService.method.release, { parent: tenant, resource: 'gpus', holder: `${tenant}/jobs/test` });
}

async function manageAccess(replay: Replay): Promise<void> {
  const { method } = tenants.AccessService;
  const created = await replay.mutate(method.createApiKey, { parent: tenant, apiKey: { displayName: 'key', roles: ['editor'] } });
  const name = created.apiKey?.name ?? '';
  const rotated = await replay.mutate(method.rotateApiKey, { name });
  if (rotated.secret === created.secret) throw new Error('rotation kept the secret');
  await replay.mutate(method.revokeApiKey, { name });
  await replay.mutate(method.createRole, {
    parent: tenant,
    roleId: 'promoter',
    role: { displayName: 'Promoter', permissions: ['models.versions.promote'] },
  });
}

async function manageModels(replay: Replay, platform: TestPlatform): Promise<void> {
  const { method } = models.ModelService;
  const model = `${tenant}/models/digits`;
  await replay.mutate(method.createModel, { parent: tenant, modelId: 'digits', model: { runtime: models.Runtime.ONNX } });
  await replay.mutate(method.updateModel, { name: model, model: { description: 'digits' }, updateMask: { paths: ['description'] } });
  for (const versionId of ['1.0.0', '1.1.0']) {
    const version = `${model}/versions/${versionId}`;
    await replay.mutate(method.createVersion, { parent: model, versionId, version: { metadata: { accuracy: 0.9 } } });
    await upload(platform, version, versionId);
    for (const stage of [models.Stage.STAGING, models.Stage.PRODUCTION])
      await replay.mutate(method.promoteVersion, { name: version, stage, reason: 'test' });
  }
  await replay.mutate(method.updateVersion, {
    name: `${model}/versions/1.1.0`,
    version: { labels: { team: 'vision' } },
    updateMask: { paths: ['labels'] },
  });
  await replay.mutate(method.setAlias, { name: `${model}/aliases/champion`, version: '1.1.0' });
  await replay.mutate(method.rollbackProduction, { name: model, reason: 'test' });
  await replay.mutate(models.ServingService.method.pinModel, { name: `${model}/versions/1.0.0`, pinned: true });
  await replay.mutate(method.createModel, { parent: tenant, modelId: 'unused', model: { runtime: models.Runtime.ONNX } });
  await replay.mutate(method.deleteModel, { name: `${tenant}/models/unused` });
}

async function upload(platform: TestPlatform, version: string, versionId: string): Promise<void> {
  const file = await modelFile(versionId);
  async function* parts() {
    yield { part: { case: 'header' as const, value: { name: `${version}/artifacts/model.onnx`, sizeBytes: BigInt(file.byteLength) } } };
    yield { part: { case: 'chunk' as const, value: file } };
  }
  await platform.client(models.ArtifactService, operator).uploadArtifactStream(parts());
}

async function runExperiments(replay: Replay): Promise<void> {
  const { method } = experiments.ExperimentService;
  const { MetricKind, MetricRole, Direction } = experiments;
  const experiment = {
    variants: [
      { id: 'a', control: true, weightBasisPoints: 5_000 },
      { id: 'b', weightBasisPoints: 5_000 },
    ],
    metrics: [{ id: 'won', kind: MetricKind.PROPORTION, role: MetricRole.GOAL, direction: Direction.INCREASE }],
  };
  for (const experimentId of ['first', 'second']) {
    const name = `${tenant}/experiments/${experimentId}`;
    await replay.mutate(method.createExperiment, { parent: tenant, experimentId, experiment });
    await replay.mutate(method.updateExperiment, { experiment: { name, hypothesis: 'b wins' }, updateMask: { paths: ['hypothesis'] } });
    await replay.mutate(method.startExperiment, { name });
    await replay.mutate(method.pauseExperiment, { name, reason: 'lunch' });
    await replay.mutate(method.resumeExperiment, { name });
  }
  await replay.mutate(method.completeExperiment, { name: `${tenant}/experiments/first`, winnerVariant: 'b', reason: 'test' });
  await replay.mutate(method.rollBackExperiment, { name: `${tenant}/experiments/second`, reason: 'test' });
}

async function watchMetrics(replay: Replay, platform: TestPlatform): Promise<void> {
  const { method } = monitoring.MonitorService;
  const name = `${tenant}/monitors/errors`;
  const monitor = {
    target: `${tenant}/models/digits`,
    metric: 'errors',
    groupBy: ['version'],
    aggregation: monitoring.Aggregation.AVERAGE,
    window: durationFromMs(60_000),
    comparison: monitoring.Comparison.GREATER,
    criticalThreshold: 0.5,
    evaluationInterval: durationFromMs(1_000),
  };
  await replay.mutate(method.createMonitor, { parent: tenant, monitorId: 'errors', monitor });
  await replay.mutate(method.updateMonitor, { name, monitor: { displayName: 'Errors' }, updateMask: { paths: ['display_name'] } });
  const versions = ['1.0.0', '1.1.0'];
  async function* points() {
    const time = timestampFromDate(new Date());
    yield {
      parent: tenant,
      batchId: randomUUID(),
      points: versions.map((version) => ({ metric: 'errors', labels: { version }, value: 1, time })),
    };
  }
  await platform.client(monitoring.MetricService, operator).recordStream(points());
  const alerts = await until('two alerts', async () => {
    const listed = await platform
      .client(monitoring.AlertService, operator)
      .listAlerts({ parent: tenant, state: monitoring.AlertState.FIRING });
    return listed.alerts.length === versions.length ? listed.alerts : undefined;
  });
  for (const alert of alerts) {
    await replay.mutate(monitoring.AlertService.method.acknowledgeAlert, { name: alert.name, comment: 'seen' });
    await replay.mutate(monitoring.AlertService.method.resolveAlert, { name: alert.name, comment: 'done' });
  }
  await replay.mutate(method.deleteMonitor, { name });
}

async function runWorkflows(replay: Replay, platform: TestPlatform): Promise<void> {
  const { method } = workflows.ExecutionService;
  const waits = { steps: [{ id: 'wait', work: { case: 'wait' as const, value: { until: { case: 'signal' as const, value: 'go' } } } }] };
  const fails = {
    steps: [{ id: 'stop', work: { case: 'action' as const, value: { name: 'fail', input: { reason: 'TEST', message: 'on purpose' } } } }],
  };
  await replay.mutate(workflows.WorkflowService.method.createWorkflow, { parent: tenant, workflowId: 'waits', definition: waits });
  await replay.mutate(workflows.WorkflowService.method.createWorkflow, { parent: tenant, workflowId: 'fails', definition: fails });
  for (const executionId of ['signalled', 'cancelled']) {
    const name = `${tenant}/executions/${executionId}`;
    await replay.mutate(method.startExecution, { parent: tenant, executionId, workflow: `${tenant}/workflows/waits` });
    await replay.mutate(method.pauseExecution, { name });
    await replay.mutate(method.resumeExecution, { name });
    if (executionId === 'signalled') await replay.mutate(method.signalExecution, { name, signal: 'go' });
    else await replay.mutate(method.cancelExecution, { name, reason: 'test' });
  }
  const failing = `${tenant}/executions/failing`;
  await replay.mutate(method.startExecution, { parent: tenant, executionId: 'failing', workflow: `${tenant}/workflows/fails` });
  await until('the failure', async () => {
    const { state } = await platform.client(workflows.ExecutionService, operator).getExecution({ name: failing });
    return state === workflows.ExecutionState.FAILED ? state : undefined;
  });
  await replay.mutate(method.retryFromFailure, { name: failing });
}

async function trigger(replay: Replay): Promise<void> {
  const { method } = schedules.TriggerService;
  const name = `${tenant}/triggers/nightly`;
  await replay.mutate(method.createTrigger, {
    parent: tenant,
    triggerId: 'nightly',
    trigger: {
      condition: { case: 'cron', value: { expression: '0 3 * * *', timeZone: 'Europe/Berlin' } },
      action: { case: 'emitEvent', value: { eventType: 'test.nightly' } },
    },
  });
  await replay.mutate(method.updateTrigger, { name, trigger: { displayName: 'Nightly' }, updateMask: { paths: ['display_name'] } });
  await replay.mutate(method.pauseTrigger, { name });
  await replay.mutate(method.resumeTrigger, { name });
  await replay.mutate(method.runNow, { name });
  await replay.mutate(method.deleteTrigger, { name });
  await replay.mutate(schedules.EventService.method.emitEvent, { parent: tenant, event: { type: 'test.happened', data: { answer: 42 } } });
}
