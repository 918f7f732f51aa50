import type { FieldViolation } from '@q2/errors';

/** What checks of one request collect. */
export interface Findings {
  readonly violations: FieldViolation[];
  readonly tenants: Set<string>;
}
