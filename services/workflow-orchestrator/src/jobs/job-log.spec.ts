import { NotFound, Unavailable } from '@q2/errors';
import type { JsonObject } from '@q2/expressions';
import type { LogLine, LogQuery } from '@q2/kubernetes';
import { JobLog, type LogNotes } from './job-log.js';

const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();
const line = (second: number, text: string): LogLine => ({ at: at(second), text });
const pod = { namespace: 'jobs', pod: 'p' };
const never = new AbortController().signal;

/** A cluster whose log is read in passes: each gives lines, and may end with an error. */
class Passes {
  readonly queries: LogQuery[] = [];

  constructor(private readonly passes: (readonly (LogLine | Error)[])[]) {}

  async *log(query: LogQuery): AsyncIterable<LogLine> {
    this.queries.push(query);
    for (const each of this.passes.shift() ?? []) {
      if (each instanceof Error) throw await Promise.resolve(each);
      yield each;
    }
  }
}

function follow(passes: Passes, { notes, signal = never }: { notes?: LogNotes; signal?: AbortSignal } = {}) {
  const stored: { batch: JsonObject; notes: LogNotes }[] = [];
  const store = (batch: JsonObject, left: LogNotes) => Promise.resolve(void stored.push({ batch, notes: left }));
  const log = new JobLog(passes, store, notes);
  const isDone = log.follow(pod, () => passes.queries.length > 0, signal);
  return { log, stored, isDone };
}

describe('JobLog', () => {
  it('reads on until the container has stopped, and once more then', async () => {
    const passes = new Passes([
      [line(1, 'one'), line(2, 'two')],
      [line(2, 'two'), line(3, 'three\0')],
    ]);
    const { stored, isDone, log } = follow(passes);
    await isDone;
    expect(passes.queries.map(({ follow: follows, sinceTime }) => [follows, sinceTime])).toEqual([
      [true, undefined],
      [false, at(2)],
    ]);
    expect(stored.flatMap(({ batch }) => batch['lines'])).toEqual(['one', 'two', 'three\uFFFD']);
    expect(stored.at(-1)?.notes).toEqual({ position: { at: at(3), count: 1 }, keptBytes: 17, dropped: 0 });
    expect(log.tail).toBe('one\ntwo\nthree\uFFFD');
  });

  it('goes on where another replica left off, and still knows how the log ends', async () => {
    const notes = { position: { at: at(2), count: 1 }, keptBytes: 8, dropped: 0 };
    const { stored, isDone, log } = follow(new Passes([[line(1, 'one'), line(2, 'two'), line(2, 'same moment')], []]), { notes });
    await isDone;
    expect(stored.map(({ batch }) => batch)).toEqual([{ lines: ['same moment'] }]);
    expect(log.tail).toBe('one\ntwo\nsame moment');
  });

  it('reads again where it was cut off, and stops where there is no log any more', async () => {
    const cut = new Unavailable('KUBERNETES_UNREACHABLE', 'cut');
    const gone = new NotFound('KUBERNETES_NOT_FOUND', 'gone');
    const passes = new Passes([[line(1, 'one'), cut], [cut], [line(1, 'one'), line(2, 'two'), gone]]);
    const { stored, isDone } = follow(passes);
    await isDone;
    expect(stored.flatMap(({ batch }) => batch['lines'])).toEqual(['one', 'two']);
    expect(passes.queries).toHaveLength(3);
  });

  it('writes many lines in batches', async () => {
    const lines = Array.from({ length: 450 }, (_, n) => line(n, `line ${n}`));
    const { stored, isDone } = follow(new Passes([lines, []]));
    await isDone;
    expect(stored.map(({ batch }) => (Array.isArray(batch['lines']) ? batch['lines'].length : 0))).toEqual([200, 200, 50]);
  });

  it('tells what cannot be stored, and stores nothing after it', async () => {
    const lines = Array.from({ length: 450 }, (_, n) => line(n, `line ${n}`));
    let calls = 0;
    const log = new JobLog(new Passes([lines, []]), () => Promise.reject(new Error(`no database ${(calls += 1)}`)), undefined);
    await expect(log.follow(pod, () => true, never)).rejects.toThrow('no database 1');
    expect(calls).toBe(1);
  });

  it('ends where it is called off', async () => {
    const stop = new AbortController();
    const { isDone, stored } = follow(new Passes([[line(1, 'one')]]), { signal: stop.signal });
    stop.abort();
    await isDone;
    expect(stored.map(({ batch }) => batch)).toEqual([{ lines: ['one'] }]);
  });
});
