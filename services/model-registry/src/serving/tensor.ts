import { InvalidArgument } from '@q2/errors';

/** Numbers in a shape, in row-major order. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly values: Float32Array | BigInt64Array;
}

/** What a model reads or answers under one name. */
export interface TensorSpec {
  readonly name: string;
  /** Type of the values as ONNX spells it, such as `float32`. */
  readonly type: string;
  /** Size of each dimension; undefined where any size will do. */
  readonly shape: readonly (number | undefined)[];
}

/** Types that a model may read from, by what a caller gives for them. */
const valuesFor = new Map<string, 'floats' | 'ints'>([
  ['float32', 'floats'],
  ['float64', 'floats'],
  ['int64', 'ints'],
  ['int32', 'ints'],
]);

/** What a caller gives for an input of that type; undefined where the type is not supported. */
export function valuesOf(type: string): 'floats' | 'ints' | undefined {
  return valuesFor.get(type);
}

/** How many values a shape holds; 1 for a single number's, which is empty. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * Checks that tensors are what the model reads: every input and no other, of its type and shape, as many values as the shape says.
 *
 * @throws {InvalidArgument} naming every input that is not
 */
export function checkInputs(specs: readonly TensorSpec[], inputs: ReadonlyMap<string, Tensor>): void {
  const unknown = [...inputs.keys()].filter((name) => !specs.some((spec) => spec.name === name));
  const violations = [
    ...unknown.map((name) => ({
      field: `inputs.${name}`,
      description: `the model has no such input; it reads ${specs.map((spec) => spec.name).join(', ')}`,
    })),
    ...specs.flatMap((spec) => {
      const problem = inputProblem(spec, inputs.get(spec.name));
      return problem === undefined ? [] : [{ field: `inputs.${spec.name}`, description: problem }];
    }),
  ];
  if (violations.length > 0) throw new InvalidArgument(violations);
}

function inputProblem(spec: TensorSpec, input: Tensor | undefined): string | undefined {
  if (input === undefined) return 'must be given';
  const expected = valuesOf(spec.type);
  const given = input.values instanceof BigInt64Array ? 'ints' : 'floats';
  if (given !== expected) return `must have ${expected ?? 'no'} values (${spec.type}), got ${given}`;
  const fits =
    input.shape.length === spec.shape.length && spec.shape.every((size, index) => size === undefined || size === input.shape[index]);
  if (!fits) return `must have the shape [${spec.shape.map((size) => size ?? 'any').join(', ')}], got [${input.shape.join(', ')}]`;
  const values = sizeOf(input.shape);
  if (values === 0) return `must not be empty, got the shape [${input.shape.join(', ')}]`;
  return values === input.values.length ? undefined : `must have ${values} values for its shape, got ${input.values.length}`;
}
