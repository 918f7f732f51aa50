import { readFile } from 'node:fs/promises';

/** One handwritten digit: 8×8 pixels of 0–16, and what it shows. */
export interface Digit {
  readonly row: string;
  readonly label: number;
  readonly pixels: readonly number[];
}

const dataFolder = new URL('../../data/', import.meta.url);

/** Digits that no model was trained on, in the order of the file. */
export async function heldOutDigits(): Promise<Digit[]> {
  const [, ...lines] = (await readFile(new URL('digits.csv', dataFolder), 'utf8')).trim().split('\n');
  return lines
    .map((line) => line.split(','))
    .flatMap(([row = '', split, label, ...pixels]) =>
      split === 'held-out' ? [{ row, label: Number(label), pixels: pixels.map(Number) }] : [],
    );
}

/** The ONNX file of a version. */
export function modelFile(version: string): Promise<Buffer> {
  return readFile(new URL(`digits-${version}.onnx`, dataFolder));
}
