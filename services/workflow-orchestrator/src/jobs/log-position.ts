import { z } from 'zod';
import type { LogLine } from '@q2/kubernetes';

/** How far a log is kept: up to the `count`-th line of a moment. */
export const logPositionSchema = z.object({
  /** RFC 3339, as the node wrote it; empty before the first line. */
  at: z.string(),
  /** Lines of that very moment that are kept. */
  count: z.number().int(),
});

export type LogPosition = z.infer<typeof logPositionSchema>;

export const logStart: LogPosition = { at: '', count: 0 };

/**
 * Reads a log again and again, by one replica or by several, and gives each line once: those up to the position are known.
 * Lines of one log come in the order of their moments.
 */
export class LogCursor {
  private ofSameMoment = 0;

  constructor(private current: LogPosition) {}

  get position(): LogPosition {
    return this.current;
  }

  /** The log is read from its beginning, or from any moment up to the position's. */
  beginPass(): void {
    this.ofSameMoment = 0;
  }

  /** Whether a line was not given before. Call it for each line of a pass, in order. */
  take({ at }: LogLine): boolean {
    const order = compareMoments(at, this.current.at);
    if (order < 0) return false;
    if (order > 0) {
      this.current = { at, count: 1 };
      this.ofSameMoment = 1;
      return true;
    }
    this.ofSameMoment += 1;
    if (this.ofSameMoment <= this.current.count) return false;
    this.current = { at, count: this.ofSameMoment };
    return true;
  }
}

/** Which of two moments is later, to the nanosecond and in whatever zone; an empty one is the earliest. */
export function compareMoments(left: string, right: string): number {
  const difference = nanosecondsOf(left) - nanosecondsOf(right);
  return difference === 0n ? 0 : difference < 0n ? -1 : 1;
}

function nanosecondsOf(moment: string): bigint {
  const fraction = /\.(\d+)/.exec(moment)?.[1] ?? '';
  const wholeMs = Date.parse(moment.replace(/\.\d+/, ''));
  return Number.isNaN(wholeMs) ? 0n : BigInt(wholeMs) * 1_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
}
