import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '@q2/database';
import { BackgroundLoop } from '@q2/events';
import { Clock, Logger } from '@q2/service-kit';
import { DueTriggers } from './due-triggers.service.js';
import { dueChannel } from './firing-store.service.js';
import { PendingFirings } from './pending-firings.service.js';

/** Looks at least this often, in case a notification was lost or another replica died. */
const pollMs = 1000;
/** Before looking again at due work that is in another replica's hands. */
const contendedMs = 50;

/** Keeps the scheduler going: one loop makes firings of times that come, another does what firings are to do. */
@Injectable()
export class SchedulerLoops implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loops: readonly BackgroundLoop[];
  private stopListening: (() => Promise<void>) | undefined;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(DueTriggers) due: DueTriggers,
    @Inject(PendingFirings) pending: PendingFirings,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Logger) logger: Logger,
  ) {
    this.loops = [
      this.loop(logger, 'due triggers', async () => ((await due.fireDue()) > 0 ? 0 : this.untilNext(await due.nextDueAt()))),
      this.loop(logger, 'pending firings', async () =>
        (await pending.startPending()) > 0 ? 0 : this.untilNext(await pending.nextAttemptAt()),
      ),
    ];
  }

  async onApplicationBootstrap(): Promise<void> {
    this.stopListening = await this.database.listen(dueChannel, () => {
      for (const loop of this.loops) loop.wake();
    });
    for (const loop of this.loops) loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.stopListening?.();
    await Promise.all(this.loops.map((loop) => loop.stop()));
  }

  private loop(logger: Logger, name: string, step: () => Promise<number>): BackgroundLoop {
    return new BackgroundLoop({ name, log: logger, step });
  }

  private untilNext(next: Date | undefined): number {
    if (next === undefined) return pollMs;
    const ms = next.getTime() - this.clock.now().getTime();
    return ms <= 0 ? contendedMs : Math.min(ms, pollMs);
  }
}
