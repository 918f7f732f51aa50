import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { fromJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { workflowEvents } from '@q2/contracts';
import type { Tx } from '@q2/database';
import type { Outbox } from '@q2/events';
import type { Command, HistoryEntry } from '../engine/command.js';
import type { Decision, Situation } from '../engine/turn.js';

type Emit = Extract<Command, { type: 'emit' }>;

/** Announces what a decision led to: how executions begin and end, the steps that end well, and what `event.emit` says. */
export async function announce(outbox: Outbox, tx: Tx, { facts, atMs }: Situation, decision: Decision): Promise<void> {
  const execution = { execution: facts.name, workflow: facts.workflow };
  for (const entry of decision.history) await announceEntry(outbox, tx, { entry, execution, starter: facts.starter, decision });
  for (const command of decision.commands) {
    if (command.type === 'emit') await announceEmitted(outbox, tx, { ...execution, atMs, command });
  }
}

interface Announced {
  readonly entry: HistoryEntry;
  readonly execution: { readonly execution: string; readonly workflow: string };
  readonly starter: string;
  readonly decision: Decision;
}

async function announceEntry(outbox: Outbox, tx: Tx, { entry, execution, starter, decision }: Announced): Promise<void> {
  const key = execution.execution;
  const time = timestampFromMs(entry.atMs);
  const { failure, output } = decision.state;
  switch (entry.type) {
    case 'EXECUTION_STARTED':
      return outbox.add(tx, { type: workflowEvents.ExecutionStartedSchema, key, data: { ...execution, starter, startTime: time } });
    case 'STEP_SUCCEEDED':
      return outbox.add(tx, { type: workflowEvents.StepCompletedSchema, key, data: { ...execution, step: entry.step, endTime: time } });
    case 'EXECUTION_SUCCEEDED':
      return outbox.add(tx, {
        type: workflowEvents.ExecutionCompletedSchema,
        key,
        data: { ...execution, output: fromJson(ValueSchema, output ?? null), endTime: time },
      });
    case 'EXECUTION_FAILED':
      return outbox.add(tx, { type: workflowEvents.ExecutionFailedSchema, key, data: { ...execution, ...failure, endTime: time } });
    case 'EXECUTION_CANCELLED':
      return outbox.add(tx, {
        type: workflowEvents.ExecutionCancelledSchema,
        key,
        data: { ...execution, reason: String(entry.data['reason'] ?? ''), endTime: time },
      });
    default:
      return;
  }
}

interface Emitted {
  readonly execution: string;
  readonly workflow: string;
  readonly atMs: number;
  readonly command: Emit;
}

async function announceEmitted(outbox: Outbox, tx: Tx, { execution, workflow, atMs, command }: Emitted): Promise<void> {
  const { step, eventType, data } = command;
  await outbox.add(tx, {
    type: workflowEvents.EventEmittedSchema,
    key: execution,
    data: { execution, workflow, step, type: eventType, data, emitTime: timestampFromMs(atMs) },
  });
}
