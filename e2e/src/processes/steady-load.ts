import { setTimeout as sleep } from 'node:timers/promises';
import { RawCaller } from '../contracts/raw-call.js';
import type { PlatformProcesses } from './platform-processes.js';
import { sampleChanges, type SampleChange } from './sample-changes.js';

export interface LoadOptions {
  readonly platform: Pick<PlatformProcesses, 'addressesOf'>;
  /** `tenants/…`. */
  readonly tenant: string;
  readonly token: string;
  /** Callers of each service. @default 2 */
  readonly callers?: number;
  /** Wait of a caller after each answer. @default 10 */
  readonly pauseMs?: number;
  /** @default one for each service */
  readonly changes?: readonly SampleChange[];
}

/**
 * Calls of stock clients, which know the addresses of all replicas and repeat nothing by themselves. Each change is made
 * once and is new: one that was made twice would fail as already there, and every failure is kept.
 */
export class SteadyLoad {
  /** Acknowledged changes, by method as the audit log spells it. */
  readonly acknowledged = new Map<string, number>();
  readonly failures: string[] = [];
  private isStopping = false;
  private readonly running: Promise<unknown>;

  constructor(private readonly options: LoadOptions) {
    const { callers = 2, changes = sampleChanges } = options;
    this.running = Promise.all(changes.flatMap((change) => Array.from({ length: callers }, (_, caller) => this.run(change, caller))));
  }

  get total(): number {
    return [...this.acknowledged.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Resolves once so many more changes of each method have been acknowledged. */
  async untilMore(count: number): Promise<void> {
    const before = new Map(this.acknowledged);
    const { changes = sampleChanges } = this.options;
    const isThere = () => changes.every(({ method }) => this.count(method.name) >= (find(before, method.name) ?? 0) + count);
    while (!isThere() && this.failures.length === 0) await sleep(50);
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await this.running;
  }

  private count(methodName: string): number {
    return find(this.acknowledged, methodName) ?? 0;
  }

  private async run({ service, method, request }: SampleChange, caller: number): Promise<void> {
    const { platform, tenant, token, pauseMs = 10 } = this.options;
    const client = new RawCaller(`ipv4:${platform.addressesOf(service).join(',')}`);
    const name = `${method.parent.typeName}/${method.name}`;
    for (let index = 0; !this.isStopping; index += 1) {
      const { code, details } = await client.call(method, request(tenant, `load-${caller}-${index}`), token);
      if (code === 'OK') this.acknowledged.set(name, (this.acknowledged.get(name) ?? 0) + 1);
      else this.failures.push(`${name}: ${code} ${details}`);
      await sleep(pauseMs);
    }
    client.close();
  }
}

function find(counts: ReadonlyMap<string, number>, methodName: string): number | undefined {
  return [...counts].find(([name]) => name.endsWith(`/${methodName}`))?.[1];
}
