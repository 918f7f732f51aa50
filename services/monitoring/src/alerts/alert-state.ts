import { judge, type AlertRule, type Reading, type Severity, type Verdict } from './alert-rule.js';

/** A problem between its first crossing and its end. All timers are instants, so they survive a restart. */
export interface Incident {
  readonly isFiring: boolean;
  readonly severity: Severity;
  /** When a threshold was first crossed. */
  readonly pendingAt: Date;
  readonly firedAt: Date | undefined;
  /** Since when each threshold is crossed without a break; undefined while it is not. */
  readonly warningSince: Date | undefined;
  readonly criticalSince: Date | undefined;
  /** Since when the value is below the severity without a break. */
  readonly belowSince: Date | undefined;
  /** Since when the value is clearly good without a break. */
  readonly clearSince: Date | undefined;
  readonly evaluatedAt: Date;
}

/** What an evaluation changed. OPENED and DROPPED are about pending incidents, which nobody is told of. */
export type Transition = 'NONE' | 'OPENED' | 'DROPPED' | 'FIRED' | 'RAISED' | 'LOWERED' | 'RESOLVED';

/** An incident after an evaluation; undefined where there is none (any more). */
export interface Folded {
  readonly incident: Incident | undefined;
  readonly transition: Transition;
}

/**
 * Moves the state of one alert on by one evaluation. An alert fires once a threshold stayed crossed for `pendingMs`,
 * each level with a timer of its own; it resolves once the value stayed clearly good for `keepFiringMs`; its severity
 * rises when the higher level is confirmed, and falls after `keepFiringMs` below it.
 *
 * @param incident state so far; undefined where nothing is wrong
 */
export function fold(rule: AlertRule, incident: Incident | undefined, reading: Reading, now: Date): Folded {
  const verdict = judge(rule, reading);
  if (!verdict.isKnown) return { incident: incident && withoutTime(incident, now), transition: 'NONE' };
  const moved = runTimers(incident, verdict, now);
  const confirmed = confirmedSeverity(rule, moved, now);
  return incident?.isFiring
    ? foldFiring({ rule, moved, verdict, confirmed }, incident)
    : foldPending({ moved, verdict, confirmed }, incident);
}

/** Time that says nothing counts for no timer: all of them move along with it. */
function withoutTime(incident: Incident, now: Date): Incident {
  const gapMs = Math.max(0, now.getTime() - incident.evaluatedAt.getTime());
  const shift = (at: Date | undefined) => at && new Date(at.getTime() + gapMs);
  return {
    ...incident,
    warningSince: shift(incident.warningSince),
    criticalSince: shift(incident.criticalSince),
    belowSince: shift(incident.belowSince),
    clearSince: shift(incident.clearSince),
    evaluatedAt: now,
  };
}

type Known = Extract<Verdict, { isKnown: true }>;

function runTimers(incident: Incident | undefined, verdict: Known, now: Date): Incident {
  const before: Partial<Incident> = incident ?? {};
  const { reached, isClear } = verdict;
  const severity = before.severity ?? reached ?? 'WARNING';
  const isHeld = reached === 'CRITICAL' || reached === severity;
  return {
    isFiring: before.isFiring ?? false,
    severity,
    pendingAt: before.pendingAt ?? now,
    firedAt: before.firedAt,
    warningSince: reached && (before.warningSince ?? now),
    criticalSince: reached === 'CRITICAL' ? (before.criticalSince ?? now) : undefined,
    belowSince: isHeld ? undefined : (before.belowSince ?? now),
    clearSince: isClear ? (before.clearSince ?? now) : undefined,
    evaluatedAt: now,
  };
}

/** The highest level that stayed crossed long enough. The timer of warnings runs with that of critical ones. */
function confirmedSeverity(rule: AlertRule, { warningSince, criticalSince }: Incident, now: Date): Severity | undefined {
  const isLongEnough = (since: Date | undefined) => since !== undefined && now.getTime() - since.getTime() >= rule.pendingMs;
  if (isLongEnough(criticalSince)) return 'CRITICAL';
  return isLongEnough(warningSince) ? 'WARNING' : undefined;
}

interface Evaluation {
  readonly moved: Incident;
  readonly verdict: Known;
  readonly confirmed: Severity | undefined;
}

function foldPending({ moved, verdict, confirmed }: Evaluation, incident: Incident | undefined): Folded {
  if (confirmed !== undefined) {
    const fired = { isFiring: true, severity: confirmed, firedAt: moved.evaluatedAt, belowSince: undefined };
    return { incident: { ...moved, ...fired }, transition: 'FIRED' };
  }
  if (verdict.reached === undefined) return { incident: undefined, transition: incident ? 'DROPPED' : 'NONE' };
  return { incident: { ...moved, severity: verdict.reached }, transition: incident ? 'NONE' : 'OPENED' };
}

function foldFiring({ rule, moved, verdict, confirmed }: Evaluation & { rule: AlertRule }, incident: Incident): Folded {
  const isLongEnough = (since: Date | undefined) =>
    since !== undefined && moved.evaluatedAt.getTime() - since.getTime() >= rule.keepFiringMs;
  if (isLongEnough(moved.clearSince)) return { incident: undefined, transition: 'RESOLVED' };
  if (confirmed === 'CRITICAL' && incident.severity === 'WARNING') return withSeverity(moved, 'CRITICAL', 'RAISED');
  if (verdict.reached === 'WARNING' && isLongEnough(moved.belowSince)) return withSeverity(moved, 'WARNING', 'LOWERED');
  return { incident: moved, transition: 'NONE' };
}

function withSeverity(incident: Incident, severity: Severity, transition: Transition): Folded {
  return { incident: { ...incident, severity, belowSince: undefined }, transition };
}
