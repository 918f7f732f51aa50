import { FailedPrecondition } from '@q2/errors';
import type { Artifact } from '../artifacts/artifact.js';
import { modelFiles } from '../promotion/gates.js';
import type { VersionKey } from '../versions/version.js';

/** Which version of a model is meant; the one in production where nothing is said. */
export type Selector =
  | { readonly by: 'production' }
  | { readonly by: 'version'; readonly version: string }
  | { readonly by: 'alias'; readonly alias: string }
  | { readonly by: 'range'; readonly range: string };

/** A version that can be loaded. */
export interface Servable {
  readonly key: VersionKey;
  /** Full name of the version. */
  readonly name: string;
  /** The file that holds the model. */
  readonly file: Artifact;
  /** Memory that loading reserves. */
  readonly bytes: number;
  readonly isPinned: boolean;
}

/** The least that a loaded model is taken to need: runtime structures besides its weights. */
const leastBytes = 16 * 1024 * 1024;
/** Weights, the runtime's own layout of them, and room to compute. */
const fileSizeFactor = 4;

/**
 * Memory that loading a file reserves.
 *
 * @param declaredBytes what the model declares; zero where it declares nothing
 */
export function reservedBytes(fileBytes: number, declaredBytes: number): number {
  return declaredBytes > 0 ? declaredBytes : Math.max(leastBytes, fileBytes * fileSizeFactor);
}

/**
 * The one file that holds a version's model.
 *
 * @throws {FailedPrecondition} MODEL_FILE_MISSING where there is none, or more than one
 */
export function theModelFile(version: string, files: readonly Artifact[]): Artifact {
  const [file, ...others] = modelFiles(files);
  if (file !== undefined && others.length === 0) return file;
  const found = file === undefined ? 'none' : [file, ...others].map(({ fileName }) => fileName).join(', ');
  throw new FailedPrecondition('MODEL_FILE_MISSING', `${version} needs exactly one .onnx file to be served, has ${found}`, { version });
}
