import type { MessageInitShape } from '@bufbuild/protobuf';
import { workflows } from '@q2/contracts';
import type { Client } from '@q2/service-kit';
import { Channel } from '../workers/channel.js';
import { eventually } from './bench.testing.js';

type Request = MessageInitShape<typeof workflows.WorkRequestSchema>;

/** A worker of tenant acme that does only what the test tells it to. */
export class TestWorker {
  readonly tasks: workflows.Task[] = [];
  readonly acknowledged: string[] = [];
  readonly revoked: string[] = [];
  /** How the stream ended: `undefined` while it is open. */
  end: { error: unknown } | undefined;
  leaseMs = 0;
  private readonly outbound = new Channel<Request>();
  private readonly abort = new AbortController();
  /** Deliveries that it need keep no more. */
  private readonly settled = new Set<string>();
  private readonly beats = setInterval(() => this.beat(), 150);

  constructor(
    client: Client<typeof workflows.WorkerService>,
    registration: Partial<MessageInitShape<typeof workflows.RegisterSchema>> = {},
  ) {
    this.say({ case: 'register', value: { workerId: 'w', queues: ['default'], handlers: ['work'], capacity: 10, ...registration } });
    void this.listen(client);
  }

  say(message: NonNullable<Request['message']>, parent = 'tenants/acme'): void {
    this.outbound.push({ parent, message });
  }

  /** The task of a step, once it is given. */
  async task(step: string, attempt = 1): Promise<workflows.Task> {
    const given = await eventually(
      () => this.tasks.find((task) => task.step === step && task.attempt === attempt),
      (task) => task !== undefined,
    );
    if (given === undefined) throw new Error(`no task of step ${step}`);
    return given;
  }

  complete({ name, fence }: workflows.Task, output: Record<string, number | string> = {}): void {
    this.say({ case: 'complete', value: { lease: { task: name, fence }, output } });
  }

  fail({ name, fence }: workflows.Task, reason: string, isFinal = false): void {
    this.say({ case: 'fail', value: { lease: { task: name, fence }, reason, message: `${reason} it is`, isFinal } });
  }

  heartbeat({ name, fence }: workflows.Task, progress?: Record<string, number>): void {
    this.say({ case: 'heartbeat', value: { tasks: [{ lease: { task: name, fence }, ...(progress !== undefined && { progress }) }] } });
  }

  /** Keeps the leases of all tasks whose results are not stored, as workers do. */
  private beat(): void {
    const open = this.tasks.filter(({ name, fence }) => !this.settled.has(`${name}/${fence}`));
    if (open.length > 0)
      this.say({ case: 'heartbeat', value: { tasks: open.map(({ name, fence }) => ({ lease: { task: name, fence } })) } });
  }

  /** The worker's process dies: the connection goes, and nobody says anything. */
  die(): void {
    clearInterval(this.beats);
    this.abort.abort();
  }

  async ended(): Promise<unknown> {
    await eventually(
      () => this.end,
      (end) => end !== undefined,
    );
    return this.end?.error;
  }

  private async listen(client: Client<typeof workflows.WorkerService>): Promise<void> {
    try {
      for await (const { message } of client.work(this.outbound, { signal: this.abort.signal })) this.hear(message);
      this.end = { error: undefined };
    } catch (error) {
      this.end = { error };
    } finally {
      clearInterval(this.beats);
    }
  }

  private hear(message: workflows.WorkResponse['message']): void {
    if (message.case === 'task') this.tasks.push(message.value);
    if (message.case === 'acknowledged' || message.case === 'revoked') this.settled.add(`${message.value.task}/${message.value.fence}`);
    if (message.case === 'acknowledged') this.acknowledged.push(message.value.task);
    if (message.case === 'revoked') this.revoked.push(message.value.task);
    if (message.case === 'registered')
      this.leaseMs = Number(message.value.leaseDuration?.nanos ?? 0) / 1e6 + Number(message.value.leaseDuration?.seconds ?? 0n) * 1000;
  }
}
