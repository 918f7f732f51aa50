import { tenants } from '@q2/contracts';
import type { ServiceClients } from '@q2/service-kit';
import type { Narrator } from './narrator.js';
import { patiently } from './patience.js';
import type { Run } from './run-state.js';

/** Creates the tenant of this run with a plan and a key of its own. Gives the key's text. */
export async function createTenant(operator: ServiceClients, run: Run, narrator: Narrator): Promise<{ tenant: string; apiKey: string }> {
  const tenantId = `demo-${run.id}`;
  const name = `tenants/${tenantId}`;
  narrator.step('Create a tenant with a plan');
  const service = operator.get(tenants.TenantService);
  const tenant = await patiently(() =>
    service.createTenant({
      parent: 'tenants/platform',
      tenantId,
      tenant: { displayName: 'Digits Incorporated', plan: 'plans/starter' },
      requestId: run.requestId('create tenant'),
    }),
  );
  const active = await patiently(() => service.activateTenant({ name, requestId: run.requestId('activate tenant') }));
  narrator.say(`${tenant.name} on ${tenant.plan}: ${tenants.TenantState[tenant.state]} → ${tenants.TenantState[active.state]}`);

  const credential = await patiently(() =>
    operator.get(tenants.AccessService).createApiKey({
      parent: name,
      apiKey: { displayName: 'demo', roles: ['admin'] },
      requestId: run.requestId('create key'),
    }),
  );
  narrator.say(`key ${credential.apiKey?.name ?? ''} with the role admin; everything below is done with it`);
  return { tenant: name, apiKey: credential.secret };
}
