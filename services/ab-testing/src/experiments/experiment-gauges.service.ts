import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Database } from '@q2/database';
import { Metrics, sharedReading, type Sample } from '@q2/service-kit';

const states = ['DRAFT', 'RUNNING', 'PAUSED', 'COMPLETED', 'ROLLED_BACK'];

/** How many experiments of all tenants are in each state. */
@Injectable()
export class ExperimentGauges implements OnModuleInit {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Metrics) private readonly metrics: Metrics,
  ) {}

  onModuleInit(): void {
    const read = sharedReading(() => this.count(), 5_000);
    this.metrics.gauges({ name: 'q2_experiments', help: 'Experiments by state, of all tenants', labelNames: ['state'] }, read);
  }

  private async count(): Promise<Sample[]> {
    const rows = await this.database.acrossTenants('metrics', (tx) =>
      tx.query<{ state: string; found: string }>(
        `select s.state, count(e.id) as found from unnest($1::text[]) as s (state) left join experiments e using (state) group by s.state`,
        [states],
      ),
    );
    return rows.map(({ state, found }) => ({ labels: { state: state.toLowerCase() }, value: Number(found) }));
  }
}
