import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../demo/main.js', import.meta.url));

/** `npm run demo` as a process of its own, against a platform that may go away meanwhile. */
export class RunningDemo {
  private text = '';
  private hasClosed = false;
  private readonly closed: Promise<void>;

  private constructor(private readonly child: ChildProcess) {
    this.closed = once(child, 'close').then(() => {
      this.hasClosed = true;
    });
    const read = (chunk: Buffer) => (this.text += chunk.toString());
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
  }

  /**
   * @param home  the platform's: the demo finds the operator's key there, and keeps there which run was interrupted
   * @param where the platform's address, or variables that say where each service is
   */
  static start(home: string, where: string | Readonly<Record<string, string>>): RunningDemo {
    const addresses = typeof where === 'string' ? { Q2_ADDRESS: where } : where;
    const env = { ...process.env, NODE_OPTIONS: '', Q2_HOME: home, ...addresses };
    return new RunningDemo(spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] }));
  }

  get output(): string {
    return this.text;
  }

  /** The tenant of its run, `tenants/demo-…`. */
  get tenant(): string {
    const [name] = /tenants\/demo-[0-9a-f]+/.exec(this.text) ?? [];
    if (name === undefined) throw new Error(`the demo names no tenant: ${this.text}`);
    return name;
  }

  /**
   * Resolves as soon as a step has begun.
   *
   * @throws where the demo ends before
   */
  async untilStep(number: number): Promise<void> {
    const heading = new RegExp(`^${String(number).padStart(2)}  `, 'm');
    while (!heading.test(this.text)) {
      if (this.hasClosed) throw new Error(`the demo ended before step ${number}: ${this.text}`);
      await Promise.race([once(this.child.stdout ?? this.child, 'data'), this.closed]);
    }
  }

  /** Resolves to its exit code once it has ended by itself. */
  async finish(): Promise<number | null> {
    await this.closed;
    return this.child.exitCode;
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.closed;
  }
}
