import { tenants } from '@q2/contracts';
import type { ServiceClients } from '@q2/service-kit';
import { allPages, type Journey } from './journey.js';
import type { Requests } from './requests.js';
import { exactlyOnce, sameContent, type Verdict } from './verdict.js';

const { TenantService, AccessService } = tenants;
const pageSize = 1_000;

/** Creates and activates tenants, which every service hears of, and gives each a key. */
export class TenantsJourney implements Journey {
  readonly name = 'tenants';
  private readonly service;
  /** Acknowledged tenants with their display names, and keys with theirs. */
  private readonly created = new Map<string, string>();
  private readonly keys = new Map<string, string>();
  private readonly requests: Requests;

  constructor(
    private readonly operator: ServiceClients,
    private readonly parent: string,
    private readonly requestsOf: (tenant: string) => Requests,
  ) {
    this.service = operator.get(TenantService);
    this.requests = requestsOf(parent);
  }

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  async step(number: number): Promise<void> {
    const tenantId = `${this.parent.split('/')[1] ?? ''}-${String(number)}`;
    const name = `tenants/${tenantId}`;
    const displayName = `Tenant ${String(number)}`;
    await this.requests.send(TenantService.method.createTenant, (requestId) =>
      this.service.createTenant({ parent: this.parent, tenantId, tenant: { displayName, plan: 'plans/free' }, requestId }),
    );
    const own = this.requestsOf(name);
    await own.send(TenantService.method.activateTenant, (requestId) => this.service.activateTenant({ name, requestId }));
    this.created.set(name, `${displayName} ACTIVE`);
    const credential = await own.send(AccessService.method.createApiKey, (requestId) =>
      this.operator.get(AccessService).createApiKey({ parent: name, apiKey: { displayName, roles: ['viewer'] }, requestId }),
    );
    this.keys.set(credential.apiKey?.name ?? '', displayName);
  }

  conclude(): Promise<void> {
    return Promise.resolve();
  }

  async verdicts(): Promise<Verdict[]> {
    const found = (await this.children()).map(({ name, displayName, state }) => ({
      name,
      content: `${displayName} ${tenants.TenantState[state]}`,
    }));
    const keys = (await Promise.all([...this.created.keys()].map((name) => this.keysOf(name)))).flat();
    const contents = new Map(found.map(({ name, content }) => [name, content]));
    return [
      exactlyOnce(
        'each tenant is there once',
        [...this.created.keys()],
        found.map(({ name }) => name),
      ),
      sameContent('each tenant has its content', this.created, contents),
      exactlyOnce(
        'each key is there once',
        [...this.keys.keys()],
        keys.map(({ name }) => name),
      ),
      sameContent('each key has its content', this.keys, new Map(keys.map(({ name, displayName }) => [name, displayName]))),
    ];
  }

  /** Names of all tenants acknowledged. */
  get names(): string[] {
    return [...this.created.keys()];
  }

  private children(): Promise<tenants.Tenant[]> {
    return allPages(async (pageToken) => {
      const page = await this.service.listTenants({ parent: this.parent, pageSize, pageToken });
      return { items: page.tenants, nextPageToken: page.nextPageToken };
    });
  }

  private async keysOf(parent: string): Promise<tenants.ApiKey[]> {
    const { apiKeys } = await this.operator.get(AccessService).listApiKeys({ parent, pageSize });
    return apiKeys;
  }
}
