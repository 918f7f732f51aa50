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
});
