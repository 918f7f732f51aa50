import { tenants } from '@q2/contracts';
import type { ServiceClients } from '@q2/service-kit';
import { z } from 'zod';
import { allPages, settled } from './journey.js';
import type { Acknowledged, Ledger } from './ledger.js';
import { exactlyOnce, inOrder, type Verdict } from './verdict.js';

const contentSchema = z.object({ requestId: z.string().optional() });

/** Finds every acknowledged audited call in its tenant's log: once, and in the order in which it was acknowledged. */
export async function auditVerdicts(operator: ServiceClients, ledger: Ledger): Promise<Verdict[]> {
  const audited = Map.groupBy(
    ledger.acknowledged.filter(({ isAudited }) => isAudited),
    ({ tenant }) => tenant,
  );
  const verdicts: Verdict[] = [];
  for (const [tenant, requests] of audited) verdicts.push(...(await tenantVerdicts(operator, tenant, requests)));
  return verdicts;
}

async function tenantVerdicts(operator: ServiceClients, tenant: string, requests: readonly Acknowledged[]): Promise<Verdict[]> {
  const expected = requests.map(({ requestId }) => requestId);
  const ours = new Set(expected);
  const logged = await settled(
    () => loggedRequests(operator, tenant),
    (ids) => ids.filter((id) => ours.has(id)).length >= expected.length,
  );
  const { intact, entryCount, problem } = await operator.get(tenants.AuditService).verifyLog({ parent: tenant });
  const twice = logged.filter((id, index) => !ours.has(id) && logged.indexOf(id) !== index);
  const names = new Map(requests.map(({ requestId, method }) => [requestId, `${tenant}: ${method} ${requestId}`]));
  const named = (ids: readonly string[]) => ids.map((id) => names.get(id) ?? id);
  return [
    exactlyOnce('each audited call is logged once', named(expected), named([...logged.filter((id) => ours.has(id)), ...twice])),
    ...sequencesOf(requests).map((sequence) => inOrder('audited calls of a caller in order', named(sequence), named(logged))),
    { claim: 'the audit log verifies', checked: Number(entryCount), violations: intact ? [] : [`${tenant}: ${problem}`] },
  ];
}

/** Ids of the requests in a log, in its order. */
async function loggedRequests(operator: ServiceClients, parent: string): Promise<string[]> {
  const entries = await allPages(async (pageToken) => {
    const page = await operator.get(tenants.AuditService).listEntries({ parent, pageSize: 1_000, pageToken });
    return { items: page.entries, nextPageToken: page.nextPageToken };
  });
  return entries
    .sort((a, b) => Number(a.sequence - b.sequence))
    .map(({ contentJson }) => contentSchema.parse(JSON.parse(contentJson)).requestId ?? '')
    .filter((id) => id !== '');
}

/** Requests of one caller to one service: their events share an outbox and a key, and so must keep their order. */
function sequencesOf(requests: readonly Acknowledged[]): string[][] {
  const bySequence = Map.groupBy(requests, ({ sequence, method }) => `${sequence} ${method.split('.')[1] ?? ''}`);
  return [...bySequence.values()].map((same) => same.map(({ requestId }) => requestId));
}
