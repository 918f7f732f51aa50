import type { ServiceSchema } from '@q2/database';
import { DecisionRow } from './decisions/decision.entity.js';
import { ExperimentRow } from './experiments/experiment.entity.js';
import { CreateExperiments1764300000000 } from './experiments/experiments.migration.js';
import { CreateOutcomes1764300001000 } from './outcomes/outcomes.migration.js';

/** What ab-testing keeps in PostgreSQL. */
export const experimentsSchema: ServiceSchema = {
  name: 'experiments',
  entities: [ExperimentRow, DecisionRow],
  migrations: [CreateExperiments1764300000000, CreateOutcomes1764300001000],
};
