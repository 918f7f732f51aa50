import { InvalidArgument } from '@q2/errors';
import { checkInputs, sizeOf, valuesOf, type Tensor, type TensorSpec } from './tensor.js';

const pixels: TensorSpec = { name: 'pixels', type: 'float32', shape: [undefined, 3] };
const floats = (shape: number[], values: number[]): Tensor => ({ shape, values: Float32Array.from(values) });
const ints = (shape: number[], values: bigint[]): Tensor => ({ shape, values: BigInt64Array.from(values) });

describe('checkInputs', () => {
  it('lets what the model reads pass', () => {
    expect(() => checkInputs([pixels], new Map([['pixels', floats([2, 3], [1, 2, 3, 4, 5, 6])]]))).not.toThrow();
    expect(() => checkInputs([{ name: 'ids', type: 'int64', shape: [1] }], new Map([['ids', ints([1], [7n])]]))).not.toThrow();
  });

  it.each([
    ['is missing', undefined, 'must be given'],
    ['has integers for floats', ints([1, 3], [1n, 2n, 3n]), 'must have floats values (float32), got ints'],
    ['has another rank', floats([3], [1, 2, 3]), 'must have the shape [any, 3], got [3]'],
    ['has another size', floats([1, 2], [1, 2]), 'must have the shape [any, 3], got [1, 2]'],
    ['has no values', floats([0, 3], []), 'must not be empty'],
    ['has too few values', floats([2, 3], [1, 2, 3]), 'must have 6 values for its shape, got 3'],
  ])('refuses an input that %s', (_, tensor, problem) => {
    const attempt = () => checkInputs([pixels], tensor === undefined ? new Map() : new Map([['pixels', tensor]]));
    expect(attempt).toThrow(InvalidArgument);
    expect(attempt).toThrow(`inputs.pixels: ${problem}`);
  });

  it('refuses an input that the model does not read, naming those that it does', () => {
    const inputs = new Map([
      ['pixels', floats([1, 3], [1, 2, 3])],
      ['colour', floats([1], [1])],
    ]);
    expect(() => checkInputs([pixels], inputs)).toThrow('inputs.colour: the model has no such input; it reads pixels');
  });

  it('refuses values for a type that is not supported', () => {
    expect(() => checkInputs([{ name: 'text', type: 'string', shape: [1] }], new Map([['text', floats([1], [1])]]))).toThrow(
      'must have no values (string)',
    );
  });
});

describe('valuesOf', () => {
  it('knows the numeric types that callers can give', () => {
    expect(['float32', 'float64', 'int64', 'int32', 'string'].map(valuesOf)).toEqual(['floats', 'floats', 'ints', 'ints', undefined]);
  });
});

describe('sizeOf', () => {
  it('multiplies the dimensions', () => {
    expect(sizeOf([2, 3, 4])).toBe(24);
    expect(sizeOf([])).toBe(1);
  });
});
