import { FailedPrecondition } from '@q2/errors';

/** A file of a version, and what re-reading it found. */
export interface CheckedFile {
  readonly fileName: string;
  /** What is wrong with it; undefined where it is as it was uploaded. */
  readonly problem: string | undefined;
}

const modelFileEnding = '.onnx';

/** The files of a version that hold its model. A version that serves has exactly one. */
export function modelFiles<File extends { readonly fileName: string }>(files: readonly File[]): File[] {
  return files.filter(({ fileName }) => fileName.endsWith(modelFileEnding));
}

/**
 * Lets a version pass to STAGING or PRODUCTION: it has exactly one model file, and every file is as it was uploaded.
 *
 * @throws {FailedPrecondition} GATES_NOT_PASSED, saying which gates failed and why
 */
export function passGates(version: string, files: readonly CheckedFile[]): void {
  const failures = [...completeness(files), ...integrity(files)];
  if (failures.length === 0) return;
  const message = `${version} may not be promoted: ${failures.map(({ gate, detail }) => `${gate}: ${detail}`).join('; ')}`;
  throw new FailedPrecondition('GATES_NOT_PASSED', message, { version, gates: failures.map(({ gate }) => gate).join(',') });
}

interface GateFailure {
  readonly gate: 'artifacts-complete' | 'artifacts-verified';
  readonly detail: string;
}

function completeness(files: readonly CheckedFile[]): GateFailure[] {
  const found = modelFiles(files).map(({ fileName }) => fileName);
  if (found.length === 1) return [];
  const detail =
    found.length === 0 ? `no ${modelFileEnding} file was uploaded` : `one ${modelFileEnding} file is allowed, found ${found.join(', ')}`;
  return [{ gate: 'artifacts-complete', detail }];
}

function integrity(files: readonly CheckedFile[]): GateFailure[] {
  return files.flatMap(({ fileName, problem }) =>
    problem === undefined ? [] : [{ gate: 'artifacts-verified', detail: `${fileName}: ${problem}` } as const],
  );
}
