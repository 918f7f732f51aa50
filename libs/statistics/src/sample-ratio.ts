import { InvalidArgument } from '@q2/errors';
import { requireCount } from './check.js';
import { chiSquareLogSurvival } from './chi-square.js';
import { deviance, stirlingError } from './log-gamma.js';

/** One arm of an experiment: how many units it has, and its share of them by plan. */
export interface Arm {
  readonly count: number;
  /** Any unit; only the ratio to the sum of all matters. */
  readonly weight: number;
}

/** Whether units are split as planned. */
export interface SampleRatioResult {
  readonly chiSquare: number;
  readonly degreesOfFreedom: number;
  readonly pValue: number;
  readonly logPValue: number;
  /** Logarithm of a p-value that stays valid under continuous looking. */
  readonly logAlwaysValidPValue: number;
  /** An arm of weight zero has units, which no p-value is needed to call wrong. */
  readonly hasUnexpectedUnits: boolean;
}

/**
 * How near the planned split the sequential test expects a wrong one: as if a thousand units had been seen at the
 * planned split, which finds shifts of one to ten per cent soonest.
 */
const CONCENTRATION = 1000;

/** What the counts say, arms of weight zero left out. */
interface PlannedArm {
  readonly count: number;
  readonly share: number;
}

function plannedArms(arms: readonly Arm[]): PlannedArm[] {
  arms.forEach(({ count, weight }, index) => {
    requireCount(`arms[${index}].count`, count);
    if (!(weight >= 0 && weight < Infinity)) throw InvalidArgument.field(`arms[${index}].weight`, `must be 0 or more, got ${weight}`);
  });
  const whole = arms.reduce((sum, { weight }) => sum + weight, 0);
  if (whole === 0) throw InvalidArgument.field('arms', 'must have a weight above 0 in one of them');
  return arms.filter(({ weight }) => weight > 0).map(({ count, weight }) => ({ count, share: weight / whole }));
}

/**
 * Logarithm of the Bayes factor of "another split" over the planned one: Dirichlet–multinomial against multinomial,
 * written with Stirling errors so that it keeps its digits at any count. Under the planned split it is a martingale,
 * so by Ville's inequality its inverse is an always-valid p-value.
 * Source: Lindon & Malek, "Anytime-Valid Inference for Multinomial Count Data" (NeurIPS 2022).
 */
function logBayesFactor(arms: readonly PlannedArm[]): number {
  const prior = CONCENTRATION;
  const posterior = prior + arms.reduce((sum, { count }) => sum + count, 0);
  const perArm = arms.map(({ count, share }) => {
    const [before, after] = [prior * share, prior * share + count];
    return deviance(after, posterior * share) - 0.5 * Math.log(after / before) + stirlingError(after) - stirlingError(before);
  });
  const whole = 0.5 * Math.log(posterior / prior) - stirlingError(posterior) + stirlingError(prior);
  return perArm.reduce((sum, term) => sum + term, whole);
}

/**
 * Checks for a sample-ratio mismatch: Pearson's chi-square over the arms with a weight for a single look, and a
 * sequential multinomial test for continuous looking. Units in an arm of weight zero are reported on their own.
 *
 * @throws {InvalidArgument} where a count or weight is negative or not a number, or no arm has a weight
 */
export function sampleRatio(arms: readonly Arm[]): SampleRatioResult {
  const planned = plannedArms(arms);
  const total = planned.reduce((sum, { count }) => sum + count, 0);
  const degreesOfFreedom = planned.length - 1;
  const chiSquare = total === 0 ? 0 : planned.reduce((sum, { count, share }) => sum + (count - total * share) ** 2 / (total * share), 0);
  const logPValue = degreesOfFreedom === 0 ? 0 : chiSquareLogSurvival(chiSquare, degreesOfFreedom);
  return {
    chiSquare,
    degreesOfFreedom,
    pValue: Math.exp(logPValue),
    logPValue,
    logAlwaysValidPValue: Math.min(0, 0 - logBayesFactor(planned)),
    hasUnexpectedUnits: arms.some(({ count, weight }) => weight === 0 && count > 0),
  };
}
