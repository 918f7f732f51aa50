import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const startTries = 3;
/** Below what operating systems hand out for outgoing connections, so that a killed broker finds its ports free again. */
const lowestPort = 20_000;
const highestPort = 32_000;

/** A Kafka with ports and a folder of its own, run by the script `kafka.sh`. Its calls are made one after the other. */
export class Broker {
  private constructor(
    private readonly script: string,
    private readonly folder: string,
    private readonly port: number,
    private readonly controllerPort: number,
  ) {}

  /** Starts a new broker; `remove` ends it. */
  static async start(script: string): Promise<Broker> {
    for (let tries = 1; ; tries += 1) {
      const folder = await mkdtemp(join(tmpdir(), 'q2-test-kafka-'));
      const broker = new Broker(script, folder, await freePort(), await freePort());
      try {
        await broker.up();
        return broker;
      } catch (error) {
        await broker.remove();
        if (tries === startTries) throw error;
      }
    }
  }

  get address(): string {
    return `127.0.0.1:${String(this.port)}`;
  }

  /** Starts the broker again on its data, where it was killed. */
  async restart(): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await this.up();
        return;
      } catch (error) {
        await this.kill();
        if (tries === startTries) throw error;
      }
    }
  }

  /** Ends the broker as a machine that fails would: nothing is flushed or told to anybody. */
  async kill(): Promise<void> {
    const pidFile = join(this.folder, 'broker.pid');
    const pid = Number(await readFile(pidFile, 'utf8').catch(() => '0'));
    if (pid <= 0) return;
    signal(pid);
    while (await isRunning(pid)) await sleep(20);
    await rm(pidFile);
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  private up(): Promise<void> {
    const own = { KAFKA_DATA: this.folder, KAFKA_PORT: String(this.port), KAFKA_CTRL_PORT: String(this.controllerPort) };
    return new Promise((resolve, reject) => {
      execFile('bash', [this.script, 'up'], { env: { ...process.env, ...own } }, (error, stdout, stderr) => {
        if (error === null) resolve();
        else void this.describeFailure(`${stdout}${stderr}`).then(reject);
      });
    });
  }

  private async describeFailure(output: string): Promise<Error> {
    const log = await readFile(join(this.folder, 'broker.log'), 'utf8').catch(() => '');
    return new Error(`Kafka did not start: ${output.trim()}\n${log.slice(-2_000)}`);
  }
}

async function freePort(): Promise<number> {
  for (;;) {
    const port = lowestPort + Math.floor(Math.random() * (highestPort - lowestPort));
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

function signal(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** Whether a process runs. One that ended and waits for its parent to notice does not, once the last of its threads has let go. */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const status = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => '');
  const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
  return fields[0] !== 'Z' || Number(fields[17]) > 1;
}
