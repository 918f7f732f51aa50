import { experiments } from '@q2/contracts';
import { defineExperiment, splitterOf } from '../experiments/experiment.js';
import { aDefinition, type ExperimentInit } from '../definition.testing.js';
import { assign } from './assign.js';

const { AssignmentReason, State } = experiments;

function anExperiment(state: experiments.State, change: ExperimentInit = {}, winnerVariant = ''): experiments.Experiment {
  return { ...defineExperiment('test', aDefinition(change)), state, winnerVariant };
}

function assigned(experiment: experiments.Experiment, unitId: string, attributes = {}): [string, string] {
  const { variant, reason } = assign(experiment, splitterOf(experiment), { unitId, attributes });
  return [variant.id, AssignmentReason[reason]];
}

const units = Array.from({ length: 200 }, (_, unit) => `u${unit}`);

describe('assign', () => {
  it('splits units while running, always alike', () => {
    const experiment = anExperiment(State.RUNNING);
    const first = units.map((unit) => assigned(experiment, unit));
    expect(units.map((unit) => assigned(experiment, unit))).toEqual(first);
    expect(new Set(first.map(([variant]) => variant))).toEqual(new Set(['old', 'new']));
    expect(new Set(first.map(([, reason]) => reason))).toEqual(new Set(['SPLIT']));
  });

  it.each([State.DRAFT, State.PAUSED])('shows everyone the control in state %d', (state) => {
    expect(assigned(anExperiment(state), 'u1')).toEqual(['old', 'NOT_RUNNING']);
  });

  it('shows everyone the winner once it is over, or else the control', () => {
    expect(assigned(anExperiment(State.COMPLETED, {}, 'new'), 'u1')).toEqual(['new', 'ENDED']);
    expect(assigned(anExperiment(State.COMPLETED), 'u1')).toEqual(['old', 'ENDED']);
    expect(assigned(anExperiment(State.ROLLED_BACK), 'u1')).toEqual(['old', 'ENDED']);
  });

  it('shows the control outside the allocation', () => {
    const answers = units.map((unit) => assigned(anExperiment(State.RUNNING, { allocationBasisPoints: 1000 }), unit));
    const outside = answers.filter(([, reason]) => reason === 'NOT_ALLOCATED');
    expect(outside.every(([variant]) => variant === 'old')).toBe(true);
    expect(Math.abs(outside.length - 180)).toBeLessThan(15);
  });

  it('shows the control to who is not meant', () => {
    const experiment = anExperiment(State.RUNNING, { condition: 'unit.country == "CH"' });
    expect(assigned(experiment, 'u1', { country: 'CH' })[1]).toBe('SPLIT');
    expect(assigned(experiment, 'u1', { country: 'FR' })).toEqual(['old', 'NOT_TARGETED']);
    expect(assigned(experiment, 'u1')).toEqual(['old', 'NOT_TARGETED']);
    expect(assign(experiment, splitterOf(experiment), { unitId: 'u1' }).reason).toBe(AssignmentReason.NOT_TARGETED);
  });
});
