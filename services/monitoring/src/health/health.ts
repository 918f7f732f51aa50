import type { Severity } from '../alerts/alert-rule.js';

/** How well something is. */
export type HealthStatus = 'HEALTHY' | 'DEGRADED' | 'UNHEALTHY';

/** What a monitor says about what it watches. */
export type Condition = 'GOOD' | 'PENDING' | Severity;

const scores: Readonly<Record<Condition, number>> = { GOOD: 100, PENDING: 80, WARNING: 60, CRITICAL: 20 };

/** 0 to 100 for one component. */
export function scoreOf(condition: Condition): number {
  return scores[condition];
}

/** A score in a word: 80 and above is healthy, 50 and above degraded. */
export function statusOf(score: number): HealthStatus {
  if (score >= 80) return 'HEALTHY';
  return score >= 50 ? 'DEGRADED' : 'UNHEALTHY';
}

/** The whole is as well as its worst component; undefined where there is none. */
export function overallScore(conditions: readonly Condition[]): number | undefined {
  return conditions.length === 0 ? undefined : Math.min(...conditions.map(scoreOf));
}
