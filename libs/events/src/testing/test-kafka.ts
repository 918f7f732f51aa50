import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { findKafka } from './kafka-source.js';

/** Kafka for a test file. */
export interface TestKafka {
  /** Addresses, host:port. */
  readonly brokers: string[];
  /**
   * Ends the broker with SIGKILL; its data and ports stay.
   *
   * @throws {Error} on a server that is not the tests' own
   */
  kill(): Promise<void>;
  /**
   * Starts the broker again, on the same data and ports.
   *
   * @throws {Error} on a server that is not the tests' own
   */
  start(): Promise<void>;
  /** Ends the broker and removes its data; a server that is not the tests' own is left as it is. */
  stop(): Promise<void>;
}

const replySchema = z.object({ address: z.string().optional(), error: z.string().optional() });

/**
 * Starts a broker that nobody else uses, or gives the server named by `KAFKA_BROKERS` where none can be started. The broker does not
 * outlive this process.
 *
 * @throws {Error} where there is no Kafka, or it does not start
 */
export async function startTestKafka(): Promise<TestKafka> {
  const source = findKafka(process.env);
  if (source.kind === 'script') return OwnKafka.start(source.script);
  if (source.kind === 'none') throw new Error(source.reason);
  const refuse = () => Promise.reject(new Error(`${source.brokers.join(',')} is not the tests' own: it is neither killed nor started`));
  return { brokers: [...source.brokers], kill: refuse, start: refuse, stop: () => Promise.resolve() };
}

class OwnKafka implements TestKafka {
  readonly brokers: string[] = [];

  private constructor(private readonly keeper: ChildProcess) {}

  static async start(script: string): Promise<OwnKafka> {
    const program = fileURLToPath(new URL('./broker-keeper.main.js', import.meta.url));
    // Detached: what ends the tests from the keyboard must not end the one that cleans up after them.
    const keeper = fork(program, [script], {
      detached: true,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      cwd: '/',
      env: process.env,
    });
    keeper.unref();
    const kafka = new OwnKafka(keeper);
    try {
      await kafka.start();
    } catch (error) {
      await kafka.stop();
      throw error;
    }
    return kafka;
  }

  async start(): Promise<void> {
    const address = await this.order('start');
    if (this.brokers.length === 0 && address !== undefined) this.brokers.push(address);
  }

  async kill(): Promise<void> {
    await this.order('kill');
  }

  async stop(): Promise<void> {
    if (!this.keeper.connected) return;
    const ended = once(this.keeper, 'exit');
    this.keeper.ref();
    this.keeper.disconnect();
    await ended;
  }

  /** Only while an answer is awaited does the channel keep this process alive. */
  private async order(order: 'start' | 'kill'): Promise<string | undefined> {
    if (!this.keeper.connected) throw new Error('the broker has ended');
    this.keeper.channel?.ref();
    const waiting = new AbortController();
    const answered = once(this.keeper, 'message', waiting);
    const ended = once(this.keeper, 'exit', waiting).then(() => [{ error: 'the broker has ended' }]);
    this.keeper.send(order, () => undefined);
    const [message]: unknown[] = await Promise.race([answered, ended]);
    waiting.abort();
    await Promise.allSettled([answered, ended]);
    this.keeper.channel?.unref();
    const { address, error } = replySchema.parse(message);
    if (error !== undefined) throw new Error(error);
    return address;
  }
}
