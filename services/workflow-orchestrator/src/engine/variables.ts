import { isJsonObject, type JsonObject, type JsonValue } from '@q2/expressions';
import { contextSet } from './inline-action.js';
import type { StepState } from './state.js';
import type { Turn } from './turn.js';

/**
 * What the expressions of a step may read. It depends only on what came before the step by definition, never on what
 * happened to end first: that is why every order of completions leads to the same end.
 */
export function variablesOf(turn: Turn, before: ReadonlySet<string>, isHandler: boolean): JsonObject {
  const { facts } = turn.situation;
  const variables: Record<string, JsonValue> = {
    input: facts.input,
    steps: stepVariables(turn, before),
    context: contextOf(turn, before),
    execution: {
      name: facts.name,
      id: facts.name.slice(facts.name.lastIndexOf('/') + 1),
      workflow: facts.workflow,
      starter: facts.starter,
      startTime: new Date(turn.state.startedAtMs).toISOString(),
      run: turn.state.run,
    },
    tenant: { name: `tenants/${facts.tenant}`, id: facts.tenant },
  };
  const { failure } = turn.state;
  if (isHandler && failure !== undefined) variables['failure'] = { ...failure };
  return variables;
}

function stepVariables(turn: Turn, before: ReadonlySet<string>): JsonObject {
  return Object.fromEntries([...before].map((id) => [id, stepVariable(turn.step(id))]));
}

/** A step in a case that was not taken counts as skipped. */
function stepVariable(state: StepState | undefined): JsonObject {
  const failure = state?.status === 'failed' ? state.failure : undefined;
  return {
    status: state?.status ?? 'skipped',
    output: state?.output ?? null,
    failure: failure === undefined ? null : { ...failure },
  };
}

/** What the `context.set` actions before set, each over those before it in the plan's order. */
function contextOf(turn: Turn, before: ReadonlySet<string>): JsonObject {
  const context: Record<string, JsonValue> = {};
  for (const { id, phase } of turn.plan.order) {
    const { work } = turn.planned(id).step;
    const state = turn.step(id);
    if (phase === 'close' || !before.has(id) || work.kind !== 'action' || work.name !== contextSet) continue;
    if (state?.status === 'succeeded' && isJsonObject(state.output)) Object.assign(context, state.output);
  }
  return context;
}
