import { models } from '@q2/contracts';
import { FailedPrecondition, NotFound } from '@q2/errors';
import type { Stage } from '../versions/stage.js';

/** What tells a model apart. */
export interface ModelKey {
  readonly tenant: string;
  readonly model: string;
}

/** What a caller decides about a model. */
export interface ModelFields {
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly task: string;
  readonly owner: string;
  /** Memory that loading a version reserves; zero: estimated from its file. */
  readonly memoryLimitBytes: number;
}

/** A model: a named series of versions. */
export interface Model extends ModelKey, ModelFields {
  readonly productionVersion: string | undefined;
  /** Position of the last move in its history. */
  readonly lastSequence: number;
  readonly revision: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** What is said where a model does not exist, or lies in a tenant that may not be seen. */
export function modelNotFound(key: ModelKey): NotFound {
  const model = models.modelName.format(key);
  return new NotFound('MODEL_NOT_FOUND', `${model} does not exist`, { model });
}

/**
 * Guards the history: a model is deleted only while nothing of it was ever fixed.
 *
 * @throws {FailedPrecondition} MODEL_HAS_HISTORY
 */
export function mustBeWithoutHistory(key: ModelKey, versions: readonly { readonly version: string; readonly stage: Stage }[]): void {
  const kept = versions.find(({ stage }) => stage !== 'DRAFT');
  if (kept === undefined) return;
  const model = models.modelName.format(key);
  const message = `${model} has a history: ${kept.version} is in ${kept.stage}; only a model whose versions are all drafts can be deleted`;
  throw new FailedPrecondition('MODEL_HAS_HISTORY', message, { model, version: kept.version });
}
