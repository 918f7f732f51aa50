import { readFile } from 'node:fs/promises';
import { tenants } from '@q2/contracts';
import { ServiceClients } from '@q2/service-kit';
import { until } from '../demo/patience.js';
import { signIn, whereabouts } from '../demo/sign-in.js';
import type { PlatformProcesses } from './platform-processes.js';

/** A tenant with an access token of an admin, good for a quarter of an hour whatever becomes of tenant-manager. */
export interface Customer {
  /** `tenants/…`. */
  readonly tenant: string;
  readonly token: string;
  /** Clients that send the token. */
  readonly clients: ServiceClients;
}

/** Creates a tenant on a plan, as the operator does. */
export async function openCustomer(platform: PlatformProcesses, tenantId: string, plan: string): Promise<Customer> {
  const where = whereabouts(platform.environment);
  const operator = signIn(where, (await readFile(platform.operatorKeyFile, 'utf8')).trim());
  const tenant = `tenants/${tenantId}`;
  const service = operator.get(tenants.TenantService);
  await service.createTenant({ parent: 'tenants/platform', tenantId, tenant: { displayName: tenantId, plan: `plans/${plan}` } });
  await service.activateTenant({ name: tenant });
  const { AccessService } = tenants;
  const key = await operator.get(AccessService).createApiKey({ parent: tenant, apiKey: { displayName: 'test', roles: ['admin'] } });
  const credential = { case: 'apiKey' as const, value: key.secret };
  const { accessToken: token } = await operator.get(AccessService).issueToken({ credential });
  operator.close();
  return { tenant, token, clients: new ServiceClients(where, { token: () => Promise.resolve(token) }) };
}

/** Entries of a tenant's audit log, by method. */
async function auditedCalls({ clients, tenant }: Customer): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let pageToken = ''; ;) {
    const page = await clients.get(tenants.AuditService).listEntries({ parent: tenant, pageSize: 1_000, pageToken });
    for (const { method } of page.entries) counts.set(method, (counts.get(method) ?? 0) + 1);
    if (page.nextPageToken === '') return counts;
    pageToken = page.nextPageToken;
  }
}

/** What a tenant holds of a resource by tenant-manager's books. */
export async function usedOf({ clients, tenant }: Customer, resource: string): Promise<number> {
  const { usage } = await clients.get(tenants.QuotaService).listUsage({ parent: tenant });
  return Number(usage.find((each) => each.resource === resource)?.used ?? 0n);
}

/** Waits until the audit log holds exactly what was acknowledged; gives what it holds in the end. */
export async function auditedInTheEnd(customer: Customer, acknowledged: ReadonlyMap<string, number>): Promise<Map<string, number>> {
  const wanted = [...acknowledged];
  const found = await until('every event in the audit log', async () => {
    const counts = await auditedCalls(customer);
    return wanted.every(([method, count]) => (counts.get(method) ?? 0) >= count) ? counts : undefined;
  });
  return new Map(wanted.map(([method]) => [method, found.get(method) ?? 0]));
}
