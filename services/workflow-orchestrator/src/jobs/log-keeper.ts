/** Most of an attempt's log that is kept in the history, in bytes: 256 KiB. */
export const keptLogBytes = 262_144;

/** Most of the log's end that becomes part of the output. */
const tailBytes = 4096;

/** What is to be written to the history at once. */
export interface LogBatch {
  readonly lines: readonly string[];
  /** Lines that were left out since the beginning, as the log is longer than what is kept. */
  readonly dropped?: number;
}

/** Keeps the beginning of a log, up to a limit, batch by batch, and its last lines. */
export class LogKeeper {
  private lines: string[] = [];
  private last: string[] = [];
  private lastBytes = 0;
  private hasDropped = false;

  constructor(
    /** Bytes and lines of those that others have kept before. */
    private bytes = 0,
    private droppedLines = 0,
  ) {}

  get keptBytes(): number {
    return this.bytes;
  }

  get dropped(): number {
    return this.droppedLines;
  }

  /** The last lines, 4 KiB of them. */
  get tail(): string {
    return this.last.join('\n');
  }

  /** How much waits to be written. */
  get pending(): number {
    return this.lines.length;
  }

  /** A line that is in the history already; it only counts for the end of the log. */
  remember(line: string): void {
    this.last.push(line.slice(0, tailBytes));
    this.lastBytes += Buffer.byteLength(line) + 1;
    while (this.lastBytes > tailBytes && this.last.length > 1) this.lastBytes -= Buffer.byteLength(this.last.shift() ?? '') + 1;
  }

  add(line: string): void {
    this.remember(line);
    const bytes = Buffer.byteLength(line) + 1;
    if (this.droppedLines === 0 && this.bytes + bytes <= keptLogBytes) {
      this.bytes += bytes;
      this.lines.push(line);
    } else {
      this.droppedLines += 1;
      this.hasDropped = true;
    }
  }

  /** What waits to be written; undefined where nothing does. What was left out is told with the last batch only. */
  take(isLast: boolean): LogBatch | undefined {
    const { lines } = this;
    const tellsDropped = isLast && this.hasDropped;
    if (lines.length === 0 && !tellsDropped) return undefined;
    this.lines = [];
    return { lines, ...(tellsDropped && { dropped: this.droppedLines }) };
  }
}
