/** What a loop does, and whom it tells of failures. */
export interface LoopOptions {
  /** Does what there is to do; gives how long to sleep before looking again, unless woken. */
  step(): Promise<number>;
  onError(error: unknown): void;
}

const afterErrorMs = 1000;

/** Repeats a step until stopped. A step that fails is told and repeated: a loop never dies. */
export class BackgroundLoop {
  private running: Promise<void> | undefined;
  private isStopping = false;
  private isWoken = false;
  private endSleep: (() => void) | undefined;

  constructor(private readonly options: LoopOptions) {}

  start(): void {
    this.running ??= this.run();
  }

  /** Has the loop look for work now, or once its step has ended. */
  wake(): void {
    this.isWoken = true;
    this.endSleep?.();
  }

  /** Ends the loop after the step in hand. */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.wake();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.isStopping) {
      this.isWoken = false;
      await this.sleep(await this.step());
    }
  }

  private async step(): Promise<number> {
    try {
      return await this.options.step();
    } catch (error) {
      this.options.onError(error);
      return afterErrorMs;
    }
  }

  private async sleep(ms: number): Promise<void> {
    if (ms <= 0 || this.isWoken || this.isStopping) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.endSleep = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Does the work for each item, at most `width` at once, so that one batch never takes all connections. */
export async function inParallel<Item>(items: readonly Item[], width: number, work: (item: Item) => Promise<void>): Promise<void> {
  const rest = items.values();
  const lane = async (): Promise<void> => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
}
