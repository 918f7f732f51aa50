import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Database, type Tx } from '@q2/database';
import { Metrics, sharedReading, type Sample } from '@q2/service-kit';
import { hasEnded, type ExecutionState } from '../engine/state.js';

const openStatuses = ['running', 'failing'];

/** How many executions of all tenants run, and how many have ended how. */
@Injectable()
export class ExecutionMetrics implements OnModuleInit {
  private readonly ended: ReturnType<Metrics['counter']>;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Metrics) private readonly metrics: Metrics,
  ) {
    this.ended = metrics.counter('q2_executions_ended_total', 'Executions that this replica has brought to their end', ['status']);
    for (const status of ['succeeded', 'failed', 'cancelled']) this.ended.inc({ status }, 0);
  }

  onModuleInit(): void {
    const read = sharedReading(() => this.countOpen(), 5_000);
    const help = 'Executions that have not ended, by status, of all tenants';
    this.metrics.gauges({ name: 'q2_executions_open', help, labelNames: ['status'] }, read);
  }

  /** Counts an execution that the transaction ends, once it has committed. */
  noteEnd(tx: Tx, before: ExecutionState, after: ExecutionState): void {
    if (hasEnded(before) || !hasEnded(after)) return;
    tx.afterCommit(() => {
      this.ended.inc({ status: after.status });
    });
  }

  private async countOpen(): Promise<Sample[]> {
    const rows = await this.database.acrossTenants('metrics', (tx) =>
      tx.query<{ status: string; found: string }>(
        `select s.status, count(e.execution_id) as found from unnest($1::text[]) as s (status)
         left join execution e on e.status = s.status and e.ended_at is null group by s.status`,
        [openStatuses],
      ),
    );
    return rows.map(({ status, found }) => ({ labels: { status }, value: Number(found) }));
  }
}
