import { fromJson } from '@bufbuild/protobuf';
import { timestampFromDate, timestampFromMs, ValueSchema } from '@bufbuild/protobuf/wkt';
import { workflows } from '@q2/contracts';
import type { JsonValue } from '@q2/expressions';
import type { HistoryType } from '../engine/command.js';
import type { ExecutionStatus, StepState, StepStatus } from '../engine/state.js';
import type { Execution, StoredEntry } from './execution-store.js';
import { executionNameOf, workflowNameOf } from './turns.service.js';

const { ExecutionState, StepStatus: StepStatusProto } = workflows;

const states: Record<ExecutionStatus, workflows.ExecutionState> = {
  running: ExecutionState.RUNNING,
  failing: ExecutionState.FAILING,
  succeeded: ExecutionState.SUCCEEDED,
  failed: ExecutionState.FAILED,
  cancelled: ExecutionState.CANCELLED,
};

const statuses: Record<StepStatus, workflows.StepStatus> = {
  pending: StepStatusProto.PENDING,
  running: StepStatusProto.RUNNING,
  waiting: StepStatusProto.WAITING,
  retrying: StepStatusProto.RETRYING,
  succeeded: StepStatusProto.SUCCEEDED,
  failed: StepStatusProto.FAILED,
  skipped: StepStatusProto.SKIPPED,
  cancelled: StepStatusProto.CANCELLED,
};

/** An execution without its steps. */
export function executionProto(execution: Execution) {
  const { state, input, starter, createdAt, lastSequence } = execution;
  return {
    name: executionNameOf(execution),
    workflow: workflowNameOf(execution),
    state: state.isPaused ? ExecutionState.PAUSED : states[state.status],
    input,
    ...(state.status === 'succeeded' && { output: valueOf(state.output ?? null) }),
    ...(state.failure !== undefined && { failure: state.failure }),
    starter,
    createTime: timestampFromDate(createdAt),
    ...(state.endedAtMs !== undefined && { endTime: timestampFromMs(state.endedAtMs) }),
    lastSequence: BigInt(lastSequence),
  };
}

/** An execution with its steps, in the definition's order where `order` gives it. */
export function executionWithSteps(execution: Execution, order: readonly string[]) {
  const steps = [...new Set(order)].flatMap((id) => {
    const state = execution.state.steps[id];
    return state === undefined ? [] : [stepProto(id, state)];
  });
  return { ...executionProto(execution), steps };
}

function stepProto(step: string, { status, attempts, output, failure, startedAtMs, endedAtMs }: StepState) {
  return {
    step,
    status: statuses[status],
    attempts,
    ...(output !== undefined && { output: valueOf(output) }),
    ...(failure !== undefined && { failure }),
    startTime: timestampFromMs(startedAtMs),
    ...(endedAtMs !== undefined && { endTime: timestampFromMs(endedAtMs) }),
  };
}

function valueOf(json: JsonValue) {
  return fromJson(ValueSchema, json);
}

/** What the list of a state asks of the stored rows. */
export function stateFilter(state: workflows.ExecutionState): { status: ExecutionStatus | undefined; isPaused: boolean | undefined } {
  if (state === ExecutionState.UNSPECIFIED) return { status: undefined, isPaused: undefined };
  if (state === ExecutionState.PAUSED) return { status: undefined, isPaused: true };
  const [status] = Object.entries(states).find(([, proto]) => proto === state) ?? [];
  return { status: isStatus(status) ? status : undefined, isPaused: false };
}

function isStatus(text: string | undefined): text is ExecutionStatus {
  return text !== undefined && text in states;
}

const historyTypes: Record<HistoryType, workflows.HistoryType> = workflows.HistoryType;

/** An entry of the history. */
export function historyProto({ sequence, atMs, type, step, attempt, data }: StoredEntry) {
  return { sequence: BigInt(sequence), time: timestampFromMs(atMs), type: historyTypes[type], step, attempt, data };
}
