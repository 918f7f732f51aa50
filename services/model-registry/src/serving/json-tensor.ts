import type { JsonValue } from '@bufbuild/protobuf';
import { InvalidArgument } from '@q2/errors';
import { sizeOf, valuesOf, type Tensor, type TensorSpec } from './tensor.js';

/** Deepest nesting of lists: the most dimensions that a tensor may have. */
const maxDimensions = 8;

/**
 * Reads a tensor from nested lists of numbers, in the type that the model reads. A single number is a tensor without dimensions.
 *
 * @throws {InvalidArgument} naming the input where the lists have unequal lengths or hold anything but numbers
 */
export function tensorFromJson(spec: TensorSpec, json: JsonValue): Tensor {
  const shape = shapeOf(json);
  const numbers: number[] = [];
  const problem = collect(json, shape, numbers);
  if (problem !== undefined) throw InvalidArgument.field(`inputs.json.${spec.name}`, problem);
  if (valuesOf(spec.type) !== 'ints') return { shape, values: Float32Array.from(numbers) };
  if (!numbers.every(Number.isSafeInteger))
    throw InvalidArgument.field(`inputs.json.${spec.name}`, 'must hold whole numbers of at most 53 bits');
  return { shape, values: BigInt64Array.from(numbers, BigInt) };
}

/** Writes a tensor as nested lists. Integers past 53 bits are text, and what is not finite is null: JSON has no numbers for them. */
export function tensorToJson({ shape, values }: Tensor): JsonValue {
  const numbers: JsonValue[] = [];
  for (const value of values) numbers.push(typeof value === 'bigint' ? wholeNumber(value) : finite(value));
  return nest(numbers, shape);
}

function shapeOf(json: JsonValue): number[] {
  const shape: number[] = [];
  for (let level: JsonValue | undefined = json; Array.isArray(level) && shape.length < maxDimensions; level = level[0])
    shape.push(level.length);
  return shape;
}

/** Appends the numbers of `json`, and says what is wrong with it. */
function collect(json: JsonValue, [size, ...inner]: readonly number[], numbers: number[]): string | undefined {
  if (size === undefined) {
    if (typeof json !== 'number') return 'must be nested lists of numbers, all of one depth and at most 8 deep';
    numbers.push(json);
    return undefined;
  }
  if (!Array.isArray(json) || json.length !== size) return 'must be nested lists of equal lengths';
  for (const item of json) {
    const problem = collect(item, inner, numbers);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function nest(numbers: readonly JsonValue[], [size, ...inner]: readonly number[]): JsonValue {
  if (size === undefined) return numbers[0] ?? null;
  const step = sizeOf(inner);
  return Array.from({ length: size }, (_, index) => nest(numbers.slice(index * step, (index + 1) * step), inner));
}

function wholeNumber(value: bigint): number | string {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
