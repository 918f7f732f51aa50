import type { JsonObject } from '@bufbuild/protobuf';

/** An execution to be started. Starting it again under the same name has no second effect. */
export interface WorkflowStart {
  readonly tenant: string;
  /** Full name of the execution. */
  readonly execution: string;
  /** Full name of the workflow, or of one of its versions. */
  readonly workflow: string;
  readonly input: JsonObject;
  /** A UUID, the same at each attempt. */
  readonly requestId: string;
}

/** Starts executions, wherever they run. */
export abstract class WorkflowStarter {
  /** @throws {DomainError} as the other side refused it */
  abstract start(start: WorkflowStart): Promise<void>;
}
