import { clone } from '@bufbuild/protobuf';
import { schedules } from '@q2/contracts';
import { InvalidArgument } from '@q2/errors';

const { TriggerSchema } = schedules;

type Apply = (target: schedules.Trigger, source: schedules.Trigger) => void;

const takeCondition: Apply = (target, source) => {
  target.condition = source.condition;
};
const takeAction: Apply = (target, source) => {
  target.action = source.action;
};

/** What callers may set, by its name in the contract. */
const settable: ReadonlyMap<string, Apply> = new Map<string, Apply>([
  ['display_name', (target, { displayName }) => (target.displayName = displayName)],
  ['labels', (target, { labels }) => (target.labels = labels)],
  ['cron', takeCondition],
  ['interval', takeCondition],
  ['once', takeCondition],
  ['event', takeCondition],
  ['dependency', takeCondition],
  ['start_workflow', takeAction],
  ['emit_event', takeAction],
  ['start_time', (target, { startTime }) => replace(target, 'startTime', startTime)],
  ['end_time', (target, { endTime }) => replace(target, 'endTime', endTime)],
  ['max_runs', (target, { maxRuns }) => (target.maxRuns = maxRuns)],
  ['overlap_policy', (target, { overlapPolicy }) => (target.overlapPolicy = overlapPolicy)],
  ['misfire_policy', (target, { misfirePolicy }) => (target.misfirePolicy = misfirePolicy)],
  ['catch_up_window', (target, { catchUpWindow }) => replace(target, 'catchUpWindow', catchUpWindow)],
  ['max_start_attempts', (target, { maxStartAttempts }) => (target.maxStartAttempts = maxStartAttempts)],
]);

function replace<Field extends 'startTime' | 'endTime' | 'catchUpWindow'>(
  target: schedules.Trigger,
  field: Field,
  value: schedules.Trigger[Field],
): void {
  if (value === undefined) delete target[field];
  else target[field] = value;
}

/**
 * A trigger with the fields of a mask replaced; an empty mask replaces all that callers may set.
 *
 * @throws {InvalidArgument} naming `update_mask` where a path is not one that callers may set
 */
export function applyMask(current: schedules.Trigger, change: schedules.Trigger, paths: readonly string[]): schedules.Trigger {
  const target = clone(TriggerSchema, current);
  for (const path of paths.length === 0 ? settable.keys() : paths) {
    const apply = settable.get(path);
    if (apply === undefined) {
      throw InvalidArgument.field('update_mask', `'${path}' cannot be changed; what can is ${[...settable.keys()].join(', ')}`);
    }
    apply(target, change);
  }
  return target;
}
