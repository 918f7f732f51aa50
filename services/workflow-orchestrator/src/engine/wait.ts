import { compileCondition, type JsonObject, renderTemplate } from '@q2/expressions';
import type { PlannedStep } from '../definition/plan.js';
import type { WaitWork } from '../definition/definition.js';
import { failStep, reasonOf, succeedStep, timeoutTimer, waitTimer } from './attempt.js';
import type { HeardEvent } from './event.js';
import type { Turn } from './turn.js';
import { variablesOf } from './variables.js';

/** Begins a wait; one whose moment has passed, or whose signal is there already, ends with it. */
export function beginWait(turn: Turn, planned: PlannedStep, { until }: WaitWork): void {
  const { id, timeoutMs } = planned.step;
  turn.change(id, { status: 'waiting' });
  turn.note('STEP_STARTED', id);
  if (timeoutMs !== undefined) turn.setTimer(timeoutTimer(id), turn.atMs + timeoutMs);
  switch (until.kind) {
    case 'duration':
      return turn.setTimer(waitTimer(id), turn.atMs + until.durationMs);
    case 'timestamp':
      return waitForTimestamp(turn, planned, until.timestamp);
    case 'signal':
      return hearSignal(turn, id, until.signal);
    case 'event':
      return turn.command({ type: 'listen', step: id, eventType: until.type });
  }
}

function waitForTimestamp(turn: Turn, { step, before, scope }: PlannedStep, template: string): void {
  try {
    const rendered = renderTemplate(template, variablesOf(turn, before, scope.isHandler));
    const dueAtMs = typeof rendered === 'string' ? Date.parse(rendered) : Number.NaN;
    if (!Number.isNaN(dueAtMs)) return turn.setTimer(waitTimer(step.id), dueAtMs);
    failStep(turn, step.id, { reason: 'INVALID_TIMESTAMP', message: `${JSON.stringify(rendered)} is not an RFC 3339 timestamp` });
  } catch (error) {
    failStep(turn, step.id, reasonOf(error));
  }
}

/** Ends a wait with the oldest signal kept for it, if there is one. */
function hearSignal(turn: Turn, id: string, signal: string): void {
  const [payload, ...later] = turn.state.signals[signal] ?? [];
  if (payload === undefined) return;
  const { [signal]: _, ...others } = turn.state.signals;
  turn.state.signals = later.length === 0 ? others : { ...others, [signal]: later };
  succeedStep(turn, id, payload);
}

/** A signal comes: the first step that waits for it has it, or else it is kept. */
export function receiveSignal(turn: Turn, signal: string, payload: JsonObject): void {
  turn.note('SIGNAL_RECEIVED', '', { signal, payload });
  turn.state.signals = { ...turn.state.signals, [signal]: [...(turn.state.signals[signal] ?? []), payload] };
  const waiting = turn.plan.order.find(
    ({ id, phase }) => phase === 'open' && turn.step(id)?.status === 'waiting' && signalOf(turn, id) === signal,
  );
  if (waiting !== undefined) hearSignal(turn, waiting.id, signal);
}

function signalOf(turn: Turn, id: string): string | undefined {
  const { work } = turn.planned(id).step;
  return work.kind === 'wait' && work.until.kind === 'signal' ? work.until.signal : undefined;
}

/** A platform event comes for a step: its wait ends if the filter holds. A filter that fails does not hold. */
export function hearEvent(turn: Turn, id: string, event: HeardEvent): void {
  const { step, before, scope } = turn.planned(id);
  if (turn.step(id)?.status !== 'waiting' || step.work.kind !== 'wait' || step.work.until.kind !== 'event') return;
  const { filter, type } = step.work.until;
  if (type !== event.type) return;
  if (filter !== undefined && !holdsFor(filter, { ...variablesOf(turn, before, scope.isHandler), event })) return;
  succeedStep(turn, id, event);
}

function holdsFor(filter: Parameters<typeof compileCondition>[0], variables: JsonObject): boolean {
  try {
    return compileCondition(filter).holds(variables);
  } catch (error) {
    reasonOf(error);
    return false;
  }
}
