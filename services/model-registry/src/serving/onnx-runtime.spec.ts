import { readFile } from 'node:fs/promises';
import { FailedPrecondition } from '@q2/errors';
import { OnnxRuntime } from './onnx-runtime.js';

const data = new URL('../../../../e2e/data/', import.meta.url);
const runtime = new OnnxRuntime();

/** The held-out rows of the digits, as the models read them. */
async function heldOutRows(): Promise<{ label: bigint; pixels: Float32Array }[]> {
  const lines = (await readFile(new URL('digits.csv', data), 'utf8')).trim().split('\n').slice(1);
  const cells = lines.map((line) => line.split(',')).filter(([, split]) => split === 'held-out');
  return cells.map(([, , label, ...pixels]) => ({ label: BigInt(label ?? ''), pixels: Float32Array.from(pixels, Number) }));
}

/** The smallest models of each type: `y` is `-x`, or whether `x` is not a number, or `x` itself. */
const tiny = {
  int32: 'CAg6OAoLCgF4EgF5IgNOZWcSBWludDMyWhAKAXgSCwoJCAYSBQoDEgFuYhAKAXkSCwoJCAYSBQoDEgFuQgQKABAR',
  int64: 'CAg6OAoLCgF4EgF5IgNOZWcSBWludDY0WhAKAXgSCwoJCAcSBQoDEgFuYhAKAXkSCwoJCAcSBQoDEgFuQgQKABAR',
  float64: 'CAg6OgoLCgF4EgF5IgNOZWcSB2Zsb2F0NjRaEAoBeBILCgkICxIFCgMSAW5iEAoBeRILCgkICxIFCgMSAW5CBAoAEBE=',
  isNaN: 'CAg6OgoNCgF4EgF5IgVJc05hThIFaXNOYU5aEAoBeBILCgkIARIFCgMSAW5iEAoBeRILCgkICRIFCgMSAW5CBAoAEBE=',
  string: 'CAg6PgoQCgF4EgF5IghJZGVudGl0eRIGc3RyaW5nWhAKAXgSCwoJCAgSBQoDEgFuYhAKAXkSCwoJCAgSBQoDEgFuQgQKABAR',
  sequence: 'CAg6RAoXCgF4EgF5Ig9TcGxpdFRvU2VxdWVuY2USCHNlcXVlbmNlWhAKAXgSCwoJCAESBQoDEgFuYg0KAXkSCCIGCgQKAggBQgQKABAR',
};
const load = (name: keyof typeof tiny) => runtime.load(Buffer.from(tiny[name], 'base64'));

describe('OnnxRuntime', () => {
  it.each([
    ['1.0.0', 0.7575],
    ['1.1.0', 0.9878],
    ['1.2.0', 0.0812],
  ])('answers the held-out digits by version %s as its provenance says', async (version, accuracy) => {
    const rows = await heldOutRows();
    const model = await runtime.load(await readFile(new URL(`digits-${version}.onnx`, data)));
    const values = Float32Array.from(rows.flatMap(({ pixels }) => [...pixels]));
    const answer = await model.run(new Map([['pixels', { shape: [rows.length, 64], values }]]));
    const labels = [...(answer.get('label')?.values ?? [])];
    expect(labels.filter((label, index) => label === rows[index]?.label).length / rows.length).toBeCloseTo(accuracy, 4);
    expect(answer.get('probabilities')?.shape).toEqual([rows.length, 10]);
    await model.unload();
  });

  it('says what a model reads and answers', async () => {
    const model = await runtime.load(await readFile(new URL('digits-1.0.0.onnx', data)));
    expect(model.inputs).toEqual([{ name: 'pixels', type: 'float32', shape: [undefined, 64] }]);
    expect(model.outputs).toEqual([
      { name: 'label', type: 'int64', shape: [undefined] },
      { name: 'probabilities', type: 'float32', shape: [undefined, 10] },
    ]);
    await model.unload();
  });

  it('refuses what is not a model', async () => {
    await expect(runtime.load(Buffer.from('not a model'))).rejects.toMatchObject({ reason: 'MODEL_NOT_LOADABLE' });
  });

  it('says that a model could not compute', async () => {
    const model = await runtime.load(await readFile(new URL('digits-1.0.0.onnx', data)));
    const wrong = new Map([['pixels', { shape: [1, 3], values: Float32Array.of(1, 2, 3) }]]);
    await expect(model.run(wrong)).rejects.toBeInstanceOf(FailedPrecondition);
    await model.unload();
  });

  it.each(['int32', 'int64'] as const)('reads and answers %s', async (type) => {
    const model = await load(type);
    expect(model.inputs).toEqual([{ name: 'x', type, shape: [undefined] }]);
    const answer = await model.run(new Map([['x', { shape: [2], values: BigInt64Array.of(7n, -1n) }]]));
    expect(answer.get('y')).toEqual({ shape: [2], values: BigInt64Array.of(-7n, 1n) });
    await model.unload();
  });

  it('reads and answers float64', async () => {
    const model = await load('float64');
    const answer = await model.run(new Map([['x', { shape: [1], values: Float32Array.of(0.5) }]]));
    expect(answer.get('y')).toEqual({ shape: [1], values: Float32Array.of(-0.5) });
    await model.unload();
  });

  it('answers truth values as 0 and 1', async () => {
    const model = await load('isNaN');
    const answer = await model.run(new Map([['x', { shape: [2], values: Float32Array.of(NaN, 1) }]]));
    expect(answer.get('y')).toEqual({ shape: [2], values: BigInt64Array.of(1n, 0n) });
    await model.unload();
  });

  it('computes with what it is given only', async () => {
    const model = await load('float64');
    await expect(model.run(new Map())).rejects.toMatchObject({ reason: 'PREDICTION_FAILED' });
    await model.unload();
  });

  it.each(['string', 'sequence'] as const)('refuses a model of type %s when it is loaded, not when it is used', async (name) => {
    await expect(load(name)).rejects.toMatchObject({ reason: 'MODEL_NOT_LOADABLE' });
  });
});
