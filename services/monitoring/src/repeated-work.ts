import type { Logger } from '@q2/service-kit';

/** Work that a process repeats until it stops. */
export interface Work {
  /** Names the work in logs. */
  readonly name: string;
  readonly logger: Logger;
  /** Does what there is to do, and gives the milliseconds to rest before the next time; 0 where there is more to do now. */
  step(): Promise<number>;
}

/** Rest after a step that failed. */
const failureRestMs = 1_000;

/** Repeats a step until stopped. A step that fails is logged and repeated: the work never dies. */
export class RepeatedWork {
  private running: Promise<void> | undefined;
  private isStopping = false;
  private isWoken = false;
  private endRest: (() => void) | undefined;

  constructor(private readonly work: Work) {}

  start(): void {
    this.running ??= this.run();
  }

  /** Ends the rest, or skips the next one. */
  wake(): void {
    this.isWoken = true;
    this.endRest?.();
  }

  /** Ends the work after the step in hand. */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.wake();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.isStopping) await this.rest(await this.step());
  }

  private async step(): Promise<number> {
    try {
      return await this.work.step();
    } catch (error) {
      this.work.logger.warn({ error: String(error) }, `${this.work.name} failed and will be tried again`);
      return failureRestMs;
    }
  }

  private async rest(restMs: number): Promise<void> {
    if (!this.isWoken && restMs > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, restMs);
        this.endRest = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.endRest = undefined;
    this.isWoken = false;
  }
}
