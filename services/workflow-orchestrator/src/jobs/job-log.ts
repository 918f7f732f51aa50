import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgument, NotFound } from '@q2/errors';
import type { JsonObject } from '@q2/expressions';
import type { Cluster, LogQuery } from '@q2/kubernetes';
import { z } from 'zod';
import { type LogBatch, LogKeeper } from './log-keeper.js';
import { LogCursor, logPositionSchema, logStart } from './log-position.js';

/** What the next replica must know of a log to go on with it. */
export const logNotesSchema = z.object({ position: logPositionSchema, keptBytes: z.number(), dropped: z.number() });

export type LogNotes = z.infer<typeof logNotesSchema>;

/** Time that lines are gathered before they are written, in milliseconds. */
const gatherMs = 500;

/** Time between two readings of a log, in milliseconds. */
const pauseMs = 200;

/** Lines that are written at once at most. */
const linesAtOnce = 200;

/** A container's log on its way to the history: each line once, whoever reads it. */
export class JobLog {
  private readonly keeper: LogKeeper;
  private readonly cursor: LogCursor;
  private readonly failing = new AbortController();
  private writing: Promise<void> = Promise.resolve();
  private gathering: NodeJS.Timeout | undefined;

  constructor(
    private readonly cluster: Pick<Cluster, 'log'>,
    private readonly store: (batch: JsonObject, notes: LogNotes) => Promise<void>,
    notes: LogNotes | undefined,
  ) {
    this.keeper = new LogKeeper(notes?.keptBytes, notes?.dropped);
    this.cursor = new LogCursor(notes?.position ?? logStart);
  }

  /** The last lines. */
  get tail(): string {
    return this.keeper.tail;
  }

  /**
   * Reads the log until the container has stopped and all of it is read, and stores what it reads. The first pass begins at the
   * log's beginning, so that its end is known here too; the later ones where the one before ended.
   *
   * @throws what the store throws
   */
  async follow(source: Pick<LogQuery, 'namespace' | 'pod'>, hasStopped: () => boolean, calledOff: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([calledOff, this.failing.signal]);
    let sinceTime: string | undefined;
    for (let isOver = false; !isOver && !signal.aborted;) {
      const isLast = hasStopped();
      isOver = await this.pass({ ...source, follow: !isLast, sinceTime, signal }, isLast);
      const { at } = this.cursor.position;
      sinceTime = at === '' ? undefined : at;
      if (!isOver) await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
    this.write(true);
    await this.writing;
    this.failing.signal.throwIfAborted();
  }

  /** Reads once. True where there will be no more. */
  private async pass(query: LogQuery, isLast: boolean): Promise<boolean> {
    this.cursor.beginPass();
    try {
      for await (const line of this.cluster.log(query)) {
        const text = line.text.replaceAll('\0', '\uFFFD');
        if (this.cursor.take(line)) this.gather(text);
        else if (query.sinceTime === undefined) this.keeper.remember(text);
      }
      return isLast;
    } catch (error) {
      // A pod that never got a container, or is gone, has no log to wait for.
      return isLast && (error instanceof NotFound || error instanceof InvalidArgument);
    }
  }

  private gather(text: string): void {
    this.keeper.add(text);
    if (this.keeper.pending >= linesAtOnce) this.write(false);
    else this.gathering ??= setTimeout(() => this.write(false), gatherMs);
  }

  /** One batch after the other; after one that cannot be stored none, so that whoever comes next finds no gap. */
  private write(isLast: boolean): void {
    clearTimeout(this.gathering);
    this.gathering = undefined;
    const batch = this.keeper.take(isLast);
    if (batch === undefined) return;
    const notes = { position: this.cursor.position, keptBytes: this.keeper.keptBytes, dropped: this.keeper.dropped };
    this.writing = this.writing
      .then(() => (this.failing.signal.aborted ? undefined : this.store(jsonOf(batch), notes)))
      .catch((error: unknown) => this.failing.abort(error));
  }
}

function jsonOf({ lines, dropped }: LogBatch): JsonObject {
  return { lines: [...lines], ...(dropped !== undefined && { dropped }) };
}
