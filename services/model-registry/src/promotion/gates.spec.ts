import { passGates } from './gates.js';

const intact = (fileName: string) => ({ fileName, problem: undefined });

describe('passGates', () => {
  it('lets a version with one intact model file pass, whatever other files it has', () => {
    expect(() => passGates('1.0.0', [intact('labels.json'), intact('model.onnx')])).not.toThrow();
  });

  it('stops a version without a model file', () => {
    expect(() => passGates('1.0.0', [intact('labels.json')])).toThrow('artifacts-complete: no .onnx file was uploaded');
  });

  it('stops a version with two model files', () => {
    expect(() => passGates('1.0.0', [intact('a.onnx'), intact('b.onnx')])).toThrow('found a.onnx, b.onnx');
  });

  it('names every gate that failed', () => {
    const altered = { fileName: 'labels.json', problem: 'is not as it was stored' };
    expect(() => passGates('1.0.0', [altered])).toThrow(
      expect.objectContaining({
        reason: 'GATES_NOT_PASSED',
        metadata: { version: '1.0.0', gates: 'artifacts-complete,artifacts-verified' },
      }),
    );
  });
});
