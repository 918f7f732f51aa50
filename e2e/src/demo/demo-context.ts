import type { Client, ServiceClients } from '@q2/service-kit';
import type { DescService } from '@bufbuild/protobuf';
import type { Narrator } from './narrator.js';
import type { Run } from './run-state.js';

/** What every step of the demo works with. */
export interface DemoContext {
  readonly run: Run;
  readonly narrator: Narrator;
  /** Calls as the tenant's own key. */
  readonly tenantClients: ServiceClients;
  /** `tenants/demo-…`. */
  readonly tenant: string;
  /** `tenants/demo-…/models/digits`. */
  readonly model: string;
}

export function clientOf<S extends DescService>(context: DemoContext, service: S): Client<S> {
  return context.tenantClients.get(service);
}
