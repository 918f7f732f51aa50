import { mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { isSpanContextValid, trace } from '@opentelemetry/api';
import { pino, type Logger as PinoLogger } from 'pino';

/** Structured JSON logs. No payloads, no secrets. */
export abstract class Logger {
  abstract debug(fields: object, message: string): void;
  abstract info(fields: object, message: string): void;
  abstract warn(fields: object, message: string): void;
  abstract error(fields: object, message: string): void;
  abstract child(fields: object): Logger;
  /** Writes what is buffered, or gives it up where nobody takes it any more. */
  abstract flush(): Promise<void>;
}

/** Where logs go and from which level on. */
export interface LoggerOptions {
  readonly level: string;
  /** File to append to; standard output without it. */
  readonly file?: string | undefined;
}

const standardOutput = 1;
const redacted = ['token', 'secret', 'password', 'authorization', '*.token', '*.secret', '*.password', '*.authorization'];

/** How long the last lines may take: where their reader is gone or the disk is full, they must not keep the process. */
const flushWithinMs = 2_000;
/** Kept of lines that cannot be written; what comes after is dropped. */
const bufferBytes = 16 * 1024 * 1024;

type Destination = ReturnType<typeof pino.destination>;

/** Writes lines in batches: a line costs microseconds, and the last ones are flushed at exit. */
export function createLogger(options: LoggerOptions): Logger {
  const dest = options.file === undefined ? standardOutput : openLog(options.file);
  const destination = pino.destination({ dest, sync: false, minLength: 4096, maxLength: bufferBytes, periodicFlush: 500 });
  // A service whose log cannot be written goes on.
  destination.on('error', () => undefined);
  const logger = pino(
    { level: options.level, redact: redacted, mixin: activeTrace, timestamp: pino.stdTimeFunctions.isoTime },
    destination,
  );
  return wrap(logger, () => flush(destination));
}

/** Not flushSync, which tries again for ever whatever the error is: a process could not end that has lost its reader. */
function flush(destination: Destination): Promise<void> {
  return new Promise((resolve) => {
    const giveUp = () => {
      destination.write = () => false;
      destination.destroy();
      resolve();
    };
    const timer = setTimeout(giveUp, flushWithinMs);
    destination.flush((error) => {
      clearTimeout(timer);
      if (error) giveUp();
      else resolve();
    });
  });
}

/** Names the trace that a line belongs to, so that the lines of one can be found in all services. */
function activeTrace(): { traceId?: string } {
  const active = trace.getActiveSpan()?.spanContext();
  return active !== undefined && isSpanContextValid(active) ? { traceId: active.traceId } : {};
}

/** Opens the file before anything else runs: one that is still being opened when a start fails could not be flushed. */
function openLog(file: string): number {
  mkdirSync(dirname(file), { recursive: true });
  return openSync(file, 'a');
}

function wrap(logger: PinoLogger, flush: () => Promise<void>): Logger {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    child: (fields) => wrap(logger.child(fields), flush),
    flush,
  };
}
