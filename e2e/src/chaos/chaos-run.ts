import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serviceNames, startProcesses, type PlatformProcesses, type ServiceName } from '../processes/platform-processes.js';
import { stepAfterHealing, tenantsKnownEverywhere } from './after-healing.js';
import { auditVerdicts } from './audit-verdicts.js';
import { backlogVerdicts } from './backlog.js';
import { FaultInjector, readyWithinMs, type Injected } from './fault-injector.js';
import { planFaults } from './fault-plan.js';
import { faultVerdicts } from './fault-verdicts.js';
import { injectAll } from './fault-queue.js';
import { Ledger } from './ledger.js';
import { Load } from './load.js';
import { openCustomers, type Customers } from './loaded-platform.js';
import { KafkaServer, PostgresServer } from './servers.js';
import { usageVerdicts } from './usage-verdict.js';
import { allHold, merged, type Verdict } from './verdict.js';

export interface ChaosOptions {
  readonly seed: number;
  /** Deaths of processes by SIGKILL. */
  readonly kills: number;
  /** Services that are killed. @default all */
  readonly services?: readonly [ServiceName, ...ServiceName[]];
  /** Of each service. @default 2 */
  readonly replicas?: number;
  /** Whether events go through Kafka, or else through the database. @default true */
  readonly hasKafka?: boolean;
  /** @default 3 */
  readonly tenants?: number;
  /** Faults under way at once. @default 2 */
  readonly atOnce?: number;
  /** Told what happens. */
  readonly say: (line: string) => void;
}

/** What a run found. */
export interface ChaosResult {
  readonly injected: readonly Injected[];
  readonly acknowledged: number;
  readonly repeated: number;
  readonly faultsMs: number;
  /** From the end of the load until nothing was left to do. */
  readonly drainedMs: number;
  readonly verdicts: readonly Verdict[];
}

/** Between two steps of a journey: enough to leave two cores to the processes that start. */
const pauseMs = 400;

/** Starts the platform with two replicas of each service over servers of its own, does the plan's faults to it under load, and judges. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const home = await mkdtemp(join(tmpdir(), 'q2-chaos-'));
  const undo: (() => Promise<unknown>)[] = [() => rm(home, { recursive: true, force: true })];
  try {
    const postgres = await PostgresServer.start(home);
    undo.push(() => postgres.stop());
    const kafka = (options.hasKafka ?? true) ? await KafkaServer.start() : undefined;
    if (kafka !== undefined) undo.push(() => kafka.stop());
    const brokers = kafka === undefined ? {} : { brokers: kafka.brokers };
    // Compiled code is kept from start to start: a process that is killed a dozen times need not compile itself as often.
    const environment = { NODE_COMPILE_CACHE: join(home, 'compiled') };
    const { replicas = 2 } = options;
    const platform = await startProcesses({ replicas, databaseUrl: postgres.url, home, environment, autostart: false, ...brokers });
    undo.push(() => platform.stop());
    for (const each of platform.all) await each.start();
    await Promise.all(platform.all.map((each) => each.untilReady(readyWithinMs)));
    return await rage(options, platform, kafka === undefined ? { postgres } : { postgres, kafka });
  } finally {
    for (const step of undo.reverse()) await step();
  }
}

async function rage(
  options: ChaosOptions,
  platform: PlatformProcesses,
  servers: { readonly postgres: PostgresServer; readonly kafka?: KafkaServer },
): Promise<ChaosResult> {
  const { seed, say } = options;
  const ledger = new Ledger();
  const customers = await openCustomers({ platform, seed, ledger, tenants: options.tenants ?? 3 });
  const load = new Load(customers.journeys, pauseMs);
  try {
    await load.start();
    say(`the platform is under load; ${String(customers.journeys.length)} callers`);
    const beganAt = performance.now();
    const injector = new FaultInjector(platform, servers);
    const injected = await injectFaults(options, injector);
    const faultsMs = performance.now() - beganAt;
    await injector.heal();
    await platform.untilReady();
    await load.end();
    say(`healed after ${(faultsMs / 1_000).toFixed(0)} s; ${String(ledger.acknowledged.length)} requests are acknowledged`);
    const verdicts = [await stepAfterHealing(load, ledger)];
    await load.conclude();
    const backlog = await backlogVerdicts(platform, servers.postgres.url);
    verdicts.push(
      ...backlog.verdicts,
      ...(await judge(customers, load, ledger)),
      ...unaskedVerdicts(injector, ledger, load),
      ...faultVerdicts(injected),
    );
    if (!allHold(verdicts)) say(`what the processes printed is in ${await saveOutputs(platform)}`);
    return {
      injected,
      verdicts: merged(verdicts),
      acknowledged: ledger.acknowledged.length,
      repeated: ledger.repeated,
      faultsMs,
      drainedMs: backlog.drainedMs,
    };
  } finally {
    customers.close();
  }
}

/** Gives the folder that it wrote to. */
async function saveOutputs(platform: PlatformProcesses): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'q2-chaos-output-'));
  for (const each of platform.all) await writeFile(join(folder, `${each.service}-${String(each.index)}.log`), each.output());
  return folder;
}

async function injectFaults(options: ChaosOptions, injector: FaultInjector): Promise<Injected[]> {
  const { seed, kills, services = serviceNames, replicas = 2, atOnce = 2, say } = options;
  const [first, ...others] = services;
  if (first === undefined) throw new Error('name at least one service');
  const faults = planFaults({ seed, kills, services: [first, ...others], replicas, servers: injector.servers });
  const injected: Injected[] = [];
  await injectAll(faults, atOnce, async (fault) => {
    const result = await injector.inject(fault);
    injected.push(result);
    say(`${String(injected.length)}/${String(faults.length)} ${describeFault(result)}`);
    await injector.heal();
  });
  return injected;
}

/** One line about a fault and how long the victims took to be ready again. */
function describeFault({ fault, ends, recoveryMs, isHit }: Injected): string {
  const recovery = `ready again after ${(recoveryMs / 1_000).toFixed(1)} s`;
  switch (fault.kind) {
    case 'kill':
      return `kill -9 ${fault.service} ${fault.replicas.join(' and ')}: ${recovery}`;
    case 'stop':
      return `SIGTERM ${fault.service} ${String(fault.replica)} ended with ${ends.join()}: ${recovery}`;
    case 'crash':
      return `${fault.point}:${String(fault.passing)} in ${fault.service} ${String(fault.replica)}${isHit ? '' : ' not reached, killed'}: ${recovery}`;
    default:
      return `${fault.kind} ended and started in ${(recoveryMs / 1_000).toFixed(1)} s`;
  }
}

async function judge(customers: Customers, load: Load, ledger: Ledger): Promise<Verdict[]> {
  const { operator, meters, children } = customers;
  const verdicts = await load.verdicts();
  for (const { tenant, models } of meters) verdicts.push(...(await usageVerdicts(tenant, models)));
  return [...verdicts, ...(await auditVerdicts(operator, ledger)), await tenantsKnownEverywhere(operator, children.names)];
}

/** What must never happen, whatever the faults. */
function unaskedVerdicts(injector: FaultInjector, ledger: Ledger, load: Load): Verdict[] {
  const checked = ledger.acknowledged.length;
  return [
    { claim: 'no request is refused for good', checked, violations: [...new Set([...ledger.refusals, ...load.failures])] },
    { claim: 'no process ends that no fault ended', checked: serviceNames.length * 2, violations: injector.unasked },
  ];
}
