import { Clock } from '@q2/service-kit';

/** A clock that runs with the real one, and can be moved ahead. */
export class TestClock extends Clock {
  private aheadMs = 0;

  override now(): Date {
    return new Date(Date.now() + this.aheadMs);
  }

  advance(byMs: number): void {
    this.aheadMs += byMs;
  }
}
