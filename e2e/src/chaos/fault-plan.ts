import { crashPoints, type CrashPoint } from '@q2/database';
import { randomOf, type Random } from './random.js';

/** Dies by kill -9 after a while: one replica, or both at once. */
export interface KillFault {
  readonly kind: 'kill';
  readonly service: string;
  readonly replicas: readonly number[];
  readonly afterMs: number;
}

/** Is killed, and started again so that it dies by itself at the Nth passing of a point in its code. */
export interface CrashFault {
  readonly kind: 'crash';
  readonly service: string;
  readonly replica: number;
  readonly point: CrashPoint;
  readonly passing: number;
  readonly afterMs: number;
}

/** Is asked to stop, as a rolling update does. */
export interface StopFault {
  readonly kind: 'stop';
  readonly service: string;
  readonly replica: number;
  readonly afterMs: number;
}

/** The database is shut down immediately, or the broker killed; both are started again. */
export interface ServerFault {
  readonly kind: 'postgres' | 'kafka';
  readonly afterMs: number;
}

export type Fault = KillFault | CrashFault | StopFault | ServerFault;

/** What to plan for. */
export interface PlanOptions {
  readonly seed: number;
  /** Deaths of processes by SIGKILL. */
  readonly kills: number;
  readonly services: readonly [string, ...string[]];
  /** Of each service. */
  readonly replicas: number;
  /** Servers that are to be restarted in mid-run, three times each. */
  readonly servers: readonly ServerFault['kind'][];
}

/** Restarts of each server in one run. */
const restartsOfEach = 3;
/** How often a point may be passed before the death, at most: enough to be past the start, few enough to come soon. */
const latestPassing: Readonly<Record<CrashPoint, number>> = {
  'transaction.before-commit': 40,
  'relay.before-publish': 3,
  'relay.after-publish': 3,
  'consumer.mid-batch': 3,
  'process.during-shutdown': 1,
};

/** How many processes die by SIGKILL in a fault. One that is to crash is killed first, to be started with its point armed. */
export function killsOf(fault: Fault): number {
  if (fault.kind === 'crash') return 2;
  return fault.kind === 'kill' ? fault.replicas.length : 0;
}

/**
 * Draws the faults of a run: the same for the same options. Crash points and services are dealt from shuffled decks, so
 * that each comes up about equally often, however few faults there are.
 */
export function planFaults(options: PlanOptions): Fault[] {
  const random = randomOf(options.seed);
  const nextService = deck(random, options.services);
  const nextPoint = deck(random, crashPoints);
  const faults: Fault[] = [];
  for (let left = options.kills; left > 0;) {
    const fault = drawFault({ random, left, replicas: options.replicas, service: nextService(), nextPoint });
    faults.push(fault);
    left -= killsOf(fault);
  }
  return withServers(faults, options.servers, random);
}

interface Draw {
  readonly random: Random;
  /** Kills still to be planned. */
  readonly left: number;
  readonly replicas: number;
  readonly service: string;
  readonly nextPoint: () => CrashPoint;
}

/** Of twenty faults nine are crashes at a point, one is a stop, and ten are kills, of both replicas each third time. */
function drawFault({ random, left, replicas, service, nextPoint }: Draw): Fault {
  const replica = random.between(0, replicas - 1);
  const afterMs = random.between(0, 400);
  const lot = random.between(1, 20);
  if (lot <= 9 && left >= 2) {
    const point = nextPoint();
    return { kind: 'crash', service, replica, point, passing: random.between(1, latestPassing[point]), afterMs };
  }
  if (lot === 10) return { kind: 'stop', service, replica, afterMs };
  const both = lot <= 13 && replicas > 1 && left >= replicas;
  return { kind: 'kill', service, replicas: both ? Array.from({ length: replicas }, (_, each) => each) : [replica], afterMs };
}

/** Deals from a shuffled deck, and shuffles anew when it is empty. */
function deck<T>(random: Random, cards: readonly [T, ...T[]]): () => T {
  let rest: T[] = [];
  return () => {
    if (rest.length === 0) rest = random.shuffled(cards);
    return rest.pop() ?? cards[0];
  };
}

/** Spreads the restarts of servers evenly over the run. */
function withServers(faults: readonly Fault[], servers: readonly ServerFault['kind'][], random: Random): Fault[] {
  const restarts = Array.from({ length: restartsOfEach }, () => servers).flat();
  const spread = [...faults];
  restarts.forEach((kind, index) => {
    const at = Math.round(((index + 1) * faults.length) / (restarts.length + 1)) + index;
    spread.splice(at, 0, { kind, afterMs: random.between(0, 400) });
  });
  return spread;
}
