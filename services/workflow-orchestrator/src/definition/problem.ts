import { InvalidArgument } from '@q2/errors';

/** Something wrong in a definition. */
export interface Problem {
  /** Where: `steps[2].needs[0]`. */
  readonly path: string;
  readonly description: string;
}

/** Runs a compilation of something within a definition, and turns its refusal into problems at `path`. */
export function problemsOf(path: string, compile: () => readonly Problem[]): readonly Problem[] {
  try {
    return compile();
  } catch (error) {
    if (!(error instanceof InvalidArgument)) throw error;
    return error.violations.map(({ field, description }) => ({ path: joinPath(path, field), description }));
  }
}

/** What the compiler calls its input itself adds nothing to where it was found. */
function joinPath(path: string, field: string): string {
  return field === '' || field === 'expression' || field === 'template' ? path : `${path}.${field}`;
}
