import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Kept of what a process printed: the latest. */
const outputCharacters = 1_000_000;
const readyWithinMs = 180_000;

/** One replica of a service, as a process of its own on ports that stay the same from start to start. */
export class ServiceProcess {
  private child: ChildProcess | undefined;
  private text = '';
  private result: Promise<number | string> = Promise.resolve('never started');

  constructor(
    readonly service: string,
    readonly index: number,
    private readonly at: { grpcPort: number; httpPort: number; environment: Readonly<Record<string, string>> },
  ) {}

  get grpcAddress(): string {
    return `127.0.0.1:${this.at.grpcPort}`;
  }

  get httpAddress(): string {
    return `127.0.0.1:${this.at.httpPort}`;
  }

  /** @throws where it does not run */
  get pid(): number {
    const pid = this.isRunning ? this.child?.pid : undefined;
    if (pid === undefined) throw new Error(`${this.service} ${this.index} does not run: ${this.output().slice(-2_000)}`);
    return pid;
  }

  get isRunning(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** What it has printed since the first start, logs included. */
  output(): string {
    return this.text;
  }

  /**
   * Starts it, on the same ports as before. Resolves once the process exists; see {@link untilReady}.
   *
   * @param environment further variables of this start alone
   */
  async start(environment: Readonly<Record<string, string>> = {}): Promise<void> {
    if (this.isRunning) throw new Error(`${this.service} ${this.index} runs already`);
    const main = fileURLToPath(new URL(`../../../services/${this.service}/dist/main.js`, import.meta.url));
    // The channel tells the process when this one is gone, killed or not, so that nothing is left running behind it.
    const child = spawn(process.execPath, [main], {
      env: { ...process.env, NODE_OPTIONS: '', ...this.at.environment, ...this.addresses(), ...environment },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.child = child;
    const read = (chunk: Buffer) => (this.text = (this.text + chunk.toString()).slice(-outputCharacters));
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    this.result = once(child, 'close').then(([code, signal]: unknown[]) => (typeof code === 'number' ? code : String(signal)));
    await once(child, 'spawn');
  }

  /** Whether it says that it is ready. */
  async isReady(): Promise<boolean> {
    return (await this.probe('/readyz')).status === 200;
  }

  /** What a probe answers; status 0 where nothing listens. */
  async probe(path: '/livez' | '/readyz' | '/metrics'): Promise<{ status: number; text: string }> {
    try {
      const answer = await fetch(`http://${this.httpAddress}${path}`, { signal: AbortSignal.timeout(5_000) });
      return { status: answer.status, text: (await answer.text()).trim() };
    } catch {
      return { status: 0, text: '' };
    }
  }

  /** @throws where it ends before, or does not become ready in time */
  async untilReady(limitMs = readyWithinMs): Promise<void> {
    const giveUpAt = Date.now() + limitMs;
    while (!(await this.isReady())) {
      if (!this.isRunning || Date.now() > giveUpAt)
        throw new Error(`${this.service} ${this.index} did not become ready: ${this.output().slice(-4_000)}`);
      await sleep(100);
    }
  }

  /** Sends a signal. Gives the exit code, or the name of the signal that ended it; those of its last end where it does not run. */
  end(signal: NodeJS.Signals): Promise<number | string> {
    this.child?.kill(signal);
    return this.result;
  }

  /** How it ended, once it has: by itself or by a signal. */
  ended(): Promise<number | string> {
    return this.result;
  }

  private addresses(): Record<string, string> {
    return { GRPC_ADDRESS: this.grpcAddress, HTTP_ADDRESS: this.httpAddress };
  }
}
