// Load on an installation: reads of every service, and writes that are remembered. Says `started`; for each line on its
// standard input it prints what came of the calls since the line before, and at the end whether every write is there.
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { experiments, models, monitoring, schedules, tenants, workflows } from '@q2/contracts';
import type { ServiceClients } from '@q2/service-kit';
import { operatorKey, signIn, whereabouts } from '../demo/sign-in.js';
import { CallCounts } from './call-counts.js';

const pauseMs = 100;
const counts = new CallCounts();
const written = new Set<string>();
let isRunning = true;

/** A tenant without limits, and its own clients. */
async function newTenant(): Promise<{ parent: string; clients: ServiceClients }> {
  const where = whereabouts();
  const operator = signIn(where, await operatorKey(''));
  const tenantId = `load-${randomUUID().slice(0, 8)}`;
  const name = `tenants/${tenantId}`;
  const tenant = { displayName: 'Load', plan: 'plans/enterprise' };
  await operator.get(tenants.TenantService).createTenant({ parent: 'tenants/platform', tenantId, tenant, requestId: randomUUID() });
  await operator.get(tenants.TenantService).activateTenant({ name, requestId: randomUUID() });
  const apiKey = { displayName: 'load', roles: ['admin'] };
  const { secret } = await operator.get(tenants.AccessService).createApiKey({ parent: name, apiKey, requestId: randomUUID() });
  operator.close();
  return { parent: name, clients: signIn(where, secret) };
}

/** Calls one method again and again. A failed call is counted, and not made again. */
async function loop(name: string, call: () => Promise<unknown>): Promise<void> {
  while (isRunning) {
    try {
      await call();
      counts.succeeded();
    } catch (error) {
      counts.failed(name, error instanceof Error ? error.message : String(error));
    }
    await sleep(pauseMs);
  }
}

async function listWritten(clients: ServiceClients, parent: string): Promise<Set<string>> {
  const found = new Set<string>();
  let pageToken = '';
  do {
    const page = await clients.get(models.ModelService).listModels({ parent, pageSize: 1000, pageToken });
    for (const { name } of page.models) found.add(name);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return found;
}

const { parent, clients } = await newTenant();
const page = { parent, pageSize: 10 };
// A machine that is busy with the upgrade itself may take its time; what counts is whether an answer comes.
const patient = { timeoutMs: 60_000 };
const createModel = async () => {
  const modelId = `m${randomUUID()}`;
  const model = { description: 'load', task: 'none', runtime: models.Runtime.ONNX };
  await clients.get(models.ModelService).createModel({ parent, modelId, model, requestId: randomUUID() }, patient);
  written.add(`${parent}/models/${modelId}`);
};
const loops = [
  loop('tenant-manager', () => clients.get(tenants.TenantService).getTenant({ name: parent }, patient)),
  loop('model-registry', () => clients.get(models.ModelService).listModels(page, patient)),
  loop('model-registry writes', createModel),
  loop('ab-testing', () => clients.get(experiments.ExperimentService).listExperiments(page, patient)),
  loop('monitoring', () => clients.get(monitoring.MonitorService).listMonitors(page, patient)),
  loop('workflow-orchestrator', () => clients.get(workflows.WorkflowService).listWorkflows(page, patient)),
  loop('scheduler', () => clients.get(schedules.TriggerService).listTriggers(page, patient)),
];
console.log('started');
for await (const phase of createInterface({ input: process.stdin })) console.log(JSON.stringify({ phase, ...counts.take() }));
isRunning = false;
await Promise.all(loops);
const found = await listWritten(clients, parent);
console.log(JSON.stringify({ written: written.size, lost: [...written].filter((name) => !found.has(name)) }));
clients.close();
