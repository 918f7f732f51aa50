import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A replica as a process of its own, which may be killed and started again. */
export class Worker {
  /** Records that reached it, in all its lives. */
  received = 0;
  kills = 0;
  private child: ChildProcess | undefined;

  constructor(
    readonly name: string,
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  /** What this life's effects are signed with: a process that comes after another is not the same. */
  get life(): string {
    return `${this.name}.${this.kills}`;
  }

  start(): void {
    const program = fileURLToPath(new URL('./worker.main.js', import.meta.url));
    const env = { ...process.env, NODE_OPTIONS: '', ...this.environment, WORKER: this.life };
    const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
    if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', (line) => (this.received += Number(line)));
    this.child = child;
  }

  async kill(): Promise<void> {
    await this.end('SIGKILL');
    this.kills += 1;
  }

  /** Lets it finish what it has in hand. @returns its exit code */
  stop(): Promise<unknown> {
    return this.end('SIGTERM');
  }

  private async end(signal: NodeJS.Signals): Promise<unknown> {
    const { child } = this;
    if (child === undefined) return undefined;
    this.child = undefined;
    if (child.exitCode !== null) return child.exitCode;
    const closed = once(child, 'close');
    child.kill(signal);
    const [code]: unknown[] = await closed;
    return code;
  }
}
