/** Lets a loop sleep until there is work, or until a time has passed in case nobody said so. */
export class WakeSignal {
  private pending = false;
  private wakeSleeper: (() => void) | undefined;

  /** Ends the sleep; a loop that is awake will not fall asleep next time. */
  wake(): void {
    this.pending = true;
    this.wakeSleeper?.();
  }

  /** Sleeps until woken, at most `timeoutMs`. */
  async sleep(timeoutMs: number): Promise<void> {
    if (!this.pending) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.wakeSleeper = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.pending = false;
    this.wakeSleeper = undefined;
  }
}
