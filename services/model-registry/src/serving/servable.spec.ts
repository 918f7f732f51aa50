import type { Artifact } from '../artifacts/artifact.js';
import { reservedBytes, theModelFile } from './servable.js';

const file = (fileName: string): Artifact => ({ fileName, sha256: 'ab'.repeat(32), sizeBytes: 1, creator: 'test', createdAt: new Date(0) });

describe('reservedBytes', () => {
  it('is what the model declares', () => {
    expect(reservedBytes(1_000_000, 42)).toBe(42);
  });

  it('is estimated from the file where the model declares nothing', () => {
    expect(reservedBytes(100_000_000, 0)).toBe(400_000_000);
    expect(reservedBytes(1_000, 0)).toBe(16_777_216);
  });
});

describe('theModelFile', () => {
  it('is the one .onnx file', () => {
    expect(theModelFile('1.0.0', [file('labels.json'), file('model.onnx')]).fileName).toBe('model.onnx');
  });

  it.each([
    ['none', [file('labels.json')]],
    ['a.onnx, b.onnx', [file('a.onnx'), file('b.onnx')]],
  ])('is missing where there are %s', (found, files) => {
    expect(() => theModelFile('1.0.0', files)).toThrow(`has ${found}`);
  });
});
