import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../../services/all-in-one/dist/main.js', import.meta.url));
const readyLine = /Q2 answers gRPC on port (\d+) and HTTP on port (\d+)/;

/** `npm start` as a process of its own, on ports and a home of its own. */
export interface RunningPlatform {
  readonly pid: number;
  readonly grpcAddress: string;
  readonly httpAddress: string;
  readonly startedInMs: number;
  readonly output: () => string;
  /** Resolves once it has ended, however that came, to its exit code or the signal's name. */
  readonly ended: Promise<number | string>;
  /** Ends it and gives its exit code, or the signal's name. */
  end(signal: NodeJS.Signals): Promise<number | string>;
}

/** How a start that did not come to be ended. */
export interface FailedStart {
  readonly exitCode: number | null;
  readonly output: string;
}

export function isRunning(started: RunningPlatform | FailedStart): started is RunningPlatform {
  return 'end' in started;
}

/** Starts the platform; resolves when it answers, or when it has given up. */
export async function startProcess(home: string, environment: Record<string, string> = {}): Promise<RunningPlatform | FailedStart> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [main], {
    env: { ...process.env, NODE_OPTIONS: '', Q2_HOME: home, GRPC_ADDRESS: '127.0.0.1:0', HTTP_ADDRESS: '127.0.0.1:0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const ready = new Promise<RegExpExecArray>((resolve) => {
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      const match = readyLine.exec(output);
      if (match) resolve(match);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
  });
  const first = await Promise.race([ready, once(child, 'close')]);
  if (child.exitCode !== null || child.pid === undefined || !('input' in first)) return { exitCode: child.exitCode, output };
  return running(child, { pid: child.pid, match: first, startedInMs: performance.now() - startedAt, output: () => output });
}

function running(
  child: ChildProcess,
  at: { pid: number; match: RegExpExecArray; startedInMs: number; output: () => string },
): RunningPlatform {
  const { pid, match, startedInMs, output } = at;
  const ended = once(child, 'close').then(([code, by]: unknown[]) => (typeof code === 'number' ? code : String(by)));
  return {
    pid,
    grpcAddress: `127.0.0.1:${match[1] ?? ''}`,
    httpAddress: `127.0.0.1:${match[2] ?? ''}`,
    startedInMs,
    output,
    ended,
    end: (signal) => {
      child.kill(signal);
      return ended;
    },
  };
}

/** Starts the platform and expects it to run. */
export async function mustStart(home: string, environment?: Record<string, string>): Promise<RunningPlatform> {
  const started = await startProcess(home, environment);
  if (isRunning(started)) return started;
  throw new Error(`the platform did not start: ${started.output}`);
}

/** A port that another program holds until `release`. */
export async function takePort(): Promise<{ address: string; release(): void }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return { address: `127.0.0.1:${port}`, release: () => server.close() };
}

export function keyFile(home: string): string {
  return join(home, 'operator.key');
}
