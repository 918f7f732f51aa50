import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Clock, Metrics } from '@q2/service-kit';
import { DueTriggers } from './due-triggers.service.js';
import { PendingFirings } from './pending-firings.service.js';

/** How far the scheduler is behind: for how long what is due the longest has been waiting. */
@Injectable()
export class SchedulerGauges implements OnModuleInit {
  constructor(
    @Inject(DueTriggers) private readonly due: DueTriggers,
    @Inject(PendingFirings) private readonly pending: PendingFirings,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Metrics) private readonly metrics: Metrics,
  ) {}

  onModuleInit(): void {
    this.metrics.gauge('q2_triggers_due_lag_seconds', 'How long the trigger that is due the longest has waited', async () =>
      this.secondsSince(await this.due.nextDueAt()),
    );
    this.metrics.gauge('q2_firings_start_lag_seconds', 'How long the firing that is to be started the longest has waited', async () =>
      this.secondsSince(await this.pending.nextAttemptAt()),
    );
  }

  private secondsSince(time: Date | undefined): number {
    const now = this.clock.now().getTime();
    return Math.max(0, now - (time?.getTime() ?? now)) / 1000;
  }
}
