import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '@q2/database';
import { BackgroundLoop } from '@q2/events';
import { Clock, Logger } from '@q2/service-kit';
import { pointsChannel } from '../metrics/metrics.service.js';
import { Claims, type Claim } from './claims.service.js';
import { Evaluator } from './evaluator.service.js';

/** How often due monitors are looked for where no points arrive. */
const restMs = 200;
/** Monitors claimed at once, and evaluated side by side. */
const batch = { size: 40, concurrency: 4 };

/** Evaluates every monitor at its interval, and soon after points of its metric arrived. */
@Injectable()
export class EvaluationLoop implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly work: BackgroundLoop;
  /** Metrics with new points, by tenant, since the last step. */
  private arrived = new Map<string, Set<string>>();
  private stopListening: (() => Promise<void>) | undefined;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Claims) private readonly claims: Claims,
    @Inject(Evaluator) private readonly evaluator: Evaluator,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Logger) logger: Logger,
  ) {
    this.work = new BackgroundLoop({ name: 'evaluation of monitors', log: logger, step: () => this.step() });
  }

  async onApplicationBootstrap(): Promise<void> {
    this.stopListening = await this.database.listen(pointsChannel, (payload) => {
      this.noteArrival(payload);
    });
    this.work.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.stopListening?.();
    await this.work.stop();
  }

  /** Looks for due monitors once and evaluates them; gives the time to rest. */
  async step(): Promise<number> {
    await this.hastenArrived();
    const claims = await this.claims.claimDue(this.clock.now(), batch.size);
    await this.evaluateAll(claims);
    return claims.length === batch.size ? 0 : restMs;
  }

  /** After a lost connection the payload is empty: what was missed is evaluated at its interval. */
  private noteArrival(payload: string): void {
    const [tenant = '', metric] = payload.split(' ');
    if (metric === undefined) return;
    this.arrived.set(tenant, (this.arrived.get(tenant) ?? new Set()).add(metric));
    this.work.wake();
  }

  private async hastenArrived(): Promise<void> {
    const arrived = this.arrived;
    this.arrived = new Map();
    for (const [tenant, metrics] of arrived) await this.claims.hasten(tenant, [...metrics], this.clock.now());
  }

  private async evaluateAll(claims: readonly Claim[]): Promise<void> {
    const waiting = [...claims];
    const worker = async () => {
      for (let claim = waiting.shift(); claim; claim = waiting.shift()) await this.evaluator.evaluate(claim);
    };
    await Promise.all(Array.from({ length: batch.concurrency }, worker));
  }
}
