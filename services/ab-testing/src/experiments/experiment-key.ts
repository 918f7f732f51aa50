import { experiments } from '@q2/contracts';

/** Names an experiment within a tenant. */
export interface ExperimentKey {
  readonly tenant: string;
  readonly id: string;
}

/**
 * The key in an experiment's full name.
 *
 * @param field where the name came from, for the error
 * @throws {InvalidArgument} naming `field` where it is no experiment's name
 */
export function keyOf(name: string, field = 'name'): ExperimentKey {
  const { tenant, experiment } = experiments.experimentName.parse(name, field);
  return { tenant, id: experiment };
}
