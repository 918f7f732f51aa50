import fc from 'fast-check';
import { InvalidArgument } from '@q2/errors';
import { tensorFromJson, tensorToJson } from './json-tensor.js';
import { sizeOf, type Tensor, type TensorSpec } from './tensor.js';

const floats: TensorSpec = { name: 'pixels', type: 'float32', shape: [undefined] };
const nineDeep = [[[[[[[[[1]]]]]]]]];
const ints: TensorSpec = { name: 'ids', type: 'int64', shape: [undefined] };

describe('tensorFromJson', () => {
  it('reads nested lists row by row', () => {
    const tensor = tensorFromJson(floats, [
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(tensor.shape).toEqual([2, 3]);
    expect([...tensor.values]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('reads a single number', () => {
    expect(tensorFromJson(floats, 0.5)).toMatchObject({ shape: [] });
  });

  it('reads whole numbers where the model does', () => {
    expect([...tensorFromJson(ints, [1, -2]).values]).toEqual([1n, -2n]);
  });

  it.each([[[[1, 2], [3]]], [[[1], 2]], [[1, [2]]], ['text'], [[null]], [{ a: 1 }], [nineDeep]])('refuses %j', (json) => {
    expect(() => tensorFromJson(floats, json)).toThrow(InvalidArgument);
  });

  it.each([[[0.5]], [[2 ** 53]]])('refuses %j as whole numbers', (json) => {
    expect(() => tensorFromJson(ints, json)).toThrow('must hold whole numbers');
  });
});

describe('tensorToJson', () => {
  it('writes what tensorFromJson reads, whatever the shape', () => {
    const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 });
    fc.assert(
      fc.property(shapes, fc.boolean(), fc.integer({ min: -1000, max: 1000 }), (shape, isInts, first) => {
        const numbers = Array.from({ length: sizeOf(shape) }, (_, index) => first + index);
        const tensor: Tensor = { shape, values: isInts ? BigInt64Array.from(numbers, BigInt) : Float32Array.from(numbers) };
        const again = tensorFromJson(isInts ? ints : floats, tensorToJson(tensor));
        expect(again.shape).toEqual(shape);
        expect([...again.values]).toEqual([...tensor.values]);
      }),
    );
  });

  it('writes integers past 53 bits as text, and what is not finite as null', () => {
    expect(tensorToJson({ shape: [2], values: BigInt64Array.of(2n ** 60n, 1n) })).toEqual(['1152921504606846976', 1]);
    expect(tensorToJson({ shape: [3], values: Float32Array.of(NaN, Infinity, 1) })).toEqual([null, null, 1]);
  });

  it('writes an empty tensor', () => {
    expect(tensorToJson({ shape: [0, 3], values: new Float32Array() })).toEqual([]);
    expect(tensorToJson({ shape: [], values: new Float32Array() })).toBeNull();
  });
});
