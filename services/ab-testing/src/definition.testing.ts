// An experiment to test with.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { experiments } from '@q2/contracts';

const { Direction, MetricKind, MetricRole, UnitValue } = experiments;

export type ExperimentInit = Exclude<MessageInitShape<typeof experiments.ExperimentSchema>, experiments.Experiment>;

/** Two model versions, 50/50, conversion as the goal and latency as a guardrail. */
export function aDefinition(change: ExperimentInit = {}): experiments.Experiment {
  return create(experiments.ExperimentSchema, {
    displayName: 'Better digits',
    variants: [
      {
        id: 'old',
        control: true,
        weightBasisPoints: 5000,
        content: { case: 'target', value: 'tenants/acme/models/digits/versions/1.0.0' },
      },
      { id: 'new', weightBasisPoints: 5000, content: { case: 'target', value: 'tenants/acme/models/digits/versions/1.1.0' } },
    ],
    metrics: [
      { id: 'correct', kind: MetricKind.PROPORTION, role: MetricRole.GOAL, direction: Direction.INCREASE },
      { id: 'latency', kind: MetricKind.MEAN, role: MetricRole.GUARDRAIL, direction: Direction.DECREASE, margin: 0.5 },
      { id: 'revenue', kind: MetricKind.MEAN, role: MetricRole.SECONDARY, direction: Direction.INCREASE, unitValue: UnitValue.TOTAL },
    ],
    decisionRule: { alpha: 0.05, minSamplePerVariant: 100 },
    ...change,
  });
}
