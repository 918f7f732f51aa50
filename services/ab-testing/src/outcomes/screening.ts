import { experiments } from '@q2/contracts';
import type { Experiment } from '../experiments/experiment.js';
import { takesData, type StateName } from '../experiments/lifecycle.js';

const { MetricKind } = experiments;

type RejectionReason =
  'EXPERIMENT_NOT_FOUND' | 'EXPERIMENT_NOT_STARTED' | 'EXPERIMENT_ENDED' | 'UNKNOWN_VARIANT' | 'UNKNOWN_METRIC' | 'NOT_A_PROPORTION';

export interface Rejection {
  readonly id: string;
  readonly reason: RejectionReason;
  readonly message: string;
}

/** What of a batch can be stored, each id once, and what can't. */
export interface Screened<Item> {
  readonly usable: readonly Item[];
  /** Ids that came twice within the batch. */
  readonly repeated: number;
  readonly rejections: readonly Rejection[];
}

type Problem = Omit<Rejection, 'id'>;

/** An experiment that data came for; undefined where there is none of that name. */
export type DataTarget = { readonly state: StateName; readonly experiment: Experiment } | undefined;

function targetProblem(target: DataTarget): Problem | undefined {
  if (!target) return { reason: 'EXPERIMENT_NOT_FOUND', message: 'there is no such experiment' };
  if (takesData(target.state)) return undefined;
  return target.state === 'DRAFT'
    ? { reason: 'EXPERIMENT_NOT_STARTED', message: 'the experiment is a draft and takes no data yet' }
    : { reason: 'EXPERIMENT_ENDED', message: `the experiment is ${target.state} and takes no more data` };
}

function screen<Item extends { readonly id: string }>(
  items: readonly Item[],
  problemOf: (item: Item) => Problem | undefined,
): Screened<Item> {
  const usable = new Map<string, Item>();
  const rejections: Rejection[] = [];
  let repeated = 0;
  for (const item of items) {
    const problem = problemOf(item);
    if (problem) rejections.push({ id: item.id, ...problem });
    else if (usable.has(item.id)) repeated += 1;
    else usable.set(item.id, item);
  }
  return { usable: [...usable.values()], repeated, rejections };
}

/** Sorts exposures into what can be stored and what can't. */
export function screenExposures<Item extends { readonly id: string; readonly variant: string }>(
  target: DataTarget,
  exposures: readonly Item[],
): Screened<Item> {
  const general = targetProblem(target);
  const variants = new Set(target?.experiment.variants.map(({ id }) => id));
  return screen(exposures, ({ variant }) => {
    if (general || variants.has(variant)) return general;
    return { reason: 'UNKNOWN_VARIANT', message: `the experiment has no variant '${variant}', only ${[...variants].join(', ')}` };
  });
}

/** Sorts outcomes into what can be stored and what can't. */
export function screenOutcomes<Item extends { readonly id: string; readonly metric: string; readonly value: number }>(
  target: DataTarget,
  outcomes: readonly Item[],
): Screened<Item> {
  const general = targetProblem(target);
  const kinds = new Map(target?.experiment.metrics.map(({ id, kind }) => [id, kind]));
  return screen(outcomes, ({ metric, value }) => {
    if (general) return general;
    const kind = kinds.get(metric);
    if (kind === undefined) {
      return { reason: 'UNKNOWN_METRIC', message: `the experiment has no metric '${metric}', only ${[...kinds.keys()].join(', ')}` };
    }
    if (kind !== MetricKind.PROPORTION || value === 0 || value === 1) return undefined;
    return { reason: 'NOT_A_PROPORTION', message: `an outcome of '${metric}' must be 0 or 1, got ${value}` };
  });
}
