import type { Tensor, TensorSpec } from './tensor.js';

/** A model in memory, ready to answer. */
export interface RuntimeModel {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /**
   * Answers by the names of the outputs. The inputs have been checked against `inputs`.
   *
   * @throws {FailedPrecondition} PREDICTION_FAILED where the model cannot compute with these values
   */
  run(inputs: ReadonlyMap<string, Tensor>): Promise<ReadonlyMap<string, Tensor>>;
  /** Frees the memory. */
  unload(): Promise<void>;
}

/** Loads models of one format. Adapters run them in this process, in another one, or elsewhere. */
export interface ModelRuntime {
  /**
   * Loads a model from the content of its file.
   *
   * @throws {FailedPrecondition} MODEL_NOT_LOADABLE where the content is not a model, or one with unsupported types
   */
  load(content: Uint8Array): Promise<RuntimeModel>;
}

/** Injection token of the runtime. */
export const ModelRuntime = Symbol('ModelRuntime');
