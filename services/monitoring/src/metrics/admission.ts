import { canonicalLabels, type Labels } from './series.js';

/** One measurement. */
export interface Point {
  readonly metric: string;
  readonly labels: Labels;
  readonly value: number;
  readonly at: Date;
}

/** Why a point was refused; `index` is its place in the batch. */
export interface Rejection {
  readonly index: number;
  readonly reason: 'POINT_TOO_OLD' | 'POINT_IN_FUTURE' | 'TOO_MANY_SERIES';
  readonly message: string;
}

/** A point that may be stored, with its place in the batch. */
export interface AdmittedPoint extends Point {
  readonly index: number;
}

/** How far ahead a producer's clock may be. Evaluation reads as far ahead, so that such points count at once. */
export const clockSkewMs = 60_000;

/** What may be stored at `now`. */
export interface AdmissionRules {
  readonly now: Date;
  readonly retentionMs: number;
}

/** Parts the points of a batch into those that may be stored, labels in canonical form, and those outside the time kept. */
export function admit(points: readonly Point[], rules: AdmissionRules): { admitted: AdmittedPoint[]; rejections: Rejection[] } {
  const admitted: AdmittedPoint[] = [];
  const rejections: Rejection[] = [];
  points.forEach((point, index) => {
    const rejection = timeProblem(point.at, index, rules);
    if (rejection) rejections.push(rejection);
    else admitted.push({ ...point, labels: canonicalLabels(point.labels), index });
  });
  return { admitted, rejections };
}

function timeProblem(at: Date, index: number, { now, retentionMs }: AdmissionRules): Rejection | undefined {
  const oldest = new Date(now.getTime() - retentionMs);
  const latest = new Date(now.getTime() + clockSkewMs);
  if (at < oldest)
    return { index, reason: 'POINT_TOO_OLD', message: `time must be ${oldest.toISOString()} or later, got ${at.toISOString()}` };
  if (at > latest)
    return { index, reason: 'POINT_IN_FUTURE', message: `time must be ${latest.toISOString()} or earlier, got ${at.toISOString()}` };
  return undefined;
}
