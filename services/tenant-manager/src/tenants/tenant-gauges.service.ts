import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Database } from '@q2/database';
import { Metrics, sharedReading, type Sample } from '@q2/service-kit';

const states = ['PENDING', 'ACTIVE', 'SUSPENDED'];

/** How many tenants there are. */
@Injectable()
export class TenantGauges implements OnModuleInit {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Metrics) private readonly metrics: Metrics,
  ) {}

  onModuleInit(): void {
    const read = sharedReading(() => this.count(), 5_000);
    this.metrics.gauges({ name: 'q2_tenants', help: 'Tenants by state, the platform itself not counted', labelNames: ['state'] }, read);
  }

  private async count(): Promise<Sample[]> {
    const rows = await this.database.acrossTenants('metrics', (tx) =>
      tx.query<{ state: string; found: string }>(
        `select s.state, count(t.tenant_id) as found from unnest($1::text[]) as s (state)
         left join tenants t on t.state = s.state and t.parent_id is not null group by s.state`,
        [states],
      ),
    );
    return rows.map(({ state, found }) => ({ labels: { state: state.toLowerCase() }, value: Number(found) }));
  }
}
