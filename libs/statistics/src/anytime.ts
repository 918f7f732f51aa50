// Inference that stays valid however often the data is looked at, and whenever one stops.
import { requireNumber, requirePositive, requireProbability } from './check.js';
import { around, noVariation, type Estimate, type Interval } from './result.js';

/** When a confidence sequence is narrowest: it is valid at every sample, but tightest near the one planned. */
export interface SequencePlan {
  /** Chance that the sequence ever misses the true value. */
  readonly alpha: number;
  /** Sample at which it should be narrowest, counted as `sampleCount` is. */
  readonly tightestAt: number;
}

function requireEstimate({ value, standardError }: Estimate): void {
  requireNumber('value', value);
  requireNumber('standardError', standardError);
  if (!(standardError > 0)) throw noVariation();
}

/**
 * ρ² of the plan: ρ² = (−2 log α + log(−2 log α + 1)) / t*, the closed form for a sequence tightest at t*.
 * Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, "Time-uniform central limit theory and asymptotic confidence
 * sequences", Annals of Statistics 52 (2024), appendix on tuning ρ.
 */
export function mixtureRate({ alpha, tightestAt }: SequencePlan): number {
  requireProbability('alpha', alpha);
  requirePositive('tightestAt', tightestAt);
  const cost = -2 * Math.log(alpha);
  return (cost + Math.log(cost + 1)) / tightestAt;
}

/**
 * Interval of an estimate in its asymptotic confidence sequence: with chance 1 − α the true value lies in all of
 * them, for all sample sizes at once. With σ² = n · standardError²: ± σ √[ 2(nρ² + 1)/(n²ρ²) · log(√(nρ² + 1)/α) ].
 * Source: as above, theorem 2.2.
 *
 * @param sampleCount observations that the estimate rests on (of a difference: both groups together)
 * @throws {FailedPrecondition} NO_VARIATION where the standard error is zero
 */
export function confidenceSequence(estimate: Estimate, sampleCount: number, plan: SequencePlan): Interval {
  requireEstimate(estimate);
  requirePositive('sampleCount', sampleCount);
  const information = sampleCount * mixtureRate(plan);
  const width = Math.sqrt(2 * (1 + 1 / information) * (0.5 * Math.log1p(information) - Math.log(plan.alpha)));
  return around(estimate.value, estimate.standardError * width);
}

/**
 * Logarithm of the always-valid p-value that belongs to the sequence: the least α whose interval, with ρ kept, leaves
 * zero out.
 *
 * @throws {FailedPrecondition} NO_VARIATION where the standard error is zero
 */
export function sequenceLogPValue(estimate: Estimate, sampleCount: number, plan: SequencePlan): number {
  requireEstimate(estimate);
  requirePositive('sampleCount', sampleCount);
  const information = sampleCount * mixtureRate(plan);
  const z = estimate.value / estimate.standardError;
  return Math.min(0, 0.5 * Math.log1p(information) - ((z * z) / 2) * (information / (1 + information)));
}

/**
 * Logarithm of the always-valid p-value of the mixture sequential probability ratio test with a normal mixture of
 * standard deviation τ over the effect: 1/Λ, Λ = √(V/(V + τ²)) exp(τ² d² / (2V(V + τ²))), V = standardError².
 * Source: Johari, Koomen, Pekelis & Walsh, "Always Valid Inference", Operations Research 70 (2022).
 *
 * @throws {FailedPrecondition} NO_VARIATION where the standard error is zero
 */
export function mixtureSprtLogPValue(estimate: Estimate, tau: number): number {
  requireEstimate(estimate);
  requirePositive('tau', tau);
  const odds = (tau / estimate.standardError) ** 2;
  const z = estimate.value / estimate.standardError;
  return Math.min(0, 0.5 * Math.log1p(odds) - ((z * z) / 2) * (odds / (1 + odds)));
}
