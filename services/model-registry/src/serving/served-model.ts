import type { Servable } from './servable.js';
import type { RuntimeModel } from './runtime.port.js';
import { checkInputs, type Tensor } from './tensor.js';

/** What a model answered, and how long it took. */
export interface Prediction {
  readonly outputs: ReadonlyMap<string, Tensor>;
  readonly latencyMs: number;
}

/** A version in memory, with what it did since it was loaded. */
export class ServedModel {
  predictions = 0;
  failures = 0;

  constructor(
    readonly servable: Servable,
    readonly runtime: RuntimeModel,
  ) {}

  /**
   * @throws {InvalidArgument} naming each input that is not what the model reads
   * @throws {FailedPrecondition} PREDICTION_FAILED
   */
  async predict(inputs: ReadonlyMap<string, Tensor>): Promise<Prediction> {
    checkInputs(this.runtime.inputs, inputs);
    const startedMs = performance.now();
    try {
      const outputs = await this.runtime.run(inputs);
      this.predictions += 1;
      return { outputs, latencyMs: performance.now() - startedMs };
    } catch (error) {
      this.failures += 1;
      throw error;
    }
  }

  unload(): Promise<void> {
    return this.runtime.unload();
  }
}
