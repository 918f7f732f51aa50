import { clone, create } from '@bufbuild/protobuf';
import { prepareSplit, WHOLE_BASIS_POINTS } from '@q2/bucketing';
import { experiments } from '@q2/contracts';
import { InvalidArgument, type FieldViolation } from '@q2/errors';
import { compileExpression, referencedVariables } from '@q2/expressions';

const { DecisionAction, DecisionRuleSchema, ExperimentSchema, MetricKind, MetricRole, UnitValue } = experiments;

export type Experiment = experiments.Experiment;
export type Variant = experiments.Variant;
export type Metric = experiments.Metric;

/** Used where a rule leaves them out. */
const DEFAULT_ALPHA = 0.05;
const DEFAULT_MIN_SAMPLE = 100;

/** Name of the variable that a condition sees: the unit's attributes. */
export const CONDITION_VARIABLE = 'unit';

/** The fields that make up an experiment and can be edited while it is a DRAFT, as an update mask spells them. */
export const EDITABLE_FIELDS = {
  display_name: 'displayName',
  hypothesis: 'hypothesis',
  variants: 'variants',
  metrics: 'metrics',
  decision_rule: 'decisionRule',
  allocation_basis_points: 'allocationBasisPoints',
  condition: 'condition',
  seed: 'seed',
} as const satisfies Record<string, keyof Experiment>;

/** When an experiment is decided, with nothing left open. */
export interface Rule {
  readonly alpha: number;
  readonly minSamplePerVariant: number;
  readonly plannedSamplePerVariant: number;
}

/** The rule of an experiment, defaults filled in. */
export function ruleOf({ decisionRule }: Experiment): Rule {
  const minSamplePerVariant = decisionRule?.minSamplePerVariant || DEFAULT_MIN_SAMPLE;
  return {
    alpha: decisionRule?.alpha || DEFAULT_ALPHA,
    minSamplePerVariant,
    plannedSamplePerVariant: decisionRule?.plannedSamplePerVariant || minSamplePerVariant,
  };
}

/**
 * An experiment as it is kept: only what its author decides, with every default written out.
 *
 * @param id the experiment's id, the seed where none is given
 * @throws {InvalidArgument} naming every field that breaks a rule, as a request spells it
 */
export function defineExperiment(id: string, given: Experiment): Experiment {
  const experiment = create(ExperimentSchema);
  const copy = clone(ExperimentSchema, given);
  for (const field of Object.values(EDITABLE_FIELDS)) copyField(copy, experiment, field);
  experiment.seed ||= id;
  experiment.allocationBasisPoints ??= WHOLE_BASIS_POINTS;
  experiment.decisionRule = create(DecisionRuleSchema, { ...ruleOf(given), action: DecisionAction.ANNOUNCE });
  for (const metric of experiment.metrics) {
    if (metric.kind === MetricKind.MEAN) metric.unitValue ||= UnitValue.AVERAGE;
  }
  const violations = violationsOf(experiment);
  if (violations.length > 0)
    throw new InvalidArgument(violations.map(({ field, description }) => ({ field: `experiment.${field}`, description })));
  return experiment;
}

/** Copies one field from an experiment to another. */
export function copyField<Field extends keyof Experiment>(from: Experiment, to: Experiment, field: Field): void {
  to[field] = from[field];
}

/** Everything about a definition that fields on their own can't say. */
function violationsOf(experiment: Experiment): FieldViolation[] {
  return [...variantViolations(experiment.variants), ...metricViolations(experiment.metrics), ...conditionViolations(experiment.condition)];
}

function variantViolations(variants: readonly Variant[]): FieldViolation[] {
  const controls = variants.filter(({ control }) => control);
  const sum = variants.reduce((total, { weightBasisPoints }) => total + weightBasisPoints, 0);
  const weighted = variants.filter(({ weightBasisPoints }) => weightBasisPoints > 0);
  return [
    ...duplicates('variants', variants),
    ...when(controls.length !== 1, 'variants', `must have exactly one control, got ${controls.length}`),
    ...when(sum !== WHOLE_BASIS_POINTS, 'variants', `weights must sum to ${WHOLE_BASIS_POINTS}, got ${sum}`),
    ...when(weighted.length < 2, 'variants', `must have two with a weight, got ${weighted.length}`),
    ...when(controls[0]?.weightBasisPoints === 0, 'variants', `the control must have a weight, got 0`),
  ];
}

function metricViolations(metrics: readonly Metric[]): FieldViolation[] {
  const goals = metrics.filter(({ role }) => role === MetricRole.GOAL);
  return [
    ...duplicates('metrics', metrics),
    ...when(goals.length !== 1, 'metrics', `must have exactly one goal, got ${goals.length}`),
    ...metrics.flatMap(({ role, margin, kind, unitValue }, index) => [
      ...when(role !== MetricRole.GUARDRAIL && margin !== 0, `metrics[${index}].margin`, `is for guardrails, got ${margin}`),
      ...when(
        kind === MetricKind.PROPORTION && unitValue !== UnitValue.UNSPECIFIED,
        `metrics[${index}].unit_value`,
        'is for means, leave it out for a proportion',
      ),
    ]),
  ];
}

function conditionViolations(condition: string): FieldViolation[] {
  if (condition === '') return [];
  try {
    compileExpression(condition);
    const unknown = referencedVariables(condition).filter((variable) => variable !== CONDITION_VARIABLE);
    return when(unknown.length > 0, 'condition', `may use '${CONDITION_VARIABLE}' only, uses ${unknown.join(', ')}`);
  } catch (error) {
    if (error instanceof InvalidArgument) return [{ field: 'condition', description: error.message }];
    throw error;
  }
}

function duplicates(field: string, items: readonly { id: string }[]): FieldViolation[] {
  return items.flatMap(({ id }, index) =>
    when(items.findIndex((other) => other.id === id) !== index, `${field}[${index}].id`, `must be unique, '${id}' is used twice`),
  );
}

function when(isBroken: boolean, field: string, description: string): FieldViolation[] {
  return isBroken ? [{ field, description }] : [];
}

/** The variant that the others are compared with. */
export function controlOf({ variants }: Experiment): Variant {
  return required(
    variants.find(({ control }) => control),
    'control',
  );
}

/** The variants that are compared with the control: all others with a weight. */
export function treatmentsOf({ variants }: Experiment): Variant[] {
  return variants.filter(({ control, weightBasisPoints }) => !control && weightBasisPoints > 0);
}

/** The metric that decides. */
export function goalOf({ metrics }: Experiment): Metric {
  return required(
    metrics.find(({ role }) => role === MetricRole.GOAL),
    'goal',
  );
}

/** Index of each unit's variant, −1 outside the allocation. */
export function splitterOf({ seed, variants, allocationBasisPoints = WHOLE_BASIS_POINTS }: Experiment) {
  return prepareSplit({ seed, weightsBasisPoints: variants.map(({ weightBasisPoints }) => weightBasisPoints), allocationBasisPoints });
}

/** What `defineExperiment` made sure of. */
export function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`an experiment was stored without its ${what}`);
  return value;
}
