import { create } from '@bufbuild/protobuf';
import { experiments } from '@q2/contracts';
import { InvalidArgument } from '@q2/errors';
import { aDefinition } from '../definition.testing.js';
import { controlOf, defineExperiment, goalOf, required, ruleOf, splitterOf, treatmentsOf } from './experiment.js';
import { requireAllowed, takesData } from './lifecycle.js';
import { applyUpdate } from './update-mask.js';

const { Direction, MetricKind, MetricRole, UnitValue } = experiments;

function violationsOf(change: Parameters<typeof aDefinition>[0]): string[] {
  try {
    defineExperiment('test', aDefinition(change));
    return [];
  } catch (error) {
    if (error instanceof InvalidArgument) return error.violations.map(({ field, description }) => `${field}: ${description}`);
    throw error;
  }
}

const variant = (id: string, weightBasisPoints: number, control = false) => ({ id, weightBasisPoints, control });
const goal = { id: 'goal', kind: MetricKind.PROPORTION, role: MetricRole.GOAL, direction: Direction.INCREASE };

describe('defineExperiment', () => {
  it('writes every default out', () => {
    const { decisionRule: _, ...given } = aDefinition();
    const defined = defineExperiment('test', create(experiments.ExperimentSchema, given));
    expect(defined).toMatchObject({ seed: 'test', allocationBasisPoints: 10_000 });
    expect(defined.decisionRule).toMatchObject({ alpha: 0.05, minSamplePerVariant: 100, plannedSamplePerVariant: 100, action: 1 });
    expect(defined.metrics.map(({ unitValue }) => unitValue)).toEqual([UnitValue.UNSPECIFIED, UnitValue.AVERAGE, UnitValue.TOTAL]);
  });

  it('keeps what its author decides, and nothing else', () => {
    const defined = defineExperiment(
      'test',
      aDefinition({ seed: 's', name: 'tenants/acme/experiments/x', etag: '9', winnerVariant: 'new' }),
    );
    expect(defined).toMatchObject({ seed: 's', name: '', etag: '', winnerVariant: '', displayName: 'Better digits' });
  });

  it.each([
    ['no control', [variant('a', 5000), variant('b', 5000)], ['experiment.variants: must have exactly one control, got 0']],
    ['two controls', [variant('a', 5000, true), variant('b', 5000, true)], ['experiment.variants: must have exactly one control, got 2']],
    [
      'weights short of the whole',
      [variant('a', 5000, true), variant('b', 4000)],
      ['experiment.variants: weights must sum to 10000, got 9000'],
    ],
    ['an id used twice', [variant('a', 5000, true), variant('a', 5000)], ["experiment.variants[1].id: must be unique, 'a' is used twice"]],
    [
      'all weight on one',
      [variant('a', 0, true), variant('b', 10_000)],
      ['experiment.variants: must have two with a weight, got 1', 'experiment.variants: the control must have a weight, got 0'],
    ],
  ])('refuses %s', (_, variants, violations) => {
    expect(violationsOf({ variants })).toEqual(violations);
  });

  it.each([
    ['no goal', [{ ...goal, role: MetricRole.SECONDARY }], ['experiment.metrics: must have exactly one goal, got 0']],
    ['two goals', [goal, { ...goal, id: 'other' }], ['experiment.metrics: must have exactly one goal, got 2']],
    ['a margin of a goal', [{ ...goal, margin: 0.1 }], ['experiment.metrics[0].margin: is for guardrails, got 0.1']],
    [
      'a sum of a proportion',
      [{ ...goal, unitValue: UnitValue.TOTAL }],
      ['experiment.metrics[0].unit_value: is for means, leave it out for a proportion'],
    ],
  ])('refuses %s', (_, metrics, violations) => {
    expect(violationsOf({ metrics })).toEqual(violations);
  });

  it('refuses a condition that is none, or that uses what it cannot see', () => {
    expect(violationsOf({ condition: 'unit.country == "CH"' })).toEqual([]);
    expect(violationsOf({ condition: 'unit.country ==' })).toEqual([expect.stringMatching(/^experiment.condition: /)]);
    expect(violationsOf({ condition: 'user.country == "CH"' })).toEqual(["experiment.condition: may use 'unit' only, uses user"]);
  });
});

describe('an experiment', () => {
  it('knows its control, its goal and what is compared', () => {
    const experiment = aDefinition({ variants: [variant('a', 5000, true), variant('b', 5000), variant('off', 0)] });
    expect(controlOf(experiment).id).toBe('a');
    expect(goalOf(experiment).id).toBe('correct');
    expect(treatmentsOf(experiment).map(({ id }) => id)).toEqual(['b']);
    expect(splitterOf(experiment)('u')).toBeGreaterThanOrEqual(0);
    expect(ruleOf(experiment)).toEqual({ alpha: 0.05, minSamplePerVariant: 100, plannedSamplePerVariant: 100 });
  });

  it('says what is missing where it was stored broken', () => {
    expect(() => required(undefined, 'goal')).toThrow('stored without its goal');
  });
});

describe('applyUpdate', () => {
  const given = aDefinition({ displayName: 'Renamed', hypothesis: 'why', seed: 'other' });

  it('replaces the fields named', () => {
    const after = applyUpdate(aDefinition(), given, ['display_name', 'seed']);
    expect(after).toMatchObject({ displayName: 'Renamed', seed: 'other', hypothesis: '' });
  });

  it('replaces all that can be edited where none is named', () => {
    expect(applyUpdate(aDefinition(), given, [])).toMatchObject({ displayName: 'Renamed', hypothesis: 'why' });
  });

  it('refuses fields that are not for editing, and parts of fields', () => {
    expect(() => applyUpdate(aDefinition(), given, ['state'])).toThrow('update_mask: may name display_name, hypothesis, variants');
    expect(() => applyUpdate(aDefinition(), given, ['decision_rule.alpha'])).toThrow("got 'decision_rule.alpha'");
  });
});

describe('the life of an experiment', () => {
  const name = 'tenants/acme/experiments/x';

  it.each([
    ['update', ['DRAFT']],
    ['start', ['DRAFT']],
    ['pause', ['RUNNING']],
    ['resume', ['PAUSED']],
    ['complete', ['RUNNING', 'PAUSED']],
    ['roll back', ['RUNNING', 'PAUSED']],
  ] as const)('allows %s in %j only', (action, allowed) => {
    const states = ['DRAFT', 'RUNNING', 'PAUSED', 'COMPLETED', 'ROLLED_BACK'] as const;
    const isAllowed = (state: (typeof states)[number]) => {
      try {
        requireAllowed(action, { name, state });
        return true;
      } catch {
        return false;
      }
    };
    expect(states.filter(isAllowed)).toEqual(allowed);
  });

  it('says what the state is and must be', () => {
    expect(() => requireAllowed('start', { name, state: 'PAUSED' })).toThrow(`cannot start ${name}: it is PAUSED, must be DRAFT`);
  });

  it('takes data from its start to its end', () => {
    expect((['DRAFT', 'RUNNING', 'PAUSED', 'COMPLETED', 'ROLLED_BACK'] as const).filter(takesData)).toEqual(['RUNNING', 'PAUSED']);
  });
});
