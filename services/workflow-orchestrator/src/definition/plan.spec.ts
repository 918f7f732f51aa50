import { aDefinition, aStep, aTask } from '../testing/definitions.testing.js';
import { planOf, topologically } from './plan.js';

const definition = aDefinition(
  [
    aStep('end', aTask(), { needs: ['all'] }),
    aStep(
      'all',
      { kind: 'parallel', branches: [[aStep('y', aTask(), { needs: ['x'] }), aStep('x')], [aStep('z')]], maxConcurrency: 1 },
      { needs: ['start'] },
    ),
    aStep('start'),
  ],
  { onFailure: [aStep('tell')] },
);

describe('planOf', () => {
  const plan = planOf(definition);
  const before = (id: string) => [...(plan.steps.get(id)?.before ?? [])].sort();

  it('orders each step after what it needs, and opens and closes what has steps within', () => {
    expect(plan.order.map(({ id, phase }) => `${phase} ${id}`)).toEqual([
      ...['open start', 'open all', 'open x', 'open y', 'open z', 'close all', 'open end', 'open tell'],
    ]);
  });

  it('knows what has ended when a step begins', () => {
    expect(before('start')).toEqual([]);
    expect(before('z')).toEqual(['start']);
    expect(before('y')).toEqual(['start', 'x']);
    expect(before('end')).toEqual(['all', 'start', 'x', 'y', 'z']);
    expect(before('tell')).toEqual(['all', 'end', 'start', 'x', 'y', 'z']);
  });

  it('knows which list a step is in', () => {
    expect(plan.steps.get('z')?.scope).toEqual({ owner: 'all', index: 1, isHandler: false, steps: ['z'] });
    expect(plan.steps.get('tell')?.scope).toEqual({ owner: undefined, index: 0, isHandler: true, steps: ['tell'] });
  });
});

describe('topologically', () => {
  it('leaves out what waits for itself, and what waits for that', () => {
    const steps = [
      aStep('a', aTask(), { needs: ['b'] }),
      aStep('b', aTask(), { needs: ['a'] }),
      aStep('c', aTask(), { needs: ['a'] }),
      aStep('d'),
    ];
    expect(topologically(steps).map(({ id }) => id)).toEqual(['d']);
  });

  it('takes needs that do not exist for met: validation reports them', () => {
    const definitionWithout = aDefinition([aStep('a', aTask(), { needs: ['none'] })]);
    expect(planOf(definitionWithout).order).toEqual([{ id: 'a', phase: 'open' }]);
  });
});
