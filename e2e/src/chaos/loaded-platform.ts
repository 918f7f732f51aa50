import { readFile } from 'node:fs/promises';
import { tenants } from '@q2/contracts';
import type { ServiceClients } from '@q2/service-kit';
import { patiently } from '../demo/patience.js';
import { signIn, whereabouts } from '../demo/sign-in.js';
import type { PlatformProcesses } from '../processes/platform-processes.js';
import { AlertsJourney } from './alerts.journey.js';
import { EventsJourney } from './events.journey.js';
import { ExperimentsJourney } from './experiments.journey.js';
import type { Journey, LoadedTenant } from './journey.js';
import type { Ledger } from './ledger.js';
import { ModelsJourney } from './models.journey.js';
import { Requests } from './requests.js';
import { SchedulesJourney } from './schedules.journey.js';
import { TenantsJourney } from './tenants.journey.js';

/** Who makes requests of the platform, as whom. */
export interface Customers {
  readonly operator: ServiceClients;
  readonly journeys: readonly Journey[];
  readonly meters: readonly { readonly tenant: LoadedTenant; readonly models: ModelsJourney }[];
  readonly children: TenantsJourney;
  close(): void;
}

export interface CustomersOptions {
  readonly platform: PlatformProcesses;
  readonly seed: number;
  readonly ledger: Ledger;
  readonly tenants: number;
}

/** Creates the tenants, each with a key of its own, and sets up what each will do. */
export async function openCustomers({ platform, seed, ledger, ...options }: CustomersOptions): Promise<Customers> {
  const where = whereabouts(platform.environment);
  const operator = signIn(where, (await readFile(platform.operatorKeyFile, 'utf8')).trim());
  const requestsOf = (tenant: string, sequence: string) => new Requests({ seed, tenant, sequence, ledger });
  const names = Array.from({ length: options.tenants }, (_, index) => `tenants/loaded-${String(index + 1)}`);
  const loaded: LoadedTenant[] = [];
  for (const name of names) {
    const clients = signIn(where, await createTenant(operator, name));
    loaded.push({ name, clients, requests: (sequence) => requestsOf(name, sequence) });
  }
  const children = new TenantsJourney(operator, names[0] ?? 'tenants/platform', (tenant) => requestsOf(tenant, 'tenants'));
  const meters = loaded.map((tenant) => ({ tenant, models: new ModelsJourney(tenant) }));
  const others = loaded.flatMap((tenant) => [
    new ExperimentsJourney(tenant),
    new AlertsJourney(tenant),
    new EventsJourney(tenant),
    new SchedulesJourney(tenant),
  ]);
  const close = () => {
    for (const { clients } of loaded) clients.close();
    operator.close();
  };
  return { operator, meters, children, journeys: [...meters.map(({ models }) => models), ...others, children], close };
}

/** Gives the text of the key that the tenant's journeys sign in with. */
async function createTenant(operator: ServiceClients, name: string): Promise<string> {
  const tenantId = name.split('/')[1] ?? '';
  const service = operator.get(tenants.TenantService);
  await patiently(() =>
    service.createTenant({ parent: 'tenants/platform', tenantId, tenant: { displayName: tenantId, plan: 'plans/enterprise' } }),
  );
  await patiently(() => service.activateTenant({ name }));
  const credential = await patiently(() =>
    operator.get(tenants.AccessService).createApiKey({ parent: name, apiKey: { displayName: 'load', roles: ['admin'] } }),
  );
  return credential.secret;
}
