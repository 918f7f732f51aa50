import { timestampDate } from '@bufbuild/protobuf/wkt';
import { tenants, workflows } from '@q2/contracts';
import { clientOf, type DemoContext } from './demo-context.js';
import { modelTimeline } from './fault-step.js';
import { patiently, until } from './patience.js';

/** Shows who did what, proved unchanged; what was used; and the two timelines. */
export async function closing(context: DemoContext): Promise<void> {
  await auditTrail(context);
  await usage(context);
  context.narrator.step('Timeline of production');
  await modelTimeline(context);
  await executionTimeline(context);
}

async function auditTrail(context: DemoContext): Promise<void> {
  const { narrator, tenant } = context;
  narrator.step('Audit trail');
  const service = clientOf(context, tenants.AuditService);
  const entries = await until('the rollback in the audit log', async () => {
    const { entries } = await service.listEntries({ parent: tenant, pageSize: 200 });
    return entries.some(({ method }) => method.includes('RollbackProduction')) ? entries : undefined;
  });
  narrator.table(
    entries.map((entry) => [
      `#${entry.sequence}`,
      time(entry.callTime),
      entry.method,
      entry.principal.split('/').slice(-2).join('/'),
      entry.resource,
    ]),
  );
  const verified = await patiently(() => service.verifyLog({ parent: tenant }));
  narrator.say(
    `${verified.entryCount} entries, chain ${verified.intact ? 'intact' : `broken: ${verified.problem}`}, head ${verified.headHash.slice(0, 16)}…`,
  );
  if (!verified.intact) throw new Error('the audit log does not verify');
}

async function usage(context: DemoContext): Promise<void> {
  const { narrator, tenant } = context;
  narrator.step('Usage against quota');
  const { usage: resources } = await patiently(() => clientOf(context, tenants.QuotaService).listUsage({ parent: tenant }));
  const held = resources.filter(({ used }) => used > 0n);
  narrator.table(held.map(({ resource, used, limit }) => [resource, String(used), 'of', limit === undefined ? 'no limit' : String(limit)]));
  const predictions = await until('the metered predictions', async () => {
    const { hours } = await clientOf(context, tenants.UsageService).getUsage({ parent: tenant, resource: 'predictions' });
    return hours.length > 0 ? hours.reduce((sum, { quantity }) => sum + quantity, 0n) : undefined;
  });
  narrator.say(`metered: ${predictions} predictions`);
}

async function executionTimeline(context: DemoContext): Promise<void> {
  context.narrator.step('Timeline of executions');
  const { executions } = await patiently(() => clientOf(context, workflows.ExecutionService).listExecutions({ parent: context.tenant }));
  const rows = [...executions].reverse().map(({ createTime, endTime, workflow, state, starter }) => {
    const tookMs = createTime && endTime ? timestampDate(endTime).getTime() - timestampDate(createTime).getTime() : 0;
    return [time(createTime), workflow.split('/').slice(3).join('/'), workflows.ExecutionState[state], `${tookMs} ms`, starter];
  });
  context.narrator.table(rows);
}

function time(stamp: Parameters<typeof timestampDate>[0] | undefined): string {
  return stamp ? timestampDate(stamp).toISOString().slice(11, 23) : '';
}
