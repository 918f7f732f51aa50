import { setTimeout as sleep } from 'node:timers/promises';
import type { PlatformProcesses } from '../processes/platform-processes.js';
import type { ServiceProcess } from '../processes/service-process.js';
import type { CrashFault, Fault, KillFault, ServerFault, StopFault } from './fault-plan.js';

/** A server that the platform stands on, such as its database. */
export interface Server {
  /** Ends it as a crash would, and starts it again; resolves once it answers. */
  restart(): Promise<void>;
}

/** What became of a fault. */
export interface Injected {
  readonly fault: Fault;
  /** How the victims ended, such as SIGKILL. */
  readonly ends: readonly (string | number)[];
  /** From the last death to the victims ready again. */
  readonly recoveryMs: number;
  /** For crashes: whether the point was passed; otherwise the process was killed after a while. */
  readonly isHit: boolean;
}

/** How long an armed process gets to come to its point, its start included. */
const reachesPointWithinMs = 60_000;
/** How long a start may take where the machine is busy with other things. */
export const readyWithinMs = 600_000;

/** Does to the platform what the plan says, and brings it up again. */
export class FaultInjector {
  /** Deaths that no fault was the cause of. */
  readonly unasked: string[] = [];
  private readonly attended = new Set<ServiceProcess>();

  constructor(
    private readonly platform: PlatformProcesses,
    private readonly under: { readonly postgres: Server; readonly kafka?: Server },
  ) {}

  /** Servers that can be restarted. */
  get servers(): ServerFault['kind'][] {
    return this.under.kafka === undefined ? ['postgres'] : ['postgres', 'kafka'];
  }

  async inject(fault: Fault): Promise<Injected> {
    await sleep(fault.afterMs);
    switch (fault.kind) {
      case 'kill':
        return this.kill(fault);
      case 'crash':
        return this.crash(fault);
      case 'stop':
        return this.stop(fault);
      default: {
        const beganAt = performance.now();
        await this.under[fault.kind]?.restart();
        return { fault, ends: [], recoveryMs: performance.now() - beganAt, isHit: true };
      }
    }
  }

  /** Starts what has ended without being asked to, as whoever runs the platform would. */
  async heal(): Promise<void> {
    for (const each of this.platform.all) if (!this.attended.has(each)) await this.ensureRunning(each);
  }

  private async kill(fault: KillFault): Promise<Injected> {
    const victims = fault.replicas.map((replica) => this.victim(fault.service, replica));
    return this.attending(victims, async () => {
      const ends = await Promise.all(victims.map((victim) => victim.end('SIGKILL')));
      return { fault, ends, isHit: true, recoveryMs: await this.bringUp(victims) };
    });
  }

  private async stop(fault: StopFault): Promise<Injected> {
    const victim = this.victim(fault.service, fault.replica);
    return this.attending([victim], async () => {
      const end = await victim.end('SIGTERM');
      return { fault, ends: [end], isHit: true, recoveryMs: await this.bringUp([victim]) };
    });
  }

  private async crash(fault: CrashFault): Promise<Injected> {
    const victim = this.victim(fault.service, fault.replica);
    return this.attending([victim], async () => {
      const ends = [await victim.end('SIGKILL')];
      await victim.start({ Q2_CRASH_POINT: `${fault.point}:${String(fault.passing)}` });
      if (fault.point === 'process.during-shutdown') {
        await victim.untilReady(readyWithinMs);
        ends.push(await victim.end('SIGTERM'));
        return { fault, ends, isHit: ends[1] === 'SIGKILL', recoveryMs: await this.bringUp([victim]) };
      }
      const isHit = await Promise.race([victim.ended().then(() => true), sleep(reachesPointWithinMs, false)]);
      ends.push(await victim.end('SIGKILL'));
      return { fault, ends, isHit, recoveryMs: await this.bringUp([victim]) };
    });
  }

  private async bringUp(victims: readonly ServiceProcess[]): Promise<number> {
    const beganAt = performance.now();
    await Promise.all(victims.map((victim) => this.startUntilReady(victim)));
    return performance.now() - beganAt;
  }

  /** One that gives up while it starts is started again, and written down: it should have waited. */
  private async startUntilReady(victim: ServiceProcess): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      await victim.start();
      try {
        await victim.untilReady(readyWithinMs);
        return;
      } catch (error) {
        if (victim.isRunning || tries === 5) throw error;
        this.note(victim, await victim.ended());
      }
    }
  }

  private async ensureRunning(each: ServiceProcess): Promise<void> {
    if (each.isRunning) return;
    this.note(each, await each.ended());
    await this.attending([each], () => this.startUntilReady(each));
  }

  private note(each: ServiceProcess, end: string | number): void {
    const lastWords = each.output().trim().split('\n').at(-1) ?? '';
    this.unasked.push(`${each.service} ${String(each.index)} ended with ${String(end)}: ${lastWords}`);
  }

  private victim(service: string, index: number): ServiceProcess {
    const victim = this.platform.all.find((each) => each.service === service && each.index === index);
    if (victim === undefined) throw new Error(`there is no ${service} ${String(index)}`);
    return victim;
  }

  /** Two faults never share a victim; whoever heals leaves it to its fault. */
  private async attending<T>(victims: readonly ServiceProcess[], work: () => Promise<T>): Promise<T> {
    for (const victim of victims) this.attended.add(victim);
    try {
      return await work();
    } finally {
      for (const victim of victims) this.attended.delete(victim);
    }
  }
}
