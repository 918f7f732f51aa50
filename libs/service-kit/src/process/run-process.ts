import { DomainError } from '@q2/errors';
import { ConfigurationError } from './configuration.js';
import { StartAborted } from './dependencies.js';

/** EX_CONFIG of sysexits.h. */
const configurationExitCode = 78;

/** Something that runs until it is told to stop. */
export interface Stoppable {
  stop(): Promise<void>;
}

/**
 * Runs a process from start to exit: a failed start is one clear sentence and a non-zero exit code (78 for wrong
 * settings); SIGTERM, SIGINT and the end of a parent that holds an IPC channel stop it in order, and a second SIGINT at once.
 */
export async function runProcess(start: (patience: AbortSignal) => Promise<Stoppable>): Promise<void> {
  const patience = new AbortController();
  const starting = start(patience.signal);
  // A signal ends a start that waits. Otherwise it is obeyed when the start is through: half of one cannot be stopped in order.
  stopOnSignals(starting, patience);
  try {
    await starting;
  } catch (error) {
    if (error instanceof StartAborted) process.exit(0);
    process.stderr.write(`q2: ${sentenceOf(error)}\n`);
    process.exit(error instanceof ConfigurationError ? configurationExitCode : 1);
  }
}

function stopOnSignals(starting: Promise<Stoppable>, patience: AbortController): void {
  let stopping: Promise<void> | undefined;
  let askedAtMs = 0;
  const stop = (): void => {
    // A terminal's Ctrl-C may arrive twice, directly and through the parent; only a later one means impatience.
    if (stopping) return Date.now() - askedAtMs > 1_000 ? process.exit(130) : undefined;
    askedAtMs = Date.now();
    patience.abort();
    // A start that failed ends the process by itself.
    stopping = starting.then(stopAndExit, () => undefined);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  process.once('disconnect', stop);
}

async function stopAndExit(running: Stoppable): Promise<void> {
  try {
    await running.stop();
    process.exit(0);
  } catch (error) {
    process.stderr.write(`q2: stopping failed: ${sentenceOf(error)}\n`);
    process.exit(1);
  }
}

/** What a person needs to know of a failed start. */
export function sentenceOf(error: unknown): string {
  if (error instanceof DomainError || error instanceof ConfigurationError) return error.message;
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'ENOSPC') return 'the disk is full: free some space and start again';
  if ('code' in error && (error.code === 'EACCES' || error.code === 'EROFS')) return `this user may not write there: ${error.message}`;
  if ('code' in error && (error.code === 'EEXIST' || error.code === 'ENOTDIR')) return `a file is where a folder must be: ${error.message}`;
  return error.stack ?? error.message;
}
