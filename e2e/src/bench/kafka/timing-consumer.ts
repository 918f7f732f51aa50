import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { BenchServers } from './bench-world.js';

const answerSchema = z.object({ count: z.number(), p50Ms: z.number(), p99Ms: z.number() });
export type Timings = z.infer<typeof answerSchema>;

/** The consuming service, as a process of its own. */
export class TimingConsumer {
  private readonly child: ChildProcess;

  constructor(servers: BenchServers) {
    this.child = fork(fileURLToPath(new URL('./timing-consumer.main.js', import.meta.url)), [JSON.stringify(servers)], {
      stdio: 'inherit',
    });
  }

  /** Waits until so many events have been handled, and gives their timings. */
  async collect(count: number): Promise<Timings> {
    const giveUpAt = performance.now() + 120_000;
    for (;;) {
      const { count: handled } = await this.ask('count');
      if (handled >= count) return this.ask('collect');
      if (performance.now() > giveUpAt) throw new Error(`only ${handled} of ${count} events arrived`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop(): Promise<void> {
    if (!this.child.connected) return;
    const ended = once(this.child, 'exit');
    this.child.disconnect();
    await ended;
  }

  private async ask(question: 'count' | 'collect'): Promise<Timings> {
    const answered = once(this.child, 'message');
    this.child.send(question);
    const [answer]: unknown[] = await answered;
    return answerSchema.parse(answer);
  }
}
