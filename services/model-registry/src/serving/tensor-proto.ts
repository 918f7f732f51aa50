import type { MessageInitShape } from '@bufbuild/protobuf';
import { models } from '@q2/contracts';
import { InvalidArgument } from '@q2/errors';
import { tensorFromJson, tensorToJson } from './json-tensor.js';
import type { Tensor, TensorSpec } from './tensor.js';

type Inputs = models.PredictRequest['inputs'];
type Outputs = NonNullable<MessageInitShape<typeof models.PredictResponseSchema>['outputs']>;

/**
 * Reads what to predict from, in whichever form it came.
 *
 * @throws {InvalidArgument} naming what is not a tensor, and what the model does not read
 */
export function readInputs(inputs: Inputs, specs: readonly TensorSpec[]): ReadonlyMap<string, Tensor> {
  if (inputs.case === 'json') return jsonInputs(inputs.value, specs);
  return new Map(Object.entries(inputs.value?.tensors ?? {}).map(([name, tensor]) => [name, tensorOf(tensor)]));
}

/** Writes what a model answered, in the form that the inputs had. */
export function writeOutputs(outputs: ReadonlyMap<string, Tensor>, form: Inputs['case']): Outputs {
  const entries = [...outputs];
  if (form === 'json') return { case: 'json', value: Object.fromEntries(entries.map(([name, tensor]) => [name, tensorToJson(tensor)])) };
  return { case: 'tensors', value: { tensors: Object.fromEntries(entries.map(([name, tensor]) => [name, tensorProto(tensor)])) } };
}

function jsonInputs(json: NonNullable<Extract<Inputs, { case: 'json' }>['value']>, specs: readonly TensorSpec[]): Map<string, Tensor> {
  return new Map(
    Object.entries(json).map(([name, value]) => {
      const spec = specs.find((known) => known.name === name);
      if (spec === undefined) {
        const names = specs.map((known) => known.name).join(', ');
        throw InvalidArgument.field(`inputs.json.${name}`, `the model has no such input; it reads ${names}`);
      }
      return [name, tensorFromJson(spec, value)];
    }),
  );
}

function tensorOf({ shape, values }: models.Tensor): Tensor {
  const sizes = shape.map(Number);
  if (values.case === 'ints') return { shape: sizes, values: BigInt64Array.from(values.value.values) };
  return { shape: sizes, values: Float32Array.from(values.value?.values ?? []) };
}

function tensorProto({ shape, values }: Tensor): MessageInitShape<typeof models.TensorSchema> {
  const sizes = shape.map(BigInt);
  if (values instanceof BigInt64Array) return { shape: sizes, values: { case: 'ints', value: { values: [...values] } } };
  return { shape: sizes, values: { case: 'floats', value: { values: [...values] } } };
}
