import { tenantEvents } from '@q2/contracts';
import type { Database, Tx } from '@q2/database';
import { decodeEvent, topicOf, type ReceivedEvent, type Subscription } from '@q2/events';
import { platformTenant, type KnownTenant, type TenantState } from '../access/reach.js';

interface Row {
  readonly tenant: string;
  readonly state: TenantState;
  readonly ancestors: string[];
}

/** How often a replica looks for what another one wrote down. */
const refreshEveryMs = 1_000;
/** How long a call waits for a tenant that may have been created a moment ago. */
const newTenantWaitMs = 1_500;

const states: Readonly<Record<string, TenantState>> = {
  TenantCreated: 'PENDING',
  TenantActivated: 'ACTIVE',
  TenantSuspended: 'SUSPENDED',
};

/**
 * What this service knows of all tenants, kept by tenant-manager's events in a table of its own and answered from memory:
 * a suspension is seen within a second of its event, and tenant-manager may be away.
 */
export class TenantDirectory {
  private readonly tenants = new Map<string, KnownTenant>();
  private timer: NodeJS.Timeout | undefined;
  private refreshing: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly service: string,
  ) {}

  async start(): Promise<void> {
    await this.refresh();
    this.timer = setInterval(() => void this.refresh().catch(() => undefined), refreshEveryMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.refreshing.catch(() => undefined);
  }

  /** The tenant as last heard of, with suspension inherited from those above it; undefined where never heard of. */
  find(id: string): KnownTenant | undefined {
    const tenant = this.tenants.get(id);
    if (tenant?.state !== 'ACTIVE') return tenant;
    const stopped = tenant.ancestors.map((above) => this.tenants.get(above)).find((above) => above && above.state !== 'ACTIVE');
    return stopped ? { ...tenant, state: stopped.state } : tenant;
  }

  /** The tenant, waiting a moment where its creation or activation may be on its way here. */
  async await(id: string): Promise<KnownTenant | undefined> {
    if (id === platformTenant) return undefined;
    const until = Date.now() + newTenantWaitMs;
    while (this.mayBeChanging(id) && Date.now() < until) {
      await this.refresh();
      if (this.mayBeChanging(id)) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return this.find(id);
  }

  private mayBeChanging(id: string): boolean {
    const state = this.tenants.get(id)?.state;
    return state === undefined || state === 'PENDING';
  }

  /** Where the directory learns from. */
  subscription(): Subscription {
    return {
      consumer: `${this.service}.tenant-directory`,
      topics: [topicOf(tenantEvents.TenantCreatedSchema)],
      types: directoryEvents.map(({ typeName }) => typeName),
      handle: (tx, event) => this.record(tx, event),
    };
  }

  /**
   * A creation belongs to the tenant above, all that follows to the tenant itself; order holds within one tenant only, so
   * the creation may come last, and then says nothing new.
   */
  private async record(tx: Tx, event: ReceivedEvent): Promise<void> {
    const known = readTenant(event);
    if (!known) return;
    const changed = await tx.execute(
      `insert into tenant_directory (tenant, state, ancestors, changed_at) values ($1, $2, $3, clock_timestamp())
       on conflict (tenant) do update set state = excluded.state, ancestors = excluded.ancestors, changed_at = excluded.changed_at
       where excluded.state <> 'PENDING'`,
      [known.id, known.state, known.ancestors],
    );
    if (changed > 0) tx.afterCommit(() => this.tenants.set(known.id, known));
  }

  /** One read at a time; a caller that comes while one runs waits for the next. */
  private refresh(): Promise<void> {
    this.refreshing = this.refreshing.then(
      () => this.load(),
      () => this.load(),
    );
    return this.refreshing;
  }

  private async load(): Promise<void> {
    const rows = await this.database.acrossTenants('tenant-directory', (tx) =>
      tx.query<Row>('select tenant, state, ancestors from tenant_directory'),
    );
    for (const row of rows) this.tenants.set(row.tenant, { id: row.tenant, state: row.state, ancestors: row.ancestors });
  }
}

const directoryEvents = [tenantEvents.TenantCreatedSchema, tenantEvents.TenantActivatedSchema, tenantEvents.TenantSuspendedSchema] as const;

function readTenant(event: ReceivedEvent): KnownTenant | undefined {
  for (const schema of directoryEvents) {
    if (schema.typeName !== event.type) continue;
    const { tenant, ancestors } = decodeEvent<DirectoryEvent>(schema, event);
    const state = states[schema.name];
    return state && { id: tenant, state, ancestors };
  }
  return undefined;
}

type DirectoryEvent = (typeof directoryEvents)[number];
