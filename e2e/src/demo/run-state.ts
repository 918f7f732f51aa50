import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';

const stateSchema = z.object({ run: z.string(), isFinished: z.boolean() });
type State = z.infer<typeof stateSchema>;

/**
 * One run of the demo. Its name gives every request of the run its request_id, so that a run that was interrupted is
 * gone through again from the start and repeats nothing: each call answers what it answered the first time.
 */
export class Run {
  private constructor(
    private readonly file: string,
    readonly id: string,
    readonly isResumed: boolean,
  ) {}

  /** Takes up the run that was interrupted, or begins a new one. */
  static async open(file: string): Promise<Run> {
    const known = await readState(file);
    if (known && !known.isFinished) return new Run(file, known.run, true);
    const run = new Run(file, randomBytes(3).toString('hex'), false);
    await run.save(false);
    return run;
  }

  /** A UUID that is the same each time this step of this run is taken (RFC 9562, version 8). */
  requestId(step: string): string {
    const hex = createHash('sha256').update(`q2 demo ${this.id} ${step}`).digest('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  }

  finish(): Promise<void> {
    return this.save(true);
  }

  private async save(isFinished: boolean): Promise<void> {
    await mkdir(dirname(this.file), { recursive: true });
    await writeFile(`${this.file}.new`, JSON.stringify({ run: this.id, isFinished }), { flush: true });
    await rename(`${this.file}.new`, this.file);
  }
}

async function readState(file: string): Promise<State | undefined> {
  try {
    return stateSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}
