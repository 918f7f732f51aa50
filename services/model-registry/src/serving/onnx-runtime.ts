import { FailedPrecondition } from '@q2/errors';
import { InferenceSession, Tensor as OnnxTensor } from 'onnxruntime-node';
import type { ModelRuntime, RuntimeModel } from './runtime.port.js';
import { valuesOf, type Tensor, type TensorSpec } from './tensor.js';

/** Runs ONNX models in this process, one thread each: the platform runs many models side by side, not one as fast as can be. */
export class OnnxRuntime implements ModelRuntime {
  async load(content: Uint8Array): Promise<RuntimeModel> {
    const session = await createSession(content);
    try {
      return new OnnxModel(session, session.inputMetadata.map(specOf), session.outputMetadata.map(specOf));
    } catch (error) {
      await session.release();
      throw error;
    }
  }
}

class OnnxModel implements RuntimeModel {
  constructor(
    private readonly session: InferenceSession,
    readonly inputs: readonly TensorSpec[],
    readonly outputs: readonly TensorSpec[],
  ) {}

  async run(inputs: ReadonlyMap<string, Tensor>): Promise<ReadonlyMap<string, Tensor>> {
    const feeds = Object.fromEntries(this.inputs.flatMap((spec) => feedOf(spec, inputs.get(spec.name))));
    try {
      const answers = Object.entries(await this.session.run(feeds));
      return new Map(answers.map(([name, answer]) => [name, fromOnnx(answer)]));
    } catch (error) {
      const message = `the model could not compute with these inputs: ${firstLine(error)}`;
      throw new FailedPrecondition('PREDICTION_FAILED', message);
    }
  }

  unload(): Promise<void> {
    return this.session.release();
  }
}

async function createSession(content: Uint8Array): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(content, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionProviders: ['cpu'],
      logSeverityLevel: 4,
    });
  } catch (error) {
    throw new FailedPrecondition('MODEL_NOT_LOADABLE', `the model file is not one that the ONNX runtime can load: ${firstLine(error)}`);
  }
}

function specOf(metadata: InferenceSession.ValueMetadata): TensorSpec {
  const { name } = metadata;
  if (!metadata.isTensor || (valuesOf(metadata.type) === undefined && metadata.type !== 'bool')) {
    const type = metadata.isTensor ? metadata.type : 'not a tensor';
    throw new FailedPrecondition(
      'MODEL_NOT_LOADABLE',
      `'${name}' of the model is ${type}; float32, float64, int64, int32 and bool tensors are supported`,
    );
  }
  const shape = metadata.shape.map((size) => (typeof size === 'number' && size >= 0 ? size : undefined));
  return { name, type: metadata.type, shape };
}

function feedOf({ name, type }: TensorSpec, input: Tensor | undefined): [string, OnnxTensor][] {
  if (input === undefined) return [];
  return [[name, toOnnx(type, input)]];
}

function toOnnx(type: string, { shape, values }: Tensor): OnnxTensor {
  if (values instanceof BigInt64Array) {
    return type === 'int32' ? new OnnxTensor('int32', Int32Array.from(values, Number), shape) : new OnnxTensor('int64', values, shape);
  }
  return type === 'float64' ? new OnnxTensor('float64', Float64Array.from(values), shape) : new OnnxTensor('float32', values, shape);
}

function fromOnnx({ type, dims: shape, data }: OnnxTensor): Tensor {
  const numbers: readonly (number | bigint | string)[] = Array.from<number | bigint | string>(data);
  if (type === 'float32' || type === 'float64') return { shape, values: Float32Array.from(numbers, Number) };
  return { shape, values: BigInt64Array.from(numbers, BigInt) };
}

/** The runtime's own words, without the stack of native frames that may follow. */
function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1).join('').slice(0, 300);
}
