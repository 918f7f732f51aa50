import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Database } from '@q2/database';
import { Metrics, sharedReading, type Sample } from '@q2/service-kit';

const activeStates = ['PENDING', 'FIRING', 'ACKNOWLEDGED'];

/** How many alerts of all tenants wait for somebody. */
@Injectable()
export class AlertGauges implements OnModuleInit {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Metrics) private readonly metrics: Metrics,
  ) {}

  onModuleInit(): void {
    const read = sharedReading(() => this.count(), 5_000);
    this.metrics.gauges(
      { name: 'q2_alerts_active', help: 'Alerts that are not resolved, by state, of all tenants', labelNames: ['state'] },
      read,
    );
  }

  private async count(): Promise<Sample[]> {
    const rows = await this.database.acrossTenants('metrics', (tx) =>
      tx.query<{ state: string; found: string }>(
        `select s.state, count(a.id) as found from unnest($1::text[]) as s (state)
         left join alerts a on a.state = s.state and a.state <> 'RESOLVED' group by s.state`,
        [activeStates],
      ),
    );
    return rows.map(({ state, found }) => ({ labels: { state: state.toLowerCase() }, value: Number(found) }));
  }
}
