import { Inject, Injectable } from '@nestjs/common';
import { workflows } from '@q2/contracts';
import type { Tx } from '@q2/database';
import { Outbox } from '@q2/events';
import type { Command } from '../engine/command.js';
import { decide } from '../engine/decide.js';
import type { ExecutionEvent } from '../engine/event.js';
import type { ExecutionFacts } from '../engine/state.js';
import type { Situation } from '../engine/turn.js';
import { deleteTaskOf, insertTask } from '../tasks/task-store.js';
import { WorkflowsService } from '../workflows/workflows.service.js';
import { announce } from './announce.js';
import { ExecutionMetrics } from './execution-metrics.service.js';
import { appendHistory, type Execution, type ExecutionKey, type LockedExecution, saveState, setListener } from './execution-store.js';

/** Full name of an execution. */
export function executionNameOf({ tenant, execution }: ExecutionKey): string {
  return workflows.executionName.format({ tenant, execution });
}

/** Full name of the version that an execution runs. */
export function workflowNameOf({ tenant, workflow, version }: Pick<Execution, 'tenant' | 'workflow' | 'version'>): string {
  return workflows.workflowVersionName.format({ tenant, workflow, version: String(version) });
}

/**
 * Carries the pure engine on PostgreSQL. One transaction stores the new state with its history, tasks, listeners and
 * events, or none of it: an execution that died half-way through is exactly where it was, and its event comes again.
 */
@Injectable()
export class TurnsService {
  constructor(
    @Inject(WorkflowsService) private readonly workflows: WorkflowsService,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(ExecutionMetrics) private readonly metrics: ExecutionMetrics,
  ) {}

  /** Applies events to an execution that the transaction has locked, one after the other. */
  async apply(tx: Tx, locked: LockedExecution, events: readonly ExecutionEvent[]): Promise<Execution> {
    const plan = await this.workflows.plan(locked);
    const situation: Situation = { plan, facts: factsOf(locked), atMs: locked.nowMs };
    let current: Execution = locked;
    for (const event of events) current = await this.applyOne(tx, current, { situation, event });
    await saveState(tx, current);
    this.metrics.noteEnd(tx, locked.state, current.state);
    return current;
  }

  private async applyOne(
    tx: Tx,
    before: Execution,
    { situation, event }: { situation: Situation; event: ExecutionEvent },
  ): Promise<Execution> {
    const decision = decide(situation, before.state, event);
    await appendHistory(tx, before, decision.history);
    for (const command of decision.commands) await carryOut(tx, before.execution, command);
    await announce(this.outbox, tx, situation, decision);
    return { ...before, state: decision.state, lastSequence: before.lastSequence + decision.history.length };
  }
}

async function carryOut(tx: Tx, execution: string, command: Command): Promise<void> {
  switch (command.type) {
    case 'startTask':
      return insertTask(tx, execution, command);
    case 'cancelTask':
      return deleteTaskOf(tx, execution, command.step);
    case 'listen':
      return setListener(tx, { execution, step: command.step, eventType: command.eventType });
    case 'unlisten':
      return setListener(tx, { execution, step: command.step, eventType: undefined });
    case 'emit':
      return; // Announced with the rest of the decision.
  }
}

function factsOf(execution: Execution): ExecutionFacts {
  const { tenant, starter, input } = execution;
  return { name: executionNameOf(execution), tenant, workflow: workflowNameOf(execution), starter, input };
}
