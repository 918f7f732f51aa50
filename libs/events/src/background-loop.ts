import type { EventLog } from './event-log.js';
import { retryDelayMs } from './retry-policy.js';
import { WakeSignal } from './wake-signal.js';

/** What a loop does, and how it is paced. */
export interface LoopOptions {
  /** Names the loop in logs. */
  readonly name: string;
  readonly log: EventLog;
  /** Does what there is to do. Gives the time to sleep before looking again, unless woken: 0 where there is more to do now. */
  step(): Promise<number>;
}

/** Waits after failures: short, because most are a database that restarts. */
const failurePolicy = { tries: Number.POSITIVE_INFINITY, firstDelayMs: 100, factor: 2, maxDelayMs: 5_000 };

/** Repeats a step until stopped. A step that fails is logged and repeated with growing, jittered waits: a loop never dies. */
export class BackgroundLoop {
  private readonly signal = new WakeSignal();
  private running: Promise<void> | undefined;
  private isStopping = false;

  constructor(private readonly options: LoopOptions) {}

  start(): void {
    this.running ??= this.run();
  }

  /** Has the loop look for work now, or once its step has ended. */
  wake(): void {
    this.signal.wake();
  }

  /** Ends the loop after the step in hand. */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.signal.wake();
    await this.running;
  }

  private async run(): Promise<void> {
    let failures = 0;
    while (!this.isStopping) {
      try {
        const sleepMs = await this.options.step();
        failures = 0;
        if (sleepMs > 0) await this.signal.sleep(sleepMs);
      } catch (error) {
        failures += 1;
        this.options.log.warn({ err: error, failures }, `${this.options.name} failed and will try again`);
        await this.signal.sleep(retryDelayMs(failurePolicy, failures, Math.random()));
      }
    }
  }
}
