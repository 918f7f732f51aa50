// Load on an installation: reads of every service, and writes that are remembered. Says `started`; for each line on its
// standard input it prints what came of the calls since the line before, and at the end whether every write is there.
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, isMessage, type DescMethod, type MessageInitShape } from '@bufbuild/protobuf';
import { experiments, models, monitoring, schedules, tenants, workflows } from '@q2/contracts';
import type { ServiceClients } from '@q2/service-kit';
import { RawCaller } from '../contracts/raw-call.js';
import { operatorKey, signIn, whereabouts } from '../demo/sign-in.js';
import { CallCounts } from './call-counts.js';

const pauseMs = 100;
const where = whereabouts();
const counts = new CallCounts();
const written = new Set<string>();
let isRunning = true;

/** A tenant without limits, its clients, and a token of its own. */
async function newTenant(): Promise<{ parent: string; clients: ServiceClients; token: string }> {
  const operator = signIn(where, await operatorKey(''));
  const tenantId = `load-${randomUUID().slice(0, 8)}`;
  const name = `tenants/${tenantId}`;
  const tenant = { displayName: 'Load', plan: 'plans/enterprise' };
  await operator.get(tenants.TenantService).createTenant({ parent: 'tenants/platform', tenantId, tenant, requestId: randomUUID() });
  await operator.get(tenants.TenantService).activateTenant({ name, requestId: randomUUID() });
  const apiKey = { displayName: 'load', roles: ['admin'] };
  const { secret } = await operator.get(tenants.AccessService).createApiKey({ parent: name, apiKey, requestId: randomUUID() });
  const issued = await operator.get(tenants.AccessService).issueToken({ credential: { case: 'apiKey', value: secret } });
  operator.close();
  return { parent: name, clients: signIn(where, secret), token: issued.accessToken };
}

/** Calls one method again and again, with bare grpc-js as it comes. A failed call is counted, and not made again. */
async function loop<M extends DescMethod>(
  method: M,
  request: () => MessageInitShape<M['input']>,
  onAnswer: (answer: object) => void = () => undefined,
) {
  const caller = new RawCaller(where(method.parent));
  while (isRunning) {
    const { code, details, response } = await caller.call(method, create(method.input, request()), token);
    if (response) {
      counts.succeeded();
      onAnswer(response);
    } else counts.failed(method.name, `${code} ${details}`);
    await sleep(pauseMs);
  }
  caller.close();
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

const { parent, clients, token } = await newTenant();
const page = () => ({ parent, pageSize: 10 });
const newModel = () => {
  const modelId = `m${randomUUID()}`;
  return { parent, modelId, model: { description: 'load', task: 'none', runtime: models.Runtime.ONNX }, requestId: randomUUID() };
};
const remember = (answer: object) => isMessage(answer, models.ModelSchema) && written.add(answer.name);
const loops = [
  loop(tenants.TenantService.method.getTenant, () => ({ name: parent })),
  loop(models.ModelService.method.listModels, page),
  loop(models.ModelService.method.createModel, newModel, remember),
  loop(experiments.ExperimentService.method.listExperiments, page),
  loop(monitoring.MonitorService.method.listMonitors, page),
  loop(workflows.WorkflowService.method.listWorkflows, page),
  loop(schedules.TriggerService.method.listTriggers, page),
];
console.log('started');
for await (const phase of createInterface({ input: process.stdin })) console.log(JSON.stringify({ phase, ...counts.take() }));
isRunning = false;
await Promise.all(loops);
const found = await listWritten(clients, parent);
console.log(JSON.stringify({ written: written.size, lost: [...written].filter((name) => !found.has(name)) }));
clients.close();
