import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '@q2/database';
import { BackgroundLoop } from '@q2/events';
import { Logger } from '@q2/service-kit';
import type { ExecutionEvent } from '../engine/event.js';
import { claimDue, type ExecutionClaim, lockExecution, nextDueInMs, takeHeard } from '../executions/execution-store.js';
import { TurnsService } from '../executions/turns.service.js';
import { OrchestratorSettings } from '../settings.js';
import { channels } from '../workflows-schema.js';
import { inParallel } from './in-parallel.js';

const batchSize = 50;
const turnsAtOnce = 4;

/**
 * Moves executions whose timers are due or that were told of an event. Any number of replicas do so side by side: a claim
 * is a lease with a fencing number, the work of one that died is taken over when its lease ends, and a claim that was
 * taken over can write nothing.
 */
@Injectable()
export class ExecutionDriver implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: BackgroundLoop;
  private stopListening: (() => Promise<void>) | undefined;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(TurnsService) private readonly turns: TurnsService,
    @Inject(OrchestratorSettings) private readonly settings: OrchestratorSettings,
    @Inject(Logger) private readonly logger: Logger,
  ) {
    this.loop = new BackgroundLoop({ name: 'claiming of executions', log: logger, step: () => this.step() });
  }

  async onApplicationBootstrap(): Promise<void> {
    this.stopListening = await this.database.listen(channels.executions, () => this.loop.wake());
    this.loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.stopListening?.();
    await this.loop.stop();
  }

  /** Claims executions that are due. */
  claim(limit = batchSize): Promise<ExecutionClaim[]> {
    return this.database.acrossTenants('workflow-claim', (tx) => claimDue(tx, { leaseMs: this.settings.leaseMs, limit }));
  }

  /** Does what is due. False, and nothing written, where the claim was taken over. */
  carry({ tenant, execution, fence }: ExecutionClaim): Promise<boolean> {
    return this.database.inTenant(tenant, async (tx) => {
      const locked = await lockExecution(tx, execution, fence);
      if (locked === undefined) return false;
      const heard = (await takeHeard(tx, execution)).map(({ step, event }): ExecutionEvent => ({ type: 'heard', step, event }));
      await this.turns.apply(tx, locked, [...heard, { type: 'timersDue' }]);
      return true;
    });
  }

  private async step(): Promise<number> {
    const claims = await this.claim();
    await inParallel(claims, turnsAtOnce, (claim) => this.tryToCarry(claim));
    if (claims.length === batchSize) return 0;
    const dueInMs = await this.database.acrossTenants('workflow-claim', nextDueInMs);
    return Math.min(this.settings.pollMs, Math.max(1, Math.ceil(dueInMs ?? this.settings.pollMs)));
  }

  /** One execution that cannot be moved keeps its lease, and so is tried again when that ends; the others go on. */
  private async tryToCarry(claim: ExecutionClaim): Promise<void> {
    try {
      await this.carry(claim);
    } catch (error) {
      this.logger.error({ error, tenant: claim.tenant, execution: claim.execution }, 'an execution could not be moved on');
    }
  }
}
